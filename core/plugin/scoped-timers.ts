import type { Scope } from '../scope/scope.ts';

/** Stops a timer; harmless when it has fired. */
export type Cancel = () => void;

/** Timers that end with their scope; a callback that throws is reported as a fault of the plugin. */
export class ScopedTimers {
  readonly #scope: Scope;
  readonly #guard: (work: () => void) => void;

  constructor(scope: Scope, guard: (work: () => void) => void) {
    this.#scope = scope;
    this.#guard = guard;
  }

  /** Calls `work` once, `delayMs` from now. */
  after(delayMs: number, work: () => void): Cancel {
    const timer = setTimeout(() => {
      held.detach();
      this.#guard(work);
    }, delayMs);
    const held = this.#scope.add('timer', () => clearTimeout(timer));
    return () => void held.release();
  }

  /** Calls `work` every `periodMs` until cancelled. */
  every(periodMs: number, work: () => void): Cancel {
    const timer = setInterval(() => this.#guard(work), periodMs);
    const held = this.#scope.add('interval', () => clearInterval(timer));
    return () => void held.release();
  }
}
