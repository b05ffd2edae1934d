import type { AmfValue } from 'wcs-core/formats/amf';
import type { RtmpMessage } from '../wire/message.ts';
import type { ConnectRequest } from './connect-request.ts';
import type { MessageStreams } from './message-streams.ts';
import type { UrlParams } from './url-params.ts';

/** What one message stream of a connection is used for; plain data. */
export type Activity =
  | { readonly type: 'idle' }
  | { readonly type: 'publish'; readonly name: string; readonly asked: string; readonly params: UrlParams }
  | PlayActivity;

/** A message stream that plays, or waits for its stream to begin. */
export interface PlayActivity {
  readonly type: 'play';
  readonly phase: 'waiting' | 'playing';
  readonly name: string;
  readonly params: UrlParams;
  readonly reset: boolean;
  /** Where to begin a stream that has positions. */
  readonly startMs: number;
  readonly paused: boolean;
  readonly audio: boolean;
  readonly video: boolean;
}

/** A question to the access chain that is not answered yet; the connection's further messages wait for it. */
export type Question =
  | { readonly action: 'connect'; readonly transactionId: number; readonly request: ConnectRequest }
  | { readonly action: 'publish'; readonly streamId: number; readonly name: string; readonly params: UrlParams }
  | { readonly action: 'play'; readonly streamId: number; readonly name: string; readonly params: UrlParams; readonly reset: boolean; readonly startMs: number };

/** Everything that a session knows; plain data that moves to the next version of the plugin. */
export interface SessionState {
  readonly phase: 'new' | 'connecting' | 'connected' | 'closed';
  readonly connect: ConnectRequest | undefined;
  readonly streams: readonly { readonly id: number; readonly activity: Activity }[];
  readonly question: Question | undefined;
  /** Messages that wait for the answer. */
  readonly queue: readonly RtmpMessage[];
}

/** What a session wants done, in this order. */
export type Effect =
  | { readonly type: 'send'; readonly message: RtmpMessage }
  | { readonly type: 'connected' }
  /** Answer with `decide()`. */
  | { readonly type: 'ask'; readonly question: Question }
  /** Answer with `publishStarted()` or `publishFailed()`. */
  | { readonly type: 'startPublish'; readonly streamId: number; readonly name: string; readonly asked: string; readonly params: UrlParams }
  | { readonly type: 'stopPublish'; readonly streamId: number; readonly reason: string }
  /** Answer with `playStarted()` or `playFailed()`, now or later. */
  | { readonly type: 'startPlay'; readonly streamId: number; readonly activity: PlayActivity }
  | { readonly type: 'changePlay'; readonly streamId: number; readonly activity: PlayActivity }
  /** Answer with `sought()` where the stream has positions. */
  | { readonly type: 'seek'; readonly streamId: number; readonly positionMs: number }
  | { readonly type: 'stopPlay'; readonly streamId: number }
  | { readonly type: 'audio' | 'video'; readonly streamId: number; readonly timestampMs: number; readonly payload: Uint8Array }
  | { readonly type: 'data'; readonly streamId: number; readonly timestampMs: number; readonly values: readonly AmfValue[] }
  /** The peer is there: it answered or asked for a sign of life. */
  | { readonly type: 'alive' }
  | { readonly type: 'close'; readonly reason: string };

/** The access chain's answer to a question. */
export type Verdict =
  | { readonly allowed: true; readonly name?: string; readonly params?: UrlParams }
  | { readonly allowed: false; readonly reason: string };

/** What the commands of message streams work on. */
export interface CommandHost {
  readonly streams: MessageStreams;
  readonly connect: ConnectRequest | undefined;
  /** Says what is wrong with a stream name; undefined for a good one. */
  readonly nameFault: (name: string) => string | undefined;
  ask(question: Question): Effect[];
}
