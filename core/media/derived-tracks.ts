import { WcsError } from '../errors/wcs-error.ts';
import type { Codec } from './codecs.ts';
import type { MediaFrame } from './frame.ts';
import type { ConversionNeed } from './negotiate.ts';
import type { MediaRuntime } from './runtime.ts';
import type { Stream } from './stream.ts';
import type { TrackDescriptor } from './track.ts';

/** One conversion that a transcoder is asked for. It reads `stream` with a subscription of its own. */
export interface TranscodeJob {
  readonly stream: Stream;
  readonly track: TrackDescriptor;
  readonly codec: Codec;
  /** Id that the made track has to carry. */
  readonly trackId: string;
  readonly output: TranscodeOutput;
}

/** Where a transcoder puts what it makes. */
export interface TranscodeOutput {
  /** Before the first frame, and at each format change. */
  setTrack(track: TrackDescriptor): void;
  /** A frame on the stream's clock. */
  write(frame: MediaFrame): void;
  /** The conversion is over; its readers end with this reason. */
  fail(reason: string): void;
}

/** A running conversion. */
export interface Transcoding {
  requestKeyFrame?(): void;
  close(): void;
}

/** Converts tracks from codec to codec. */
export interface TranscoderCapability {
  readonly name: string;
  canTranscode(from: TrackDescriptor, to: Codec): boolean;
  start(job: TranscodeJob): Transcoding;
}

/** A track made of another one, shared by every reader that wants the same. */
export interface DerivedTrack {
  readonly id: string;
  readonly sourceId: string;
  /** Undefined until the transcoder has said it. */
  descriptor: TrackDescriptor | undefined;
}

interface Running extends DerivedTrack {
  readonly codec: Codec;
  transcoding: Transcoding | undefined;
  readers: number;
  cancelIdle: (() => void) | undefined;
}

/** What the derived tracks of a stream tell it. */
export interface DerivedHost {
  readonly stream: Stream;
  readonly transcoders: readonly TranscoderCapability[];
  onTrack(derived: DerivedTrack): void;
  onFrame(frame: MediaFrame): void;
  onFail(derived: DerivedTrack, reason: string): void;
}

/** The derived tracks of one stream: started by the first reader that needs them, ended a while after the last one left. */
export class DerivedTracks {
  readonly #host: DerivedHost;
  readonly #runtime: MediaRuntime;
  readonly #running = new Map<string, Running>();

  constructor(host: DerivedHost, runtime: MediaRuntime) {
    this.#host = host;
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#running.size;
  }

  /** The running track that meets the need, or a new one; undefined where no transcoder can make it. */
  ensure(need: ConversionNeed): DerivedTrack | undefined {
    for (const codec of need.to) {
      const running = this.#running.get(derivedId(need.track, codec));
      if (running !== undefined) return running;
    }
    for (const codec of need.to) {
      const transcoder = this.#host.transcoders.find((candidate) => candidate.canTranscode(need.track, codec));
      if (transcoder !== undefined) return this.#start(transcoder, need.track, codec);
    }
    return undefined;
  }

  retain(derived: DerivedTrack): void {
    const running = this.#running.get(derived.id);
    if (running === undefined) return;
    running.readers += 1;
    running.cancelIdle?.();
    running.cancelIdle = undefined;
  }

  release(derived: DerivedTrack): void {
    const running = this.#running.get(derived.id);
    if (running === undefined) return;
    running.readers -= 1;
    if (running.readers === 0) this.#stopWhenIdle(running);
  }

  /** False where the id isn't one of a derived track. */
  requestKeyFrame(trackId: string): boolean {
    const running = this.#running.get(trackId);
    running?.transcoding?.requestKeyFrame?.();
    return running !== undefined;
  }

  close(): void {
    for (const running of [...this.#running.values()]) this.#stop(running);
  }

  #start(transcoder: TranscoderCapability, track: TrackDescriptor, codec: Codec): DerivedTrack {
    const id = derivedId(track, codec);
    const running: Running = { id, sourceId: track.id, codec, descriptor: undefined, transcoding: undefined, readers: 0, cancelIdle: undefined };
    this.#running.set(id, running);
    try {
      running.transcoding = transcoder.start({ stream: this.#host.stream, track, codec, trackId: id, output: this.#output(running) });
    } catch (error) {
      this.#running.delete(id);
      throw error;
    }
    if (this.#running.get(id) !== running) {
      running.transcoding.close();
      throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `Transcoder ${transcoder.name} could not start ${track.codec} to ${codec} for track ${track.id}.`);
    }
    // A reader that is refused for another track never retains this one.
    this.#stopWhenIdle(running);
    return running;
  }

  #output(running: Running): TranscodeOutput {
    const isCurrent = (): boolean => this.#running.get(running.id) === running;
    return {
      setTrack: (track) => {
        if (!isCurrent()) return;
        if (track.id !== running.id) throw new TypeError(`A derived track has to carry the id ${running.id}, not ${track.id}.`);
        running.descriptor = track;
        this.#host.onTrack(running);
      },
      write: (frame) => {
        if (isCurrent() && running.descriptor !== undefined) this.#host.onFrame(frame);
      },
      fail: (reason) => {
        if (!isCurrent()) return;
        this.#stop(running);
        this.#host.onFail(running, reason);
      },
    };
  }

  #stopWhenIdle(running: Running): void {
    running.cancelIdle?.();
    running.cancelIdle = this.#runtime.timers.after(this.#runtime.settings.transcodeIdleMs, () => this.#stop(running));
  }

  #stop(running: Running): void {
    running.cancelIdle?.();
    this.#running.delete(running.id);
    try {
      running.transcoding?.close();
    } catch (error) {
      this.#runtime.onFault(error, running.id);
    }
    running.transcoding = undefined;
  }
}

function derivedId(track: TrackDescriptor, codec: Codec): string {
  return `${track.id}.${codec}`;
}
