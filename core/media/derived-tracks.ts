import { WcsError } from '../errors/wcs-error.ts';
import type { Codec } from './codecs.ts';
import type { MediaFrame } from './frame.ts';
import { targetId, type ConversionNeed, type TrackTarget } from './negotiate.ts';
import type { MediaRuntime } from './runtime.ts';
import type { Stream } from './stream.ts';
import { isSameFormat, type TrackDescriptor } from './track.ts';

/** One conversion that a transcoder is asked for. It reads `stream` with a subscription of its own. */
export interface TranscodeJob {
  readonly stream: Stream;
  readonly track: TrackDescriptor;
  readonly codec: Codec;
  readonly target?: TrackTarget;
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
  /** The conversion is over: its readers get another one, or do without, or end with this reason. */
  fail(reason: string): void;
}

/** A running conversion. */
export interface Transcoding {
  requestKeyFrame?(): void;
  close(): void;
}

/** Converts tracks from codec to codec. */
export interface TranscoderCapability {
  /** Of two with the same name the newer one takes over what the other runs. */
  readonly name: string;
  canTranscode(from: TrackDescriptor, to: Codec, target?: TrackTarget): boolean;
  /** @throws WcsError saying why it can't now; MEDIA_E_NO_TRANSCODER for a limit that is reached */
  start(job: TranscodeJob): Transcoding;
}

/** A track made of another one, shared by every reader that wants the same. */
export interface DerivedTrack {
  readonly id: string;
  readonly sourceId: string;
  /** Undefined until the transcoder has said it. */
  descriptor: TrackDescriptor | undefined;
}

/** A transcoder at work on a track. */
interface Worker {
  readonly transcoder: TranscoderCapability;
  transcoding: Transcoding | undefined;
  /** What it says of its output while it isn't in charge yet. */
  pending: TrackDescriptor | undefined;
}

interface Running extends DerivedTrack {
  readonly job: Omit<TranscodeJob, 'output'>;
  worker: Worker;
  /** A newer transcoder that takes over with its first frame that decoding can start at. */
  successor: Worker | undefined;
  lastDtsUs: number;
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
  /** Transcoders that failed at a track, until its source changes. */
  readonly #failed = new Map<string, { readonly source: TrackDescriptor; readonly transcoder: TranscoderCapability }>();

