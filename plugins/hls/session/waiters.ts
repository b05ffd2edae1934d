/** Somebody who is to be answered when a presentation has come far enough. */
export interface Waiter {
  /** True when there is an answer now; asked after each change. */
  isDue(): boolean;
  /** There is: give it. */
  answer(): void;
  /** Nothing will come: the time is over or the presentation is. */
  giveUp(reason: 'timeout' | 'ended'): void;
  /** Another generation of the plugin takes it over. */
  handOn(): void;
}

/** Held requests of one presentation, bounded in number and time. */
export class Waiters {
  readonly #waiting = new Map<Waiter, { readonly deadlineMs: number }>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Holds it until it is due; false when there is no room. The answer of `remove` takes it out again. */
  add(waiter: Waiter, deadlineMs: number): boolean {
    if (this.#waiting.size >= this.#max) return false;
    this.#waiting.set(waiter, { deadlineMs });
    return true;
  }

  /** Its client has gone. */
  remove(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** Answers all that are due, from one change. */
  wake(): void {
    for (const waiter of this.#waiting.keys()) {
      if (!waiter.isDue()) continue;
      this.#waiting.delete(waiter);
      waiter.answer();
    }
  }

  /** Ends those who have waited too long. */
  expire(nowMs: number): void {
    for (const [waiter, { deadlineMs }] of this.#waiting) {
      if (deadlineMs > nowMs) continue;
      this.#waiting.delete(waiter);
      waiter.giveUp('timeout');
    }
  }

  /** No change will come any more. */
  endAll(): void {
    this.#drain((waiter) => waiter.giveUp('ended'));
  }

  /** The presentation goes on elsewhere. */
  handOnAll(): void {
    this.#drain((waiter) => waiter.handOn());
  }

  #drain(take: (waiter: Waiter) => void): void {
    for (const waiter of [...this.#waiting.keys()]) {
      this.#waiting.delete(waiter);
      take(waiter);
    }
  }
}
