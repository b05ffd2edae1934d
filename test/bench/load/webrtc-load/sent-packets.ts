/** Payloads shorter than this may be alike. */
const DISTINCT_BYTES = 64;
const DELAYS_MAX = 200_000;

/** When each packet of video was sent, by the last bytes of its payload, and how long packets took to a viewer in the same process. */
export class SentPackets {
  readonly #sentAtMs = new Map<number, number>();
  #delaysMs: number[] = [];

  onSent(payload: Buffer, nowMs: number): void {
    if (payload.length >= DISTINCT_BYTES) this.#sentAtMs.set(keyOf(payload), nowMs);
  }

  onReceived(payload: Buffer, nowMs: number): void {
    if (payload.length < DISTINCT_BYTES || this.#delaysMs.length >= DELAYS_MAX) return;
    const sentAtMs = this.#sentAtMs.get(keyOf(payload));
    if (sentAtMs !== undefined) this.#delaysMs.push(nowMs - sentAtMs);
  }

  /** Delays since the last call, in milliseconds. */
  takeDelays(): number[] {
    const delays = this.#delaysMs;
    this.#delaysMs = [];
    return delays;
  }
}

function keyOf(payload: Buffer): number {
  return payload.readUInt32LE(payload.length - 4) * 2 ** 20 + (payload.readUInt32LE(payload.length - 12) & 0xfffff);
}
