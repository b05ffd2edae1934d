/** Periods after which a silent peer is asked, and given up. */
export interface LivenessLimits {
  /** From the connection's start to an accepted `connect`. */
  readonly handshakeTimeoutMs: number;
  /** Silence after which a ping goes out. */
  readonly pingIntervalMs: number;
  /** Silence after which the connection ends. */
  readonly idleTimeoutMs: number;
}

/** Plain data of a `Liveness`. */
export interface LivenessState {
  readonly startedAtMs: number;
  readonly aliveAtMs: number;
  readonly pingedAtMs: number;
  readonly bytes: number;
}

/** What is to be done about a peer at a tick. */
export type LivenessVerdict = 'fine' | 'ping' | 'handshakeTimeout' | 'idle';

/** Decides by a connection's byte counts whether its peer is still there. Pure: times come as arguments, in monotonic milliseconds. */
export class Liveness {
  readonly #limits: LivenessLimits;
  #state: LivenessState;

  constructor(limits: LivenessLimits, state: LivenessState) {
    this.#limits = limits;
    this.#state = state;
  }

  /** The state of a connection that begins now. */
  static begin(nowMs: number): LivenessState {
    return { startedAtMs: nowMs, aliveAtMs: nowMs, pingedAtMs: nowMs, bytes: 0 };
  }

  exportState(): LivenessState {
    return this.#state;
  }

  /**
   * @param bytes bytes received, plus for a player the bytes that its side has taken: it need not say anything
   * @param connected whether `connect` was accepted
   */
  tick(nowMs: number, bytes: number, connected: boolean): LivenessVerdict {
    if (!connected) return nowMs - this.#state.startedAtMs >= this.#limits.handshakeTimeoutMs ? 'handshakeTimeout' : 'fine';
    const { startedAtMs } = this.#state;
    if (bytes > this.#state.bytes) this.#state = { startedAtMs, aliveAtMs: nowMs, pingedAtMs: nowMs, bytes };
    const { aliveAtMs, pingedAtMs } = this.#state;
    if (nowMs - aliveAtMs >= this.#limits.idleTimeoutMs) return 'idle';
    if (nowMs - pingedAtMs < this.#limits.pingIntervalMs) return 'fine';
    this.#state = { startedAtMs, aliveAtMs, pingedAtMs: nowMs, bytes: this.#state.bytes };
    return 'ping';
  }
}
