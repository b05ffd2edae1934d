/** A plugin with this many faults within `FAULT_WINDOW_MS` is taken down. */
export const FAULT_LIMIT = 5;
/** See `FAULT_LIMIT`. */
export const FAULT_WINDOW_MS = 60_000;
/** First wait before a failed plugin is started again; doubles with each failure. */
export const RESTART_FIRST_MS = 1000;
/** Longest wait before a failed plugin is started again. */
export const RESTART_MAX_MS = 60_000;

/** Restart intensity of one plugin: how many faults in how short a time are too many. */
export class FaultWindow {
  #timesMs: number[] = [];
  #failures = 0;

  /** Counts a fault; true when it is one too many. */
  add(nowMs: number): boolean {
    this.#timesMs = [...this.#timesMs.filter((timeMs) => nowMs - timeMs < FAULT_WINDOW_MS), nowMs];
    return this.#timesMs.length >= FAULT_LIMIT;
  }

  /** Faults within the window. */
  count(nowMs: number): number {
    return this.#timesMs.filter((timeMs) => nowMs - timeMs < FAULT_WINDOW_MS).length;
  }

  /** Time to wait before the next start, after the plugin was taken down. */
  nextRestartMs(): number {
    this.#timesMs = [];
    return Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** this.#failures++);
  }

  /** Forgets the past: somebody changed the plugin. */
  reset(): void {
    this.#timesMs = [];
    this.#failures = 0;
  }
}
