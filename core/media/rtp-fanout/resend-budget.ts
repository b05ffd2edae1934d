/** Times that one packet is sent again to one viewer. */
export const RESENDS_PER_PACKET = 10;
/** Packets sent again per second and track of a viewer. */
export const RESENDS_PER_SECOND = 500;
/** A packet asked for again sooner than this is on its way. */
export const RESEND_INTERVAL_MS = 10;
/** Packets whose resends are remembered. */
const REMEMBERED_PACKETS = 2048;

interface Resends {
  count: number;
  lastMs: number;
}

/** Bounds what a viewer's requests may cost: per packet, and per second over all of them. */
export class ResendBudget {
  readonly #resends = new Map<number, Resends>();
  #tokens = RESENDS_PER_SECOND;
  #refilledMs = -Infinity;

  /** True when the packet may be sent again now; that counts as done. */
  take(sequence: number, nowMs: number): boolean {
    const resends = this.#resends.get(sequence) ?? { count: 0, lastMs: -Infinity };
    if (resends.count >= RESENDS_PER_PACKET || nowMs - resends.lastMs < RESEND_INTERVAL_MS || !this.#spend(nowMs)) return false;
    resends.count += 1;
    resends.lastMs = nowMs;
    this.#remember(sequence, resends);
    return true;
  }

  #remember(sequence: number, resends: Resends): void {
    this.#resends.set(sequence, resends);
    if (this.#resends.size <= REMEMBERED_PACKETS) return;
    for (const oldest of this.#resends.keys()) {
      this.#resends.delete(oldest);
      break;
    }
  }

  #spend(nowMs: number): boolean {
    const earned = ((nowMs - this.#refilledMs) * RESENDS_PER_SECOND) / 1000;
    this.#tokens = Math.min(RESENDS_PER_SECOND, this.#tokens + earned);
    this.#refilledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
