import type { FanoutViewer, Log, MediaFrame, PluginContext, Scope, Stream, TcpFanout, TrackDescriptor } from 'wcs-core';
import type { RtmpSettings } from '../server/settings.ts';
import type { ByteSink } from '../wire/chunk-writer.ts';
import { FrameWriter } from './frame-writer.ts';
import { LateStart } from './late-start.ts';
import { acceptanceOf, carriedTracks, type Variant } from './variant.ts';

/** A player in a fan-out. */
export interface Viewer {
  write(bytes: Uint8Array): boolean;
  readonly backlogBytes: number;
  onOverflow(): void;
  onResumed(): void;
  onEnded(): void;
}

/** How a viewer joins. */
export interface ViewerJoin {
  readonly lowLatency: boolean;
  /** A viewer that has had the stream from the previous version up to now; else it begins with headers and the cached pictures. */
  readonly continues?: { readonly needsKeyFrame: boolean };
}

/** One stream in one variant: serialised once for all its viewers. */
export class StreamFanout {
  readonly #stream: Stream;
  readonly #log: Log;
  readonly #writer: FrameWriter;
  readonly #fanout: TcpFanout;
  /** Owns the fan-out and the subscription, for as long as anybody plays. */
  readonly #scope: Scope;
  readonly #viewers = new Map<Viewer, FanoutViewer>();
  readonly #onEmpty: () => void;
  #tracks: readonly TrackDescriptor[] = [];
  /** Ids of the tracks that go out: the first of each kind, since a classic player knows no more. */
  #ids: ReadonlySet<string> = new Set();
  #lastDtsUs = 0;
  readonly #lateStart: LateStart;

  /** @param onEmpty called when the last viewer has left, or the stream has ended */
  constructor(ctx: PluginContext<RtmpSettings>, stream: Stream, variant: Variant, onEmpty: () => void) {
    this.#stream = stream;
    this.#log = ctx.log;
    this.#onEmpty = onEmpty;
    this.#scope = ctx.scope.child(`rtmp players of ${stream.name}`);
    this.#writer = new FrameWriter(variant);
    const serialise = (frame: MediaFrame, out: ByteSink): void => {
      this.#writer.originUs = stream.playback?.shiftUs ?? 0;
      this.#writer.frame(frame, out);
    };
    this.#lateStart = new LateStart(serialise);
    this.#fanout = ctx.media.fanout({ serialise, requestKeyFrame: () => stream.requestKeyFrame() }, this.#scope);
    try {
      this.#subscribe(variant);
    } catch (error) {
      void this.#scope.close();
      throw error;
    }
  }

  /** Adds a viewer at exactly this point of the stream. */
  join(viewer: Viewer, { lowLatency, continues }: ViewerJoin): void {
    const start = continues === undefined ? this.#start() : { bytes: [], decodable: !continues.needsKeyFrame };
    const handle = this.#fanout.add(viewer, { lowLatency, preamble: start.bytes, startAtKeyFrame: !start.decodable });
    this.#viewers.set(viewer, handle);
  }

  /** True when the viewer gets no pictures before the next key frame. */
  needsKeyFrame(viewer: Viewer): boolean {
    return this.#viewers.get(viewer)?.needsKeyFrame ?? false;
  }

  /** Writes everything that is pending, so that the viewers can go on elsewhere. */
  flush(): void {
    this.#fanout.flush();
  }

  /** Lets go of a viewer. */
  leave(viewer: Viewer): void {
    const handle = this.#viewers.get(viewer);
    if (handle === undefined) return;
    this.#viewers.delete(viewer);
    handle.remove({ discardPending: true });
    if (this.#viewers.size === 0) this.#close();
  }

  #subscribe(variant: Variant): void {
    const subscription = this.#stream.subscribe({
      plane: 'frames',
      accept: acceptanceOf(variant),
      onMismatch: 'omit',
      from: 'live',
      label: 'rtmp players',
      sink: {
        onTracks: (tracks) => this.#onTracks(tracks),
        onFrame: (frame) => this.#onFrame(frame),
        onResume: () => [...this.#viewers.keys()].forEach((viewer) => viewer.onResumed()),
        onEnd: () => this.#onEnd(),
      },
    });
    this.#scope.add('subscription', () => subscription.close());
  }

  #onTracks(tracks: readonly TrackDescriptor[]): void {
    this.#tracks = carriedTracks(tracks);
    this.#ids = new Set(this.#tracks.map(({ id }) => id));
    this.#lateStart.clear();
    this.#fanout.pushBytes(this.#headers(this.#lastDtsUs));
    for (const { id, codec } of this.#stream.tracks) {
      const taken = tracks.some((track) => track.id === id);
      if (!taken) this.#log.info('A track that RTMP players cannot take is left out', { stream: this.#stream.name, trackId: id, codec });
    }
  }

  #onFrame(frame: MediaFrame): void {
    if (!this.#ids.has(frame.track.id)) return;
    this.#lastDtsUs = frame.dtsUs;
    this.#fanout.push(frame);
  }

  /** Headers and cached pictures for a viewer that has had nothing yet. */
  #start(): { readonly bytes: readonly Uint8Array[]; readonly decodable: boolean } {
    // Before the tracks are known there is nothing to send; the headers come to everyone when they are.
    if (this.#tracks.length === 0) return { bytes: [], decodable: false };
    const cached = this.#stream.cachedGop.filter(({ track }) => this.#ids.has(track.id));
    // A track that is made of the published one has its key frames elsewhere than where the group begins.
    const firstKey = cached.findIndex(({ track, key }) => track.kind === 'video' && key);
    const gop = firstKey > 0 ? cached.slice(firstKey) : cached;
    const bytes = this.#lateStart.bytes(gop, () => this.#headers(gop[0]?.dtsUs ?? this.#lastDtsUs));
    const decodable = !this.#tracks.some(({ kind }) => kind === 'video') || gop.some(({ track, key }) => track.kind === 'video' && key);
    return { bytes: [bytes], decodable };
  }

  #headers(dtsUs: number): Uint8Array {
    const { playback } = this.#stream;
    this.#writer.originUs = playback?.shiftUs ?? 0;
    return this.#writer.headers(this.#tracks, dtsUs, playback?.durationUs);
  }

  #onEnd(): void {
    const viewers = [...this.#viewers.keys()];
    this.#viewers.clear();
    this.#close();
    for (const viewer of viewers) viewer.onEnded();
  }

  #close(): void {
    void this.#scope.close();
    this.#onEmpty();
  }
}
