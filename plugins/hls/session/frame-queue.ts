import type { MediaFrame } from 'wcs-core';

/** Frames that a track may be ahead of the other; more than that and its clock is wrong. */
export const QUEUE_MAX_FRAMES = 2000;

/** Frames of one track that wait for their part, in decoding order. */
export class FrameQueue {
  #frames: MediaFrame[];

  constructor(frames: readonly MediaFrame[] = []) {
    this.#frames = [...frames];
  }

  /** Decoding time of the oldest frame. */
  get firstUs(): number | undefined {
    return this.#frames[0]?.dtsUs;
  }

  push(frame: MediaFrame): void {
    // A track that runs away from the leading one loses its oldest frames rather than growing without bound.
    if (this.#frames.length >= QUEUE_MAX_FRAMES) this.#frames.shift();
    this.#frames.push(frame);
  }

  /** Takes all frames whose decoding time is below `endUs`. */
  takeBefore(endUs: number): readonly MediaFrame[] {
    let count = 0;
    while ((this.#frames[count]?.dtsUs ?? endUs) < endUs) count++;
    return this.#frames.splice(0, count);
  }

  clear(): void {
    this.#frames = [];
  }

  toArray(): readonly MediaFrame[] {
    return [...this.#frames];
  }
}
