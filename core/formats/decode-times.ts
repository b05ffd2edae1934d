/** How a track reorders its frames. */
export interface Reordering {
  /** How many frames may be presented before one that is decoded before them, as the track says. */
  readonly depth: number;
  /** What the depth may grow to when the stream turns out to reorder more; 0 for a codec that never reorders. */
  readonly maxDepth: number;
  /** Duration of a frame, for the times before the first one. */
  readonly frameUs: number;
}

/** Plain data of a `DecodeTimes`. */
export interface DecodeTimesState {
  readonly waitingUs: readonly number[];
  readonly lastUs: number | undefined;
}

/**
 * Gives decoding times to frames that come in decoding order with presentation times alone. With a reordering of `depth` pictures, the decoding time of
 * a frame is the smallest presentation time among those decoded so far that no frame before it was given: it never decreases and is never later
 * than the frame's presentation.
 */
export class DecodeTimes {
  /** Presentation times not yet given out as decoding times, ascending. */
  readonly #waitingUs: number[];
  readonly #depth: number;
  readonly #maxDepth: number;
  readonly #frameUs: number;
  #lastUs: number | undefined;

  /** @param state where another one left off, from its `exportState` */
  constructor({ depth, maxDepth, frameUs }: Reordering, state?: DecodeTimesState) {
    this.#depth = Math.min(depth, maxDepth);
    this.#maxDepth = maxDepth;
    this.#frameUs = frameUs;
    this.#waitingUs = [...(state?.waitingUs ?? [])];
    this.#lastUs = state?.lastUs;
  }

  exportState(): DecodeTimesState {
    return { waitingUs: [...this.#waitingUs], lastUs: this.#lastUs };
  }

  /** Decoding time of the next frame in decoding order. */
  next(ptsUs: number): number {
    const lastUs = this.#lastUs;
    if (lastUs === undefined) for (let ahead = this.#depth; ahead > 0; ahead--) this.#waitingUs.push(Math.max(0, ptsUs - ahead * this.#frameUs));
    this.#insert(ptsUs);
    const isDeeper = lastUs !== undefined && ptsUs < lastUs && this.#waitingUs.length <= this.#maxDepth;
    // A frame from before the last decoding time: the stream reorders more than was known, so that one time more is kept back from now on.
    const dtsUs = isDeeper ? lastUs : Math.max(lastUs ?? 0, this.#waitingUs.shift() ?? ptsUs);
    this.#lastUs = dtsUs;
    return dtsUs;
  }

  #insert(ptsUs: number): void {
    let at = this.#waitingUs.length;
    while (at > 0 && (this.#waitingUs[at - 1] ?? 0) > ptsUs) at--;
    this.#waitingUs.splice(at, 0, ptsUs);
  }
}
