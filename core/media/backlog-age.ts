const SAMPLES = 32;

/**
 * Tells how old the oldest byte of a backlog is, from the total written over time. A fixed ring of samples: nothing is
 * allocated after construction. Ages beyond the span are told as that span or more.
 */
export class BacklogAge {
  readonly #stepMs: number;
  readonly #totals = new Float64Array(SAMPLES);
  readonly #timesMs = new Float64Array(SAMPLES);
  #count = 0;
  #newest = SAMPLES - 1;
  #total = 0;

  /** @param spanMs ages up to this are told with a resolution of a sixteenth of it */
  constructor(spanMs: number) {
    this.#stepMs = spanMs / (SAMPLES / 2);
  }

  /** Notes bytes just written. */
  written(bytes: number, nowMs: number): void {
    if (this.#count === 0 || nowMs - (this.#timesMs[this.#newest] ?? 0) >= this.#stepMs) {
      this.#newest = (this.#newest + 1) % SAMPLES;
      this.#totals[this.#newest] = this.#total;
      this.#timesMs[this.#newest] = nowMs;
      this.#count = Math.min(this.#count + 1, SAMPLES);
    }
    this.#total += bytes;
  }

  /** Age in milliseconds of the oldest of the last `backlogBytes` written. */
  ageMs(backlogBytes: number, nowMs: number): number {
    if (backlogBytes <= 0 || this.#count === 0) return 0;
    const oldestByte = this.#total - backlogBytes;
    let timeMs = nowMs;
    for (let step = 0; step < this.#count; step += 1) {
      const index = (this.#newest - step + SAMPLES) % SAMPLES;
      timeMs = this.#timesMs[index] ?? nowMs;
      if ((this.#totals[index] ?? 0) <= oldestByte) break;
    }
    return nowMs - timeMs;
  }
}
