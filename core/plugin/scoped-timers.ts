import { AsyncResource } from 'node:async_hooks';
import type { Scope } from '../scope/scope.ts';

/** Stops a timer; harmless when it has fired. */
export type Cancel = () => void;

/** Work that comes in rounds, and not at all while there is nothing to look after: each wake-up has its price, also one for nothing. */
export interface Rounds {
  /** The next round comes soon, unless one is on its way anyway. */
  begin(): void;
}

/** From a round that has failed to the next. */
const AFTER_FAULT_MS = 1000;

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

  /**
   * Calls `work` in rounds, from `begin()` on.
   *
   * @param work answers in how many milliseconds the next round is due; undefined for none until `begin()` is called again
   */
  rounds(work: () => number | undefined): Rounds {
    // Whoever begins is not whom the rounds are for: in its context they would keep it alive.
    const context = new AsyncResource('Rounds');
    let timer: NodeJS.Timeout | undefined;
    let periodMs: number | undefined;
    const plan = (): void => {
      timer = periodMs === undefined ? undefined : setTimeout(round, periodMs);
    };
    const round = (): void => {
      periodMs = AFTER_FAULT_MS;
      this.#guard(() => (periodMs = work()));
      if (!this.#scope.closed) plan();
    };
    this.#scope.add('rounds', () => clearTimeout(timer));
    return {
      begin: () => {
        if (timer !== undefined || this.#scope.closed) return;
        periodMs = 0;
        context.runInAsyncScope(plan);
      },
    };
  }
}
