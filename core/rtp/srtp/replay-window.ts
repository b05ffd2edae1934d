/** Packets back from the newest that are told apart; what is older counts as replayed. @see RFC 3711 section 3.3.2, which asks for 64 at least */
export const REPLAY_WINDOW_PACKETS = 128;

const WORDS = REPLAY_WINDOW_PACKETS / 32;

/** A replay window as plain data: the highest index and a ring of bits by index modulo 128. */
export interface ReplayWindowState {
  readonly highest: number;
  readonly seen: readonly number[];
}

/** Which of the last packets of one source have come. Only authentic packets may be accepted into it. */
export class ReplayWindow {
  #highest: number;
  readonly #seen: Uint32Array;

  /** @param state a window to go on with */
  constructor(state: ReplayWindowState = { highest: -1, seen: [] }) {
    this.#highest = state.highest;
    this.#seen = Uint32Array.from({ length: WORDS }, (_, word) => state.seen[word] ?? 0);
  }

  /** Highest index so far; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** True unless the packet has come before or is too old to tell. */
  isNew(index: number): boolean {
    if (index > this.#highest) return true;
    if (this.#highest - index >= REPLAY_WINDOW_PACKETS) return false;
    return ((this.#seen[wordOf(index)] ?? 0) & maskOf(index)) === 0;
  }

  /** Remembers a packet that `isNew`. */
  accept(index: number): void {
    // The bits that the window moves over belong to packets of one round ago.
    const from = Math.max(this.#highest + 1, index - REPLAY_WINDOW_PACKETS + 1);
    for (let passed = from; passed < index; passed++) this.#put(passed, false);
    if (index > this.#highest) this.#highest = index;
    this.#put(index, true);
  }

  /** The window as plain data. */
  state(): ReplayWindowState {
    return { highest: this.#highest, seen: [...this.#seen] };
  }

  #put(index: number, came: boolean): void {
    const word = wordOf(index);
    const bits = this.#seen[word] ?? 0;
    this.#seen[word] = came ? bits | maskOf(index) : bits & ~maskOf(index);
  }
}

function wordOf(index: number): number {
  return (index >>> 5) % WORDS;
}

function maskOf(index: number): number {
  return 1 << (index & 31);
}
