import { performance } from 'node:perf_hooks';
import type { MediaTimers } from './runtime.ts';

/** Cumulative milliseconds that an event loop worked and waited. */
export interface LoopTimes {
  readonly active: number;
  readonly idle: number;
}

/** How often the load is measured. */
const SAMPLE_PERIOD_MS = 500;

/** Share of time that the event loop worked during the last half second, 0 to 1. */
export class EventLoopLoad {
  readonly #timers: MediaTimers;
  readonly #read: () => LoopTimes;
  #last: LoopTimes;
  #load = 0;
  #cancel: () => void;

  constructor(timers: MediaTimers, read: () => LoopTimes = () => performance.eventLoopUtilization()) {
    this.#timers = timers;
    this.#read = read;
    this.#last = read();
    this.#cancel = timers.after(SAMPLE_PERIOD_MS, () => this.#sample());
  }

  get load(): number {
    return this.#load;
  }

  close(): void {
    this.#cancel();
  }

  #sample(): void {
    const now = this.#read();
    const active = now.active - this.#last.active;
    const total = active + now.idle - this.#last.idle;
    this.#last = now;
    if (total > 0) this.#load = Math.min(1, Math.max(0, active / total));
    this.#cancel = this.#timers.after(SAMPLE_PERIOD_MS, () => this.#sample());
  }
}
