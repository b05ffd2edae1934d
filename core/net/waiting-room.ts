/** Accepted connections and requests that may wait for a lease to commit, per listener. */
export const WAITING_MAX = 512;

/** Bounded queue of what arrived while no lease was committed. */
export class WaitingRoom<T> {
  readonly #items = new Set<T>();
  readonly #limit: number;

  constructor(limit = WAITING_MAX) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.size;
  }

  /** False when the room is full. */
  admit(item: T): boolean {
    if (this.#items.size >= this.#limit) return false;
    this.#items.add(item);
    return true;
  }

  leave(item: T): void {
    this.#items.delete(item);
  }

  /** Empties the room, oldest first, once the current synchronous block is over: a commit stays O(1) and can be undone within its block. */
  drainSoon(deliver: (item: T) => void): void {
    if (this.#items.size === 0) return;
    queueMicrotask(() => this.drain(deliver));
  }

  /** Empties the room now. What is admitted again meanwhile waits for the next time. */
  drain(deliver: (item: T) => void): void {
    const items = [...this.#items];
    this.#items.clear();
    for (const item of items) deliver(item);
  }
}
