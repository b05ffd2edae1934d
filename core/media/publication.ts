import type { MediaFrame, MediaPacket } from './frame.ts';
import type { LiveStream, StreamPublisher } from './live-stream.ts';
import type { Playback } from './playback.ts';
import type { MediaRuntime } from './runtime.ts';
import type { Stream, StreamMeta } from './stream.ts';
import type { TrackDescriptor } from './track.ts';

/** What the bus asks of a publisher. */
export interface PublisherCallbacks {
  /** A reader needs a key frame of the track; throttled. */
  onKeyFrameRequest?(trackId: string): void;
  /** The stream was taken away (replaced by the same owner, or ended by an operator): close the connection. */
  onTerminate?(reason: string): void;
  /** Steers what the publisher plays; absent: it can't be steered. */
  readonly playback?: Playback | undefined;
}

/** What a publisher states. */
export interface PublishOptions extends PublisherCallbacks {
  readonly name: string;
  /** Who may replace this publication while it still looks alive: the same string, chosen by the protocol plugin. */
  readonly owner: string;
  readonly tracks?: readonly TrackDescriptor[];
  /** How long readers wait after `suspend`. */
  readonly graceMs?: number;
  readonly meta: StreamMeta;
}

/** The right to write one stream. A plain kernel object: a new generation of a plugin takes it over with `setCallbacks`. */
export interface Publication {
  readonly stream: Stream;
  /** `retired` once the stream has ended or another publication has taken it: everything written is ignored. */
  readonly state: 'live' | 'suspended' | 'retired';
  /** What the publisher is told through. */
  readonly callbacks: PublisherCallbacks;
  /** Replaces all callbacks; the old ones are let go of. */
  setCallbacks(callbacks: PublisherCallbacks): void;
  /** A changed track of a known id is a format change, before its first frame. */
  setTracks(tracks: readonly TrackDescriptor[]): void;
  write(frame: MediaFrame): void;
  writePacket(packet: MediaPacket): void;
  /** The publisher is gone but may return: readers wait for the grace time, then the stream ends. */
  suspend(reason: string): void;
  end(reason: string): void;
}

/** The bus's side of a publication. */
export class LivePublication implements Publication, StreamPublisher {
  readonly #stream: LiveStream;
  readonly #graceMs: number;
  readonly #runtime: MediaRuntime;
  #callbacks: PublisherCallbacks;
  #state: Publication['state'] = 'live';
  #cancelGrace: (() => void) | undefined;

  constructor(stream: LiveStream, options: PublishOptions, runtime: MediaRuntime) {
    this.#stream = stream;
    this.#graceMs = options.graceMs ?? runtime.settings.graceMs;
    this.#runtime = runtime;
    this.#callbacks = options;
  }

  get stream(): Stream {
    return this.#stream;
  }

  get state(): Publication['state'] {
    return this.#state;
  }

  get callbacks(): PublisherCallbacks {
    return this.#callbacks;
  }

  setCallbacks(callbacks: PublisherCallbacks): void {
    if (this.#state !== 'retired') this.#callbacks = callbacks;
  }

  setTracks(tracks: readonly TrackDescriptor[]): void {
    if (this.#state === 'live') this.#stream.setTracks(tracks);
  }

  write(frame: MediaFrame): void {
    if (this.#state === 'live') this.#stream.write(frame);
  }

  writePacket(packet: MediaPacket): void {
    if (this.#state === 'live') this.#stream.writePacket(packet);
  }

  suspend(reason: string): void {
    if (this.#state !== 'live') return;
    if (this.#graceMs <= 0) { this.end(reason); return; }
    this.#state = 'suspended';
    this.#callbacks = {};
    this.#cancelGrace = this.#runtime.timers.after(this.#graceMs, () => this.end(reason));
    this.#stream.suspend(reason);
  }

  end(reason: string): void {
    if (this.#state === 'retired') return;
    this.retire();
    this.#stream.end(reason);
  }

  /** Takes the stream away from this publication; the answer tells its owner, once the stream is in other hands. */
  retire(): (reason: string) => void {
    const callbacks = this.#callbacks;
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
    this.#callbacks = {};
    this.#state = 'retired';
    return (reason) => this.#call(() => callbacks.onTerminate?.(reason));
  }

  get makesKeyFrames(): boolean {
    return this.#callbacks.onKeyFrameRequest !== undefined;
  }

  get playback(): Playback | undefined {
    return this.#callbacks.playback;
  }

  requestKeyFrame(trackId: string): void {
    this.#call(() => this.#callbacks.onKeyFrameRequest?.(trackId));
  }

  terminate(reason: string): void {
    const tellOwner = this.retire();
    this.#stream.end(reason);
    tellOwner(reason);
  }

  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#runtime.onFault(error, `publisher of ${this.#stream.name}`);
    }
  }
}
