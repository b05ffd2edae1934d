interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that stands still until told to go on; timers run in order of their time. */
export class FakeTime {
  #nowMs: number;
  #order = 0;
  #timers: Timer[] = [];

  constructor(startMs = 1_000) {
    this.#nowMs = startMs;
  }

  get pending(): number {
    return this.#timers.length;
  }

  nowMs = (): number => this.#nowMs;

  after = (ms: number, fn: () => void): (() => void) => {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = next.atMs;
      next.fn();
    }
    this.#nowMs = untilMs;
  }
}
