/** Plain data of a `PublisherClock`. */
export interface ClockState {
  readonly lastMs: number | undefined;
  readonly clockMs: number;
}

/** Unwraps a publisher's 32-bit time stamps; they may go back a little, since sound and picture are interleaved. */
export class PublisherClock {
  #lastMs: number | undefined;
  #clockMs: number;

  constructor(state: ClockState = { lastMs: undefined, clockMs: 0 }) {
    this.#lastMs = state.lastMs;
    this.#clockMs = state.clockMs;
  }

  exportState(): ClockState {
    return { lastMs: this.#lastMs, clockMs: this.#clockMs };
  }

  /** Milliseconds since the publisher's zero, beyond 2^32 after a wrap. */
  unwrap(timestampMs: number): number {
    // The signed difference modulo 2^32: a wrap is a small step forward.
    this.#clockMs += this.#lastMs === undefined ? timestampMs : (timestampMs - this.#lastMs) | 0;
    this.#lastMs = timestampMs;
    return this.#clockMs;
  }
}
