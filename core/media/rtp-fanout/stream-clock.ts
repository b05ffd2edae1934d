/** How long the least delayed packet counts. */
const WINDOW_MS = 10_000;
const US_PER_MS = 1000;

/**
 * Tells which time of the stream it is now, for sender reports: packets come late by a varying time, so the least
 * delayed one of the last ten to twenty seconds tells. One clock for all tracks keeps sound and picture together.
 */
export class StreamClock {
  #windowStartMs = -Infinity;
  /** Greatest distances of stream time to arrival, of the present and of the last window. */
  #presentUs = -Infinity;
  #lastUs = -Infinity;

  /** Notes a packet. */
  note(ptsUs: number, receivedAtMs: number): void {
    if (receivedAtMs - this.#windowStartMs >= WINDOW_MS) {
      this.#lastUs = this.#presentUs;
      this.#presentUs = -Infinity;
      this.#windowStartMs = receivedAtMs;
    }
    this.#presentUs = Math.max(this.#presentUs, ptsUs - receivedAtMs * US_PER_MS);
  }

  /** The publisher is another one, or its clock has jumped. */
  reset(): void {
    this.#presentUs = this.#lastUs = -Infinity;
    this.#windowStartMs = -Infinity;
  }

  /** Microseconds on the stream's clock; undefined before the first packet. */
  nowUs(nowMs: number): number | undefined {
    const distanceUs = Math.max(this.#presentUs, this.#lastUs);
    return distanceUs === -Infinity ? undefined : Math.max(0, Math.round(nowMs * US_PER_MS + distanceUs));
  }
}
