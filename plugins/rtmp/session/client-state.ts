import type { AmfValue } from 'wcs-core/formats/amf';
import type { RtmpMessage } from '../wire/message.ts';
import type { FourCc } from './connect-request.ts';
import type { Credentials } from './relay-address.ts';

/** What a client wants of a server; plain data. */
export interface ClientWish {
  readonly role: 'publish' | 'play';
  /** Application with its parameters. */
  readonly app: string;
  readonly tcUrl: string;
  /** With its parameters. */
  readonly streamName: string;
  /** What the client calls itself. */
  readonly flashVersion: string;
  readonly credentials: Credentials | undefined;
  /** Goes behind the application: the answer to a server's challenge, empty at first. */
  readonly proof: string;
  /** Eight random hexadecimal digits for an answer. */
  readonly nonce: string;
}

/** How far a client has come. */
export type ClientPhase = 'new' | 'connecting' | 'creating' | 'starting' | 'running' | 'closed';

/** Everything that a client session knows; plain data that moves to the next version of the plugin. */
export interface ClientState {
  readonly phase: ClientPhase;
  readonly lastTransactionId: number;
  /** The transaction whose answer brings the session on; 0 for none. */
  readonly awaitedId: number;
  /** The message stream that the server gave us; 0 before. */
  readonly streamId: number;
  /** Enhanced codecs that the server can take. */
  readonly fourCcs: readonly FourCc[];
}

/** Why a session came to its end. */
export interface ClientFailure {
  /** `refused` the server said no; `ended` it says that the stream is over; `broken` it does not keep to the protocol. */
  readonly type: 'refused' | 'ended' | 'broken';
  readonly reason: string;
}

/** What a client session wants done, in this order. */
export type ClientEffect =
  | { readonly type: 'send'; readonly message: RtmpMessage }
  /** The server has accepted the connection. */
  | { readonly type: 'connected' }
  /** The server takes, or begins to send, the stream. */
  | { readonly type: 'started' }
  | { readonly type: 'audio' | 'video'; readonly timestampMs: number; readonly payload: Uint8Array }
  | { readonly type: 'data'; readonly values: readonly AmfValue[] }
  /** Connect once more with this proof. */
  | { readonly type: 'challenged'; readonly proof: string }
  | { readonly type: 'failed'; readonly failure: ClientFailure };