  constructor(host: DerivedHost, runtime: MediaRuntime) {
    this.#host = host;
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * The running track that meets the need, or a new one; undefined where no transcoder can make it.
   *
   * @throws what `TranscoderCapability.start` throws
   */
  ensure(need: ConversionNeed): DerivedTrack | undefined {
    for (const codec of need.to) {
      const running = this.#running.get(derivedId(need, codec));
      if (running !== undefined) return running;
    }
    for (const codec of need.to) {
      const transcoder = this.#transcoderFor(need, codec);
      if (transcoder !== undefined) return this.#start(transcoder, need, codec);
    }
    return undefined;
  }

  /** True where `ensure` would answer a track, if nothing fails. */
  canServe(need: ConversionNeed): boolean {
    return need.to.some((codec) => this.#running.has(derivedId(need, codec)) || this.#transcoderFor(need, codec) !== undefined);
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

  /** A newer transcoder: what an older one of that name runs goes over to it, without a gap. */
  takeOver(transcoder: TranscoderCapability): void {
    for (const running of [...this.#running.values()]) {
      const { worker, successor } = running;
      if (worker.transcoder.name !== transcoder.name || worker.transcoder === transcoder) continue;
      running.successor = undefined;
      this.#closeWorker(running, successor);
      try {
        running.successor = this.#employ(running, transcoder);
      } catch (error) {
        this.#runtime.log.warn('a conversion stays with the older transcoder', { trackId: running.id, reason: String(error) });
      }
    }
  }

  /** A transcoder is gone: what it failed at is no matter any more. */
  forget(transcoder: TranscoderCapability): void {
    for (const [id, failed] of this.#failed) if (failed.transcoder === transcoder) this.#failed.delete(id);
  }

  /** False where the id isn't one of a derived track. */
  requestKeyFrame(trackId: string): boolean {
    const running = this.#running.get(trackId);
    running?.worker.transcoding?.requestKeyFrame?.();
    return running !== undefined;
  }

  close(): void {
    for (const running of [...this.#running.values()]) this.#stop(running);
    this.#failed.clear();
  }

  #transcoderFor(need: ConversionNeed, codec: Codec): TranscoderCapability | undefined {
    const failed = this.#failed.get(derivedId(need, codec));
    const isOut = (candidate: TranscoderCapability): boolean => candidate === failed?.transcoder && isSameFormat(need.track, failed.source);
    return this.#host.transcoders.find((candidate) => !isOut(candidate) && candidate.canTranscode(need.track, codec, need.target));
  }

  #start(transcoder: TranscoderCapability, { track, target }: ConversionNeed, codec: Codec): DerivedTrack {
    const id = derivedId({ track, target }, codec);
    const job = { stream: this.#host.stream, track, codec, trackId: id, ...(target === undefined ? {} : { target }) };
    const worker: Worker = { transcoder, transcoding: undefined, pending: undefined };
    const running: Running = { id, sourceId: track.id, job, descriptor: undefined, worker, successor: undefined, lastDtsUs: -Infinity, readers: 0, cancelIdle: undefined };
    this.#running.set(id, running);
    try {
      this.#employ(running, transcoder, worker);
    } catch (error) {
      this.#running.delete(id);
      throw error;
    }
    if (this.#running.get(id) !== running) {
      this.#closeWorker(running, worker);
      throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `Transcoder ${transcoder.name} could not start ${track.codec} to ${codec} for track ${track.id}.`);
    }
    // A reader that is refused for another track never retains this one.
    this.#stopWhenIdle(running);
    return running;
  }

  #employ(running: Running, transcoder: TranscoderCapability, worker: Worker = { transcoder, transcoding: undefined, pending: undefined }): Worker {
    worker.transcoding = transcoder.start({ ...running.job, output: this.#output(running, worker) });
    return worker;
  }

  #output(running: Running, worker: Worker): TranscodeOutput {
    const isIn = (): boolean => this.#running.get(running.id) === running && (running.worker === worker || running.successor === worker);
    return {
      setTrack: (track) => {
        if (!isIn()) return;
        if (track.id !== running.id) throw new TypeError(`A derived track has to carry the id ${running.id}, not ${track.id}.`);
        if (running.worker === worker) this.#setTrack(running, track);
        else worker.pending = track;
      },
      write: (frame) => {
        if (!isIn() || (frame.dtsUs <= running.lastDtsUs && frame.track.kind === 'audio') || frame.dtsUs < running.lastDtsUs) return;
        if (running.successor === worker && !this.#promote(running, worker, frame)) return;
        if (running.descriptor === undefined) return;
        running.lastDtsUs = frame.dtsUs;
        this.#host.onFrame(frame);
      },
      fail: (reason) => {
        if (isIn()) this.#onFail(running, worker, reason);
      },
    };
  }

  #setTrack(running: Running, track: TrackDescriptor): void {
    running.descriptor = track;
    this.#host.onTrack(running);
  }

  /** The successor takes over with a frame that decoding can start at. */
  #promote(running: Running, worker: Worker, frame: MediaFrame): boolean {
    if (!frame.key || worker.pending === undefined) return false;
    const before = running.worker;
    running.worker = worker;
    running.successor = undefined;
    this.#closeWorker(running, before);
    if (!isSameFormat(worker.pending, running.descriptor)) this.#setTrack(running, worker.pending);
    return true;
  }

  #onFail(running: Running, worker: Worker, reason: string): void {
    const { successor } = running;
    if (successor === worker) {
      running.successor = undefined;
      this.#closeWorker(running, worker);
      return;
    }
    if (successor !== undefined) {
      // Whatever comes next comes from the newer one.
      running.worker = successor;
      running.successor = undefined;
      this.#closeWorker(running, worker);
      if (successor.pending !== undefined) this.#setTrack(running, successor.pending);
      return;
    }
    // One that is on its way out is not to be held on to.
    if (this.#host.transcoders.includes(worker.transcoder)) this.#failed.set(running.id, { source: running.job.track, transcoder: worker.transcoder });
    this.#stop(running);
    this.#host.onFail(running, reason);
  }

  #stopWhenIdle(running: Running): void {
    running.cancelIdle?.();
    running.cancelIdle = this.#runtime.timers.after(this.#runtime.settings.transcodeIdleMs, () => this.#stop(running));
  }

  #stop(running: Running): void {
    running.cancelIdle?.();
    if (this.#running.get(running.id) === running) this.#running.delete(running.id);
    this.#closeWorker(running, running.worker);
    this.#closeWorker(running, running.successor);
    running.successor = undefined;
  }

  #closeWorker(running: Running, worker: Worker | undefined): void {
    const transcoding = worker?.transcoding;
    if (worker === undefined || transcoding === undefined) return;
    worker.transcoding = undefined;
    try {
      transcoding.close();
    } catch (error) {
      this.#runtime.onFault(error, running.id);
    }
  }
}

function derivedId({ track, target }: { readonly track: TrackDescriptor; readonly target?: TrackTarget | undefined }, codec: Codec): string {
  return `${track.id}.${codec}${targetId(target)}`;
}
