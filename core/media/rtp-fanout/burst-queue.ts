import type { RingPacket } from './packet-ring.ts';

/** Most packets that go out as one run. */
export const BURST_PACKETS = 16;
/** Packets sent at once; the rest of a large frame follows at this many a step, so that no socket buffer on the way overflows. */
export const SPREAD_PACKETS = 32;
/** Step of the spreading, milliseconds. */
export const SPREAD_STEP_MS = 2;

/** What the queue is given from outside. */
export interface BurstQueueOptions {
  readonly nowMs: () => number;
  /** Calls once after that many milliseconds; the answer cancels it. */
  readonly after: (ms: number, fn: () => void) => () => void;
  /** Calls once when the events that are due now have been handled. */
  readonly defer: (fn: () => void) => void;
  /** Sends packets in order of arrival. */
  readonly send: (burst: readonly RingPacket[]) => void;
  /** True for a packet that has to be the first of its burst. */
  readonly startsBurst: (packet: RingPacket) => boolean;
}

/**
 * Joins the packets of a track to bursts: those of a frame go out together as soon as its last one is there, those of a
 * frame that comes in pieces as they come, and a large frame spread over some milliseconds.
 */
export class BurstQueue {
  readonly #options: BurstQueueOptions;
  #queue: RingPacket[] = [];
  #deferred = false;
  #cancelStep: (() => void) | undefined;
  #stepStartMs = -Infinity;
  #sentInStep = 0;
  #closed = false;

  constructor(options: BurstQueueOptions) {
    this.#options = options;
  }

  /** Packets not sent yet. */
  get length(): number {
    return this.#queue.length;
  }

  /** @param isLast true for the last packet of its frame */
  push(packet: RingPacket, isLast: boolean): void {
    this.#queue.push(packet);
    if (isLast || this.#queue.length >= BURST_PACKETS) this.flush();
    else if (!this.#deferred) {
      this.#deferred = true;
      this.#options.defer(() => {
        this.#deferred = false;
        this.flush();
      });
    }
  }

  /** Sends what may be sent now. */
  flush(): void {
    if (this.#closed) return;
    while (this.#queue.length > 0) {
      const nowMs = this.#options.nowMs();
      if (nowMs - this.#stepStartMs >= SPREAD_STEP_MS) {
        this.#stepStartMs = nowMs;
        this.#sentInStep = 0;
      }
      if (this.#sentInStep >= SPREAD_PACKETS) {
        this.#continueLater();
        return;
      }
      const burst = this.#takeBurst();
      this.#sentInStep += burst.length;
      this.#options.send(burst);
    }
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#queue = [];
    this.#cancelStep?.();
    this.#cancelStep = undefined;
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }

  #continueLater(): void {
    this.#cancelStep ??= this.#options.after(SPREAD_STEP_MS, () => {
      this.#cancelStep = undefined;
      this.flush();
    });
  }

  #takeBurst(): readonly RingPacket[] {
    const length = this.#burstLength();
    if (length < this.#queue.length) return this.#queue.splice(0, length);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }

  #burstLength(): number {
    let length = 1;
    while (length < this.#queue.length && length < BURST_PACKETS) {
      const packet = this.#queue[length];
      if (packet === undefined || this.#options.startsBurst(packet)) break;
      length += 1;
    }
    return length;
  }
}
