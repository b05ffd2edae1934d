const SEQUENCE_MODULUS = 0x1_0000;
const TIMESTAMP_MODULUS = 0x1_0000_0000;

/** Signed distance from `from` to `to` around the 16-bit circle, -32768 to 32767. */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/** Signed distance from `from` to `to` around the 32-bit circle. */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Extends the numbers of a circle to ones that don't wrap; a number is taken to be the nearest to the highest so far, so that reordering and loss don't matter. */
class Unwrapper {
  readonly #distance: (from: number, to: number) => number;
  readonly #modulus: number;
  #highest: number | undefined;

  constructor(modulus: number, distance: (from: number, to: number) => number, highest?: number) {
    this.#modulus = modulus;
    this.#distance = distance;
    this.#highest = highest;
  }

  /** The highest number so far; undefined before the first. */
  get highest(): number | undefined {
    return this.#highest;
  }

  /** The extended number. One turn is ahead of the first, so that a late number before it doesn't become negative. */
  unwrap(wrapped: number): number {
    if (this.#highest === undefined) {
      this.#highest = this.#modulus + wrapped;
      return this.#highest;
    }
    const extended = this.#highest + this.#distance(this.#highest, wrapped);
    if (extended > this.#highest) this.#highest = extended;
    return extended;
  }

  /** Begins anew with the next number: after a jump of the source. */
  reset(): void {
    this.#highest = undefined;
  }
}

/** Extends 16-bit sequence numbers. @see RFC 3550 appendix A.1 */
export class SequenceUnwrapper extends Unwrapper {
  /** @param highest the highest extended number, to go on where another unwrapper stood */
  constructor(highest?: number) {
    super(SEQUENCE_MODULUS, sequenceDistance, highest);
  }
}

/** Extends 32-bit RTP timestamps. */
export class TimestampUnwrapper extends Unwrapper {
  /** @param highest the highest extended timestamp, to go on where another unwrapper stood */
  constructor(highest?: number) {
    super(TIMESTAMP_MODULUS, timestampDistance, highest);
  }
}
