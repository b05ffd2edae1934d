/** Plain data of `Liveness`. */
export interface LivenessState {
  readonly sinceMs: number;
  readonly lastSignMs: number;
  readonly lastBytes: number;
}

/** What becomes of a peer. */
export type LivenessVerdict = 'fine' | 'setupTimeout' | 'silent';

/** Silence is told to clients in seconds; this much more is theirs. */
const GRACE_MS = 5000;

/** Tells when a peer takes too long to begin, or is gone. */
export class Liveness {
  readonly #setupTimeoutMs: number;
  readonly #sessionTimeoutMs: number;
  readonly #sinceMs: number;
  #lastSignMs: number;
  #lastBytes: number;

  constructor({ setupTimeoutS, sessionTimeoutS }: { readonly setupTimeoutS: number; readonly sessionTimeoutS: number }, nowMs: number, state?: LivenessState) {
    this.#setupTimeoutMs = setupTimeoutS * 1000;
    this.#sessionTimeoutMs = sessionTimeoutS * 1000 + GRACE_MS;
    this.#sinceMs = state?.sinceMs ?? nowMs;
    this.#lastSignMs = state?.lastSignMs ?? nowMs;
    this.#lastBytes = state?.lastBytes ?? 0;
  }

  exportState(): LivenessState {
    return { sinceMs: this.#sinceMs, lastSignMs: this.#lastSignMs, lastBytes: this.#lastBytes };
  }

  /** The peer has sent something. */
  sign(atMs: number): void {
    this.#lastSignMs = Math.max(this.#lastSignMs, atMs);
  }

  /** @param bytes taken by the peer so far @param isAtWork it plays or records */
  tick(nowMs: number, bytes: number, isAtWork: boolean): LivenessVerdict {
    if (bytes !== this.#lastBytes) this.sign(nowMs);
    this.#lastBytes = bytes;
    if (nowMs - this.#lastSignMs >= this.#sessionTimeoutMs) return 'silent';
    return !isAtWork && nowMs - Math.max(this.#sinceMs, this.#lastSignMs) >= this.#setupTimeoutMs ? 'setupTimeout' : 'fine';
  }
}
