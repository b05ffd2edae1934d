/** A plugin with this many faults within `FAULT_WINDOW_MS` is taken down. */
export const FAULT_LIMIT = 5;
/** See `FAULT_LIMIT`. */
export const FAULT_WINDOW_MS = 60_000;
/** New code that reaches `FAULT_LIMIT` this soon after its swap gives way to the code before it. */
export const PROBATION_MS = 10_000;
/** First wait before a failed plugin is started again; doubles with each failure. */
export const RESTART_FIRST_MS = 1000;
/** Longest wait before a failed plugin is started again. */
export const RESTART_MAX_MS = 60_000;
/** A plugin that served this long has recovered: its next restart waits `RESTART_FIRST_MS` again. */
export const RECOVERED_MS = 600_000;

/** Restart intensity of one plugin: how many faults in how short a time are too many. */
export class FaultWindow {
  /** The newest `FAULT_LIMIT` faults at most. */
  #timesMs: number[] = [];
  #failures = 0;

  /** Counts a fault; true when it is one too many. */
  add(nowMs: number): boolean {
    this.#timesMs = [...this.#within(nowMs), nowMs].slice(-FAULT_LIMIT);
    return this.#timesMs.length >= FAULT_LIMIT;
  }

  /** Faults within the window, `FAULT_LIMIT` at most. */
  count(nowMs: number): number {
    return this.#within(nowMs).length;
  }

  /**
   * Time to wait before the next start, after the plugin was taken down or could not be started.
   *
   * @param servedMs how long it had served before
   */
  nextRestartMs(servedMs: number): number {
    this.#timesMs = [];
    if (servedMs >= RECOVERED_MS) this.#failures = 0;
    return Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** this.#failures++);
  }

  /** Forgets the faults of earlier code; how often the plugin was taken down is remembered. */
  clear(): void {
    this.#timesMs = [];
  }

  /** Forgets the past: somebody changed the plugin. */
  reset(): void {
    this.clear();
    this.#failures = 0;
  }

  #within(nowMs: number): number[] {
    return this.#timesMs.filter((timeMs) => nowMs - timeMs < FAULT_WINDOW_MS);
  }
}
