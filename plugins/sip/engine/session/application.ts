import type { SipRequest, SipResponse } from '../wire/sip-message.ts';
import type { Target } from './target.ts';

/** A message with where it went to or came from, as the application is told it. */
export interface Exchanged<M extends SipRequest | SipResponse> {
  readonly message: M;
  readonly peer: Target;
  readonly transactionId: string;
  /** Empty outside of dialogs. */
  readonly dialogId: string;
}

/** The application on top of the engine: the other end of the control protocol. */
export interface Application {
  /** A request from the network; false when nobody wants its method. */
  onRequest(request: Exchanged<SipRequest>): boolean;
  onResponse(response: Exchanged<SipResponse>): void;
  /** A BYE of the engine's own making, with the reason in its Reason header. */
  onUnsolicited(request: Exchanged<SipRequest>): void;
}

/** A command to send a message, as the application gave it. */
export interface SendCommand {
  readonly transactionId: string;
  readonly dialogId: string;
  /** Where to send it, in place of what the message says; empty when not given. */
  readonly route: string;
  readonly message: SipRequest | SipResponse;
}

/** What becomes of a command. */
export type SendOutcome =
  | { readonly ok: true; readonly sent: Exchanged<SipRequest> | Exchanged<SipResponse> }
  | { readonly ok: false; readonly reason: string };

/** What the user agent needs of the network. */
export interface Network {
  send(target: Target, bytes: Uint8Array): void;
  /** Host and port under which the peer reaches us: for Via and Contact. */
  addressTowards(target: Target): { readonly host: string; readonly port: number };
  /**
   * Where a URI leads, best first; empty when nowhere. Answers at once for numeric addresses.
   *
   * @param caller address of whoever named the URI, if that was a peer: what such a one may not reach is left out
   */
  locate(uri: string, done: (targets: readonly Target[]) => void, caller?: string): void;
  /** The same targets, with a connection in the place of datagrams that would be too large. */
  forSize(targets: readonly Target[], byteLength: number): readonly Target[];
  /** A target did not answer: others are preferred for a while. */
  markBad(target: Target): void;
}

/** At least 64 random bits as a token. */
export type NewToken = () => string;
