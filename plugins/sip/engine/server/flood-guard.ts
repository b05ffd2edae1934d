/** Addresses that are remembered; the one that was quiet longest is forgotten first. */
const SOURCES_MAX = 10_000;
/** Programs that look for open exchanges; they get no answer at all. */
const SCANNERS = /friendly-scanner|sipvicious|sipcli|sip-scan|sipsak-scan|sundayddr|pplsip|vaxsipuseragent|iwar|sivus|gulp/i;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Counts messages by address: who sends too many is not heard. */
export class FloodGuard {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more message of the address may be worked with. */
  admit(address: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(address) ?? { tokens: this.#perSecond * 2, filledAtMs: nowMs };
    // Behind all others: the order is that of the last message.
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    bucket.tokens = Math.min(this.#perSecond * 2, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * this.#perSecond);
    bucket.filledAtMs = nowMs;
    this.#makeRoom();
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #makeRoom(): void {
    if (this.#buckets.size <= SOURCES_MAX) return;
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}

export function isScanner(userAgent: string | undefined): boolean {
  return userAgent !== undefined && SCANNERS.test(userAgent);
}
