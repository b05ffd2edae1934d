import { encodeFrame, type ChildFrame } from './framing.ts';

/** The part of a `Writable` that is used. */
export interface FrameSink {
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array): unknown;
}

/** A frame from this size on goes out at once, with what waits: it took long enough to make, and is worth a call of its own. */
export const LARGE_FRAME_BYTES = 2048;

/**
 * Writes frames to the other process, the small ones of one turn of the event loop together, or of some milliseconds: each write
 * of its own is a call of the system here and wakes the other side up, which costs more than most packets of sound do.
 */
export class FrameWriter {
  readonly #sink: FrameSink;
  readonly #gatherMs: number;
  #isCorked = false;

  /** @param gatherMs how long small frames wait for others; 0: until the end of the turn */
  constructor(sink: FrameSink, gatherMs = 0) {
    this.#sink = sink;
    this.#gatherMs = gatherMs;
  }

  write(frame: ChildFrame): void {
    const bytes = encodeFrame(frame);
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#sink.cork();
      if (this.#gatherMs > 0) setTimeout(this.#flush, this.#gatherMs).unref();
      else setImmediate(this.#flush);
    }
    this.#sink.write(bytes);
    if (bytes.length >= LARGE_FRAME_BYTES) this.#flush();
  }

  readonly #flush = (): void => {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#sink.uncork();
  };
}
