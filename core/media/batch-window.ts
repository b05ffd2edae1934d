import { performance } from 'node:perf_hooks';
import type { MediaTimers } from './runtime.ts';

/** Cumulative milliseconds that an event loop worked and waited. */
export interface LoopTimes {
  readonly active: number;
  readonly idle: number;
}

/** How often the load is measured. */
const SAMPLE_PERIOD_MS = 500;

/** Shortest window: nobody notices it, and it still joins the packets of a frame. */
export const MIN_WINDOW_MS = 10;
/** Longest window: with a frame's own distance it stays below what a player's buffer is made for. */
export const MAX_WINDOW_MS = 100;
/** Window before anything was measured. */
export const FIRST_WINDOW_MS = 30;
/** Load that the window aims at: writing to sockets costs by the write, so that a window twice as long costs half. */
const TARGET_LOAD = 0.12;

/**
 * How long batches for TCP readers wait, steered by how busy the event loop is: 10 ms while there is little to do, up
 * to 100 ms as the load rises. Moves half the way (geometrically) at each measurement, so that it does not swing.
 */
export class BatchWindow {
  readonly #timers: MediaTimers;
  readonly #read: () => LoopTimes;
  #last: LoopTimes;
  #load = 0;
  #ms = FIRST_WINDOW_MS;
  #cancel: () => void;

  constructor(timers: MediaTimers, read: () => LoopTimes = () => performance.eventLoopUtilization()) {
    this.#timers = timers;
    this.#read = read;
    this.#last = read();
    this.#cancel = timers.after(SAMPLE_PERIOD_MS, () => this.#sample());
  }

  /** The window now, in milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** Share of time that the event loop worked during the last half second, 0 to 1. */
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
    if (total > 0) {
      this.#load = Math.min(1, Math.max(0, active / total));
      this.#ms = Math.min(MAX_WINDOW_MS, Math.max(MIN_WINDOW_MS, this.#ms * Math.sqrt(this.#load / TARGET_LOAD)));
    }
    this.#cancel = this.#timers.after(SAMPLE_PERIOD_MS, () => this.#sample());
  }
}
