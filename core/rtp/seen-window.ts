/** How far behind the newest a packet may come; a power of two. */
const WINDOW = 1024;
const NEVER = -1;

/** Remembers which of the last extended sequence numbers have come: a packet and its retransmission are one. */
export class SeenWindow {
  /** The number last seen in each slot. */
  readonly #slots: Float64Array;

  constructor(state?: Float64Array) {
    this.#slots = state?.slice() ?? new Float64Array(WINDOW).fill(NEVER);
  }

  exportState(): Float64Array {
    return this.#slots.slice();
  }

  /** Notes a number; false when it has come before or is too old to tell. */
  add(sequence: number): boolean {
    const slot = sequence % WINDOW;
    const before = this.#slots[slot] ?? NEVER;
    if (before >= sequence) return false;
    this.#slots[slot] = sequence;
    return true;
  }
}
