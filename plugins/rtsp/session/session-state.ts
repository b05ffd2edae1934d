import type { DescribedTrack } from '../wire/sdp-write.ts';
import type { SdpTrack } from '../wire/sdp-read.ts';
import type { NumberPair } from '../wire/transport.ts';
import type { AuthenticationState } from './authentication.ts';
import type { FileFacts } from './file-position.ts';

/** Parameters of an address. */
export type UrlParams = Readonly<Record<string, string>>;

/** What the access chain is asked. */
export interface Question {
  readonly action: 'play' | 'publish';
  readonly name: string;
  readonly params: UrlParams;
  /** Who has shown a password. */
  readonly user: string | undefined;
}

/** Where the packets of a track go, or come from. */
export type TrackPath =
  | { readonly type: 'interleaved'; readonly channels: NumberPair }
  | { readonly type: 'udp'; readonly clientPorts: NumberPair };

/** A track that was set up, by its place in the description. */
export interface SetTrack {
  readonly index: number;
  readonly path: TrackPath;
}

/** A stream that the peer plays or publishes, as it was described. */
export type Target =
  | {
      readonly type: 'play';
      /** Of the stream, which may be a copy of a file for this reader. */
      readonly name: string;
      readonly params: UrlParams;
      readonly tracks: readonly DescribedTrack[];
      /** Absent: it is live. */
      readonly file?: FileFacts;
    }
  | { readonly type: 'publish'; readonly name: string; readonly params: UrlParams; readonly baseUrl: string; readonly control: string | undefined; readonly tracks: readonly SdpTrack[] };

/** What is found of a stream that the peer wants to play. */
export type FoundStream = Pick<Extract<Target, { type: 'play' }>, 'name' | 'tracks' | 'file'>;

/** What the peer does at present; only of a file something is `paused`: a live stream is left instead. */
export type Phase = 'init' | 'ready' | 'playing' | 'paused' | 'recording';

/** A request that waits for somebody else's answer. */
export interface PendingRequest {
  readonly method: string;
  readonly uri: string;
  readonly cseq: string;
  /** What it waits for. */
  readonly wait:
    | { readonly type: 'access'; readonly question: Question; readonly announced?: Extract<Target, { type: 'publish' }> }
    | { readonly type: 'stream'; readonly name: string; readonly params: UrlParams }
    | { readonly type: 'port'; readonly track: SetTrack; readonly profile: string }
    | { readonly type: 'seek'; readonly startS: number };
  /** The Transport header of a SETUP that came without DESCRIBE. */
  readonly transport?: string;
}

/** Plain data of an `RtspSession`. */
export interface SessionState {
  readonly phase: Phase;
  readonly sessionId: string | undefined;
  readonly target: Target | undefined;
  readonly tracks: readonly SetTrack[];
  readonly user: string | undefined;
  readonly userAgent: string | undefined;
  readonly pending: PendingRequest | undefined;
  readonly authentication: AuthenticationState;
}

/** What a session has its peer do. */
export type Effect =
  | { readonly type: 'send'; readonly bytes: Uint8Array; readonly delayMs?: number }
  /** Answered with `decide`. */
  | { readonly type: 'ask'; readonly question: Question }
  /** Answered with `found` or `notFound`. */
  | { readonly type: 'find'; readonly name: string; readonly params: UrlParams }
  /** Answered with `portOpened` or `portRefused`. */
  | { readonly type: 'openPort'; readonly track: SetTrack }
  /** Answered with `sought` or `seekFailed`. */
  | { readonly type: 'seek'; readonly startS: number }
  /** Answered with `playStarted`, before any packet is sent. @see `sought` for `startS` */
  | { readonly type: 'startPlay'; readonly cseq: string; readonly uri: string; readonly startS?: number }
  | { readonly type: 'pausePlay' }
  /** Answered with `recordStarted` or `recordFailed`. */
  | { readonly type: 'startRecord'; readonly cseq: string }
  /** The peer has ended what it did. */
  | { readonly type: 'stop'; readonly reason: string }
  | { readonly type: 'changed' }
  | { readonly type: 'close'; readonly reason: string };
