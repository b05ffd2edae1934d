import type { WcsError } from '../errors/wcs-error.ts';
import type { MediaFrame } from './frame.ts';
import type { Playback } from './playback.ts';
import type { Acceptance } from './negotiate.ts';
import type { StreamStats } from './stream-stats.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';
import type { TrackDescriptor } from './track.ts';

/** Who publishes a stream, for lists and hooks. */
export interface StreamMeta {
  readonly plugin: string;
  readonly protocol: string;
  readonly sessionId: string;
  readonly peer?: { readonly address: string; readonly port: number };
  readonly params: Readonly<Record<string, string>>;
  /** The name by which the publisher logged in, where it did. */
  readonly login?: string;
  /** The publisher asks for a recording, where the protocol has a word of its own for it; elsewhere a parameter `record=true` says so. */
  readonly record?: boolean;
}

/** True when the publisher asks that the stream be recorded. */
export function wantsRecording({ record, params }: StreamMeta): boolean {
  return record ?? (params['record'] === 'true' || params['record'] === '1');
}

/** A name and its tracks, written by one publisher at a time and read by any number of readers. */
export interface Stream {
  readonly name: string;
  /** Media session id (UUID); stays when the publisher returns. */
  readonly id: string;
  /** One for each kind of media that the publisher sends; layers of a picture aren't among them. */
  readonly tracks: readonly TrackDescriptor[];
  readonly state: 'live' | 'suspended' | 'ended';
  /** Monotonic milliseconds. */
  readonly createdAtMs: number;
  /** True while the publisher makes key frames on request; false also for one that was asked and made none. */
  readonly makesKeyFrames: boolean;
  /** Steers a stream that is played from a file to its one reader; undefined for what is live. */
  readonly playback: Playback | undefined;
  /** Facts of the present (or last) publisher. */
  readonly meta: StreamMeta;
  readonly stats: StreamStats;
  readonly subscriberCount: number;
  readonly subscriptions: readonly Subscription[];
  /** The frames that a late joiner of the frame plane gets first, in order of arrival. */
  readonly cachedGop: readonly MediaFrame[];
  /**
   * Adds a reader. Where the tracks are known, `onTracks` and the cached frames are handed over before this returns, and
   * not one frame is lost or doubled between them and the live ones.
   *
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended, MEDIA_E_NO_COMMON_CODEC when the reader cannot be served
   */
  subscribe(options: SubscribeOptions): Subscription;
  /** Resolves when the tracks are known; rejects when the stream ends first or the signal aborts. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Asks the publisher for a key frame; throttled, default the first video track. */
  requestKeyFrame(trackId?: string): void;
  /**
   * Why a reader that leaves out the kinds that it can't have would get nothing at all; undefined for one that gets
   * something. The tracks have to be known.
   */
  refusalOf(accept: readonly Acceptance[]): WcsError | undefined;
  /** Ends the stream against its publisher's will. */
  terminate(reason: string): void;
}
