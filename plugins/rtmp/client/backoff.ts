/** Plain data of a `Backoff`. */
export interface BackoffState {
  readonly failures: number;
  /** When media began to flow; undefined since the last failure. */
  readonly runningSinceMs: number | undefined;
}

/** How long to wait before the next try: twice as long after each failure, and from the start again after a try that went well for that long. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  #failures: number;
  #runningSinceMs: number | undefined;

  constructor({ minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }, state: BackoffState = { failures: 0, runningSinceMs: undefined }) {
    this.#minMs = minMs;
    this.#maxMs = Math.max(minMs, maxMs);
    this.#failures = state.failures;
    this.#runningSinceMs = state.runningSinceMs;
  }

  exportState(): BackoffState {
    return { failures: this.#failures, runningSinceMs: this.#runningSinceMs };
  }

  /** Media flows. */
  running(nowMs: number): void {
    this.#runningSinceMs = nowMs;
  }

  /** A try has failed or ended: the time until the next, in milliseconds. */
  next(nowMs: number): number {
    const delayMs = Math.min(this.#maxMs, this.#minMs * 2 ** this.#failures);
    const wentWell = this.#runningSinceMs !== undefined && nowMs - this.#runningSinceMs >= delayMs;
    this.#runningSinceMs = undefined;
    this.#failures = wentWell ? 1 : Math.min(this.#failures + 1, 30);
    return wentWell ? this.#minMs : delayMs;
  }
}
