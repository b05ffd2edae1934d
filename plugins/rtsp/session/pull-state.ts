import type { SdpTrack } from '../wire/sdp-read.ts';
import type { SessionHeader } from '../wire/session-header.ts';
import type { NumberPair } from '../wire/transport.ts';
import type { ClientAuthorisationState } from './client-authorisation.ts';
import type { PullFailure } from './pull-failure.ts';

/** How media is asked for. */
export type PullTransport = 'tcp' | 'udp';

/** Where the packets of a track come from. */
export type PullPath =
  | { readonly type: 'interleaved'; readonly channels: NumberPair }
  /** `serverPorts` where the server tells them; `source` where it is another address than the connection's. */
  | { readonly type: 'udp'; readonly clientPorts: NumberPair; readonly serverPorts: NumberPair | undefined; readonly source: string | undefined };

/** A track of the description; set up once it has a path. */
export interface PullTrack {
  readonly track: SdpTrack;
  /** Address of its SETUP. */
  readonly url: string;
  readonly path: PullPath | undefined;
}

/** A request whose answer has not come. */
export interface PendingRequest {
  readonly method: string;
  readonly uri: string;
  readonly cseq: number;
  /** How often it was made anew for a challenge. */
  readonly challenges: number;
}

/** Where the conversation stands: the method that is asked for, or what it waits for. */
export type PullStep = 'OPTIONS' | 'DESCRIBE' | 'ports' | 'SETUP' | 'PLAY' | 'playing' | 'over';

/** Plain data of a `PullDialogue`. */
export interface PullDialogueState {
  readonly step: PullStep;
  readonly transport: PullTransport;
  readonly cseq: number;
  readonly pending: PendingRequest | undefined;
  readonly authorisation: ClientAuthorisationState;
  /** Of the server, in upper case; undefined where it didn't say. */
  readonly methods: readonly string[] | undefined;
  readonly session: SessionHeader | undefined;
  /** Address of PLAY and all that concerns every track. */
  readonly aggregateUrl: string;
  readonly tracks: readonly PullTrack[];
  readonly clientPorts: readonly NumberPair[];
  readonly strayAnswers: number;
  readonly switched: boolean;
}

/** What a dialogue wants done. */
export type PullEffect =
  /** A `request` is to be answered in time. */
  | { readonly type: 'send'; readonly bytes: Uint8Array; readonly isRequest: boolean }
  /** As many pairs of UDP ports, to be answered by `portsOpened`. */
  | { readonly type: 'openPorts'; readonly count: number }
  /** The server plays these tracks from now on. */
  | { readonly type: 'playing'; readonly tracks: readonly PullTrack[] }
  | { readonly type: 'redirect'; readonly location: string }
  | { readonly type: 'failed'; readonly failure: PullFailure };
