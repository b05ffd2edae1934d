/** Flows that one UDP socket may pin. */
export const UDP_FLOWS_MAX = 65_536;
/** A pinned flow without a datagram for this long is forgotten. */
export const UDP_FLOW_IDLE_MS = 120_000;

interface Flow<O> {
  readonly owner: O;
  lastSeenMs: number;
}

/** What a demultiplexer may hold, and for how long. */
export interface UdpDemuxLimits {
  readonly maxFlows?: number;
  readonly idleMs?: number;
}

/** Flow table of one UDP socket: `udpKey` of the remote end to the owner that the flow is pinned to. Pure; the caller brings the time. */
export class UdpDemux<O> {
  readonly #flows = new Map<string, Flow<O>>();
  readonly #maxFlows: number;
  readonly #idleMs: number;

  constructor(limits: UdpDemuxLimits = {}) {
    this.#maxFlows = limits.maxFlows ?? UDP_FLOWS_MAX;
    this.#idleMs = limits.idleMs ?? UDP_FLOW_IDLE_MS;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** The owner that a datagram from there belongs to, if its flow is pinned; keeps the flow fresh. */
  route(key: string, nowMs: number): O | undefined {
    const flow = this.#flows.get(key);
    if (flow === undefined) return undefined;
    flow.lastSeenMs = nowMs;
    return flow.owner;
  }

  /** Pins a flow, or moves it to another owner; false when the table is full. */
  pin(key: string, owner: O, nowMs: number): boolean {
    if (!this.#flows.has(key) && this.#flows.size >= this.#maxFlows) return false;
    this.#flows.set(key, { owner, lastSeenMs: nowMs });
    return true;
  }

  /** Forgets a flow, if it is this owner's. */
  unpin(key: string, owner: O): void {
    if (this.#flows.get(key)?.owner === owner) this.#flows.delete(key);
  }

  /** Forgets every flow of an owner. */
  releaseOwner(owner: O): void {
    for (const [key, flow] of this.#flows) if (flow.owner === owner) this.#flows.delete(key);
  }

  /** Forgets the flows that have been idle too long. */
  expire(nowMs: number): void {
    for (const [key, flow] of this.#flows) if (nowMs - flow.lastSeenMs >= this.#idleMs) this.#flows.delete(key);
  }
}
