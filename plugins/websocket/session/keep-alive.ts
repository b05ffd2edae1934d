/** Plain data of a `KeepAlive`. */
export interface KeepAliveState {
  /** Monotonic milliseconds. */
  readonly lastPingAtMs: number;
  readonly unanswered: number;
}

/** When a peer is pinged, and when it is given up. */
export interface KeepAliveLimits {
  readonly pingIntervalMs: number;
  /** Pings in a row without any sign of life. */
  readonly pingProbes: number;
}

/** Watches one WebSocket by JSON pings: browsers answer those of the protocol itself, but hide them from the SDK's watchdog. */
export class KeepAlive {
  readonly #limits: KeepAliveLimits;
  #lastPingAtMs: number;
  #unanswered: number;

  /** @param state of a connection of the previous version, or when it began */
  constructor(limits: KeepAliveLimits, state: KeepAliveState | number) {
    this.#limits = limits;
    const { lastPingAtMs, unanswered } = typeof state === 'number' ? { lastPingAtMs: state, unanswered: 0 } : state;
    this.#lastPingAtMs = lastPingAtMs;
    this.#unanswered = unanswered;
  }

  /** Something has come from the peer. */
  heard(): void {
    this.#unanswered = 0;
  }

  tick(nowMs: number): 'fine' | 'ping' | 'lost' {
    if (nowMs - this.#lastPingAtMs < this.#limits.pingIntervalMs) return 'fine';
    if (this.#unanswered >= this.#limits.pingProbes) return 'lost';
    this.#lastPingAtMs = nowMs;
    this.#unanswered++;
    return 'ping';
  }

  exportState(): KeepAliveState {
    return { lastPingAtMs: this.#lastPingAtMs, unanswered: this.#unanswered };
  }
}
