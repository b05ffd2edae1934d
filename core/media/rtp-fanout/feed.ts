import type { MediaPacket } from '../frame.ts';
import { remedyOf, type Acceptance } from '../negotiate.ts';
import type { Stream } from '../stream.ts';
import type { FrameSink, Subscription } from '../subscription.ts';
import type { TrackDescriptor } from '../track.ts';
import type { MissingTrack, Viewer } from './viewer.ts';

/** What a feed tells its fan-out. */
export interface FeedHost {
  /** The tracks, or what is missing, have changed. */
  onTracks(feed: Feed): void;
  onPacket(feed: Feed, packet: MediaPacket): void;
  onSuspend(feed: Feed): void;
  onResume(feed: Feed): void;
  onEnd(feed: Feed, reason: string): void;
}

/** One subscription of a fan-out: the tracks that all viewers with the same acceptance may have. */
export class Feed {
  readonly key: string;
  readonly accept: readonly Acceptance[] | undefined;
  readonly viewers = new Set<Viewer>();
  readonly #stream: Stream;
  #tracks: readonly TrackDescriptor[] = [];
  #missing: readonly MissingTrack[] = [];
  #subscription: Subscription | undefined;

  constructor(stream: Stream, accept: readonly Acceptance[] | undefined) {
    this.#stream = stream;
    this.accept = accept;
    this.key = Feed.keyOf(accept);
  }

  static keyOf(accept: readonly Acceptance[] | undefined): string {
    return JSON.stringify(accept ?? null);
  }

  get tracks(): readonly TrackDescriptor[] {
    return this.#tracks;
  }

  /** The kinds that the viewers accept and the stream has, but in none of their codecs. */
  get missing(): readonly MissingTrack[] {
    return this.#missing;
  }

  /** @throws WcsError as `Stream.subscribe` */
  open(host: FeedHost): void {
    const sink: FrameSink = {
      onTracks: (tracks) => {
        this.#tracks = tracks;
        host.onTracks(this);
      },
      onOmitted: (needs) => {
        this.#missing = needs.map((need) => ({ kind: need.track.kind, codec: need.track.codec, remedy: remedyOf(need) }));
        host.onTracks(this);
      },
      onPacket: (packet) => host.onPacket(this, packet),
      onSuspend: () => host.onSuspend(this),
      onResume: () => host.onResume(this),
      onEnd: (reason) => host.onEnd(this, reason),
    };
    const accept = this.accept === undefined ? {} : { accept: this.accept };
    this.#subscription = this.#stream.subscribe({ plane: 'packets', from: 'gop', onMismatch: 'omitSome', layers: true, label: 'RTP fan-out', sink, ...accept });
  }

  close(): void {
    this.#subscription?.close();
  }
}
