import type { FrameSink, MediaFrame, PluginSession, Stream, Subscription, TrackDescriptor } from 'wcs-core';
import type { MediaLink } from '../client/relay-media.ts';
import type { ByteSink } from '../wire/chunk-writer.ts';
import { FrameWriter } from './frame-writer.ts';
import type { PushSound } from './push-sound.ts';
import { acceptanceOf, carriedTracks } from './variant.ts';

/** Plain data of a `PushFeed`. */
export interface FeedState {
  /** Time of the stream that went out as 0; undefined before the first frame. */
  readonly originUs: number | undefined;
  /** True when nothing of the picture is of use before the next key frame. */
  readonly needsKeyFrame: boolean;
  readonly omitted: readonly string[];
}

/** What a feed tells its push. */
export interface FeedHandlers {
  /** The other server takes the stream more slowly than it comes. */
  onTooSlow(): void;
}

/** What a feed works with. */
export interface FeedOptions {
  readonly session: PluginSession;
  readonly stream: Stream;
  readonly link: MediaLink;
  readonly sound: PushSound;
  readonly handlers: FeedHandlers;
}

/**
 * A stream on its way over one connection: headers and the cached pictures first, then frame by frame. Each push has a
 * reader and a clock of its own, since a service expects a publisher to begin at 0.
 */
export class PushFeed {
  readonly #options: FeedOptions;
  readonly #writer: FrameWriter;
  /** Undefined while it is being made, when the cached pictures come already. */
  #subscription: Subscription | undefined;
  readonly #out: ByteSink;
  #begun: boolean;
  #needsKeyFrame: boolean;
  /** What the reader had lost when the last key frame went out. */
  #droppedAtKey = 0;
  #tracks: readonly TrackDescriptor[] = [];
  #ids: ReadonlySet<string> = new Set();
  #omitted: readonly string[];
  #lastDtsUs = 0;

  /** @param state of a feed of the previous version, which goes on without a frame lost or repeated */
  constructor(options: FeedOptions, state?: FeedState) {
    const { session, stream, link } = options;
    const form = { streamId: link.streamId, fourCcs: link.fourCcs };
    this.#options = options;
    this.#out = { put: (bytes) => link.write(bytes) };
    this.#writer = new FrameWriter({ ...form, toServer: true });
    this.#writer.originUs = state?.originUs ?? 0;
    this.#begun = state?.originUs !== undefined;
    this.#needsKeyFrame = state?.needsKeyFrame ?? true;
    this.#omitted = state?.omitted ?? [];
    this.#subscription = session.subscribe(stream, {
      plane: 'frames',
      accept: acceptanceOf({ ...form, audio: true, video: true, legacyHevc: false }),
      onMismatch: 'omit',
      from: state === undefined ? 'gop' : state.needsKeyFrame ? 'key' : 'live',
      label: 'rtmp push',
      sink: this.#sink(state !== undefined),
    });
  }

  /** Tracks that go out. */
  get tracks(): readonly TrackDescriptor[] {
    return this.#tracks;
  }

  /** Tracks that the other server cannot take. */
  get omitted(): readonly string[] {
    return this.#omitted;
  }

  exportState(): FeedState {
    const lost = this.#droppedFrames > this.#droppedAtKey;
    return { originUs: this.#begun ? this.#writer.originUs : undefined, needsKeyFrame: this.#needsKeyFrame || lost, omitted: this.#omitted };
  }

  /** The sound comes from elsewhere now: tells the other server how it is coded. */
  soundChanged(): void {
    const track = this.#options.sound.trackFor(this.#tracks);
    if (track !== undefined && this.#begun) this.#options.link.write(this.#writer.config(track, this.#lastDtsUs));
  }

  close(): void {
    this.#subscription?.close();
  }

  get #droppedFrames(): number {
    return this.#subscription?.counters.droppedFrames ?? 0;
  }

  #sink(continues: boolean): FrameSink {
    let known = continues;
    const { stream, link, handlers } = this.#options;
    return {
      onTracks: (tracks) => {
        this.#tracks = carriedTracks(tracks);
        this.#ids = new Set(this.#tracks.map(({ id }) => id));
        // The version before has sent the headers.
        if (!known) this.#writeHeaders();
        known = false;
      },
      onOmitted: (needs) => (this.#omitted = needs.map(({ track }) => `${track.kind}: ${track.codec}`)),
      onFrame: (frame) => this.#onFrame(frame),
      onResume: () => (this.#needsKeyFrame = true),
      onEnd: () => {
        // Of the end of the stream the push hears by itself.
        if (stream.state !== 'ended') handlers.onTooSlow();
      },
      backlogBytes: () => link.backlogBytes,
    };
  }

  #writeHeaders(): void {
    const { sound, link } = this.#options;
    const video = this.#tracks.filter(({ kind }) => kind === 'video');
    const audio = sound.trackFor(this.#tracks);
    link.write(this.#writer.headers(audio === undefined ? video : [...video, audio], this.#begun ? this.#lastDtsUs : 0));
  }

  #onFrame(frame: MediaFrame): void {
    const { track, dtsUs, key } = frame;
    if (!this.#ids.has(track.id)) return;
    if (!this.#begun) this.#begin(dtsUs);
    this.#lastDtsUs = Math.max(this.#lastDtsUs, dtsUs);
    if (track.kind === 'video' && key) {
      this.#needsKeyFrame = false;
      this.#droppedAtKey = this.#droppedFrames;
    }
    const { sound, link } = this.#options;
    link.cork();
    if (sound.passes) this.#writer.frame(frame, this.#out);
    else for (const piece of sound.filter(frame)) this.#writer.frame(piece, this.#out);
    link.uncork();
  }

  #begin(dtsUs: number): void {
    this.#begun = true;
    // Whole milliseconds, so that times and offsets of composition are rounded alike.
    this.#writer.originUs = Math.round(dtsUs / 1000) * 1000;
  }
}
