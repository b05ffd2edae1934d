import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** Timers by name with the milliseconds that they have left: plain data. */
export type TimersLeft = readonly (readonly [name: string, leftMs: number])[];

/** The timers of one transaction or dialog, which can be written down and set again elsewhere. */
export class NamedTimers<Name extends string> {
  readonly #wheel: TimerWheel;
  readonly #onTimer: (name: Name) => void;
  readonly #timers = new Map<Name, WheelTimer>();

  constructor(wheel: TimerWheel, onTimer: (name: Name) => void) {
    this.#wheel = wheel;
    this.#onTimer = onTimer;
  }

  /** Sets a timer, in place of the one of the same name. */
  arm(name: Name, delayMs: number): void {
    this.disarm(name);
    const timer = this.#wheel.after(delayMs, () => {
      this.#timers.delete(name);
      this.#onTimer(name);
    });
    this.#timers.set(name, timer);
  }

  disarm(name: Name): void {
    const timer = this.#timers.get(name);
    if (timer === undefined) return;
    this.#timers.delete(name);
    this.#wheel.cancel(timer);
  }

  disarmAll(): void {
    for (const timer of this.#timers.values()) this.#wheel.cancel(timer);
    this.#timers.clear();
  }

  left(): TimersLeft {
    const nowMs = this.#wheel.nowMs();
    return [...this.#timers].map(([name, { atMs }]) => [name, Math.max(0, atMs - nowMs)]);
  }

  /** Sets timers that were written down by `left()`; the names are the same there. */
  restore(left: TimersLeft): void {
    for (const [name, leftMs] of left) this.arm(name as Name, leftMs);
  }
}
