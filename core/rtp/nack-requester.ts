/** When and how often lost packets are asked for. */
export interface NackLimits {
  /** How long a number may be missing before it is asked for: it may only be late. */
  readonly reorderMs: number;
  /** Least time between two requests for the same packet, however short the round trip. */
  readonly minIntervalMs: number;
  /** Requests for one packet. */
  readonly maxRequests: number;
  /** After this a packet is of no use any more. */
  readonly maxAgeMs: number;
  /** Missing numbers remembered; a longer hole is not mended by retransmission but by a key frame. */
  readonly maxPending: number;
  /** Numbers asked for per second over all packets, so that a broken path isn't made worse. */
  readonly maxPerSecond: number;
}

/** Limits used where none are given. */
export const DEFAULT_NACK_LIMITS: NackLimits = { reorderMs: 10, minIntervalMs: 20, maxRequests: 10, maxAgeMs: 1000, maxPending: 256, maxPerSecond: 600 };

/** Most numbers of one answer of `due`: about one RTCP packet. */
export const NACK_BATCH_MAX = 128;

/** Round trip assumed until one was measured. */
const DEFAULT_RTT_MS = 100;
/** Each further request waits this much longer than the one before. */
const BACK_OFF = 1.5;

/** What to do about lost packets now. */
export interface NackDecision {
  /** Extended sequence numbers to ask for, oldest first. */
  readonly sequences: readonly number[];
  /** Packets given up since the last decision: a decoder needs a key frame to go on. */
  readonly givenUp: number;
}

/** The estimate of the round trip moves by an eighth of each difference. @see RFC 6298 section 2 */
const RTT_GAIN = 8;

interface Missing {
  readonly sinceMs: number;
  askedMs: number;
  dueMs: number;
  requests: number;
}

/**
 * The receiving side of retransmission for one SSRC: notes which sequence numbers are missing and says when to ask for
 * them. Has no timer: whoever owns it calls `due` every 20 ms or so. @see RFC 4585 section 6.2.1
 */
export class NackRequester {
  readonly #limits: NackLimits;
  readonly #missing = new Map<number, Missing>();
  #highest: number | undefined;
  #givenUp = 0;
  /** Requests still allowed; refilled over time up to a second's worth. */
  #tokens: number;
  #refilledMs: number | undefined;
  #rttMs: number | undefined;

  constructor(limits: Partial<NackLimits> = {}) {
    this.#limits = { ...DEFAULT_NACK_LIMITS, ...limits };
    this.#tokens = this.#limits.maxPerSecond;
  }

  /** Numbers missing and not given up. */
  get pending(): number {
    return this.#missing.size;
  }

  /** From a request to the packet that answers it, smoothed; undefined before the first answer. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Notes a packet, original or retransmitted, by its extended sequence number. */
  received(sequence: number, nowMs: number): void {
    if (this.#highest === undefined) {
      this.#highest = sequence;
      return;
    }
    if (sequence <= this.#highest) {
      this.#measure(this.#missing.get(sequence), nowMs);
      this.#missing.delete(sequence);
      return;
    }
    const holeStart = this.#highest + 1;
    this.#highest = sequence;
    const hole = sequence - holeStart;
    if (hole === 0) return;
    if (this.#missing.size + hole > this.#limits.maxPending) {
      this.#givenUp += this.#missing.size + hole;
      this.#missing.clear();
      return;
    }
    for (let missing = holeStart; missing < sequence; missing += 1) this.#missing.set(missing, { sinceMs: nowMs, askedMs: nowMs, dueMs: nowMs + this.#limits.reorderMs, requests: 0 });
  }

  /**
   * What to ask for now; a packet that is answered here counts as asked for.
   *
   * @param rttMs round trip to the sender, by default as measured: asking again any sooner would be for nothing
   */
  due(nowMs: number, rttMs: number = this.#rttMs ?? DEFAULT_RTT_MS): NackDecision {
    this.#refill(nowMs);
    const sequences: number[] = [];
    const intervalMs = Math.max(this.#limits.minIntervalMs, rttMs);
    for (const [sequence, missing] of this.#missing) {
      if (this.#isHopeless(missing, nowMs)) {
        this.#missing.delete(sequence);
        this.#givenUp += 1;
      } else if (missing.dueMs <= nowMs && this.#tokens >= 1 && sequences.length < NACK_BATCH_MAX) {
        this.#tokens -= 1;
        missing.dueMs = nowMs + intervalMs * BACK_OFF ** missing.requests;
        missing.requests += 1;
        missing.askedMs = nowMs;
        sequences.push(sequence);
      }
    }
    const givenUp = this.#givenUp;
    this.#givenUp = 0;
    return { sequences, givenUp };
  }

  /** A key frame came: what is missing before it is of no use. */
  forgetBefore(sequence: number): void {
    for (const missing of this.#missing.keys()) if (missing < sequence) this.#missing.delete(missing);
  }

  /** Forgets everything; the next packet begins anew. */
  reset(): void {
    this.#missing.clear();
    this.#highest = undefined;
    this.#givenUp = 0;
  }

  /** A packet that was asked for twice doesn't say which request it answers. @see RFC 6298 section 3 */
  #measure(missing: Missing | undefined, nowMs: number): void {
    if (missing?.requests !== 1) return;
    const tookMs = nowMs - missing.askedMs;
    this.#rttMs = this.#rttMs === undefined ? tookMs : this.#rttMs + (tookMs - this.#rttMs) / RTT_GAIN;
  }

  #isHopeless(missing: Missing, nowMs: number): boolean {
    if (nowMs - missing.sinceMs >= this.#limits.maxAgeMs) return true;
    return missing.requests >= this.#limits.maxRequests && missing.dueMs <= nowMs;
  }

  #refill(nowMs: number): void {
    const { maxPerSecond } = this.#limits;
    const elapsedMs = Math.max(0, nowMs - (this.#refilledMs ?? nowMs));
    this.#tokens = Math.min(maxPerSecond, this.#tokens + (elapsedMs * maxPerSecond) / 1000);
    this.#refilledMs = nowMs;
  }
}
