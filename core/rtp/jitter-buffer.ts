/** What the buffer needs to know of a packet. */
export interface SequencedPacket {
  /** Extended sequence number. */
  readonly sequence: number;
}

/** Bounds of a jitter buffer. */
export interface JitterBufferLimits {
  /** Longest time that a packet waits for the ones before it, milliseconds. */
  readonly maxWaitMs: number;
  /** Most packets from the oldest hole to the newest packet. */
  readonly maxPackets: number;
}

/** Enough for a retransmission over a transatlantic round trip, and for a key frame of 700 kB behind a hole. */
export const DEFAULT_JITTER_BUFFER_LIMITS: JitterBufferLimits = { maxWaitMs: 250, maxPackets: 512 };

/** What happened to packets that were not given out in order. */
export interface JitterBufferCounters {
  /** Sequence numbers that never came in time. */
  readonly lost: number;
  /** Packets that came after their number was given up, or after a newer publication began. */
  readonly late: number;
  readonly duplicates: number;
}

/**
 * Puts packets in order of their sequence numbers. A hole holds the packets behind it until it is filled, too old or too
 * far back; then it is given up, and whoever reads sees the step. Has no clock of its own: time comes with the calls.
 */
export class JitterBuffer<Packet extends SequencedPacket> {
  readonly #emit: (packet: Packet) => void;
  readonly #maxWaitMs: number;
  readonly #capacity: number;
  readonly #packets: (Packet | undefined)[];
  readonly #arrivalsMs: Float64Array;
  readonly #counters = { lost: 0, late: 0, duplicates: 0 };
  /** The next number to give out; undefined before the first packet. */
  #next: number | undefined;
  /** One more than the greatest number held; equal to `#next` when nothing is held. */
  #end = 0;
  #held = 0;

  /** @param emit gets every packet once, in order */
  constructor(emit: (packet: Packet) => void, limits: Partial<JitterBufferLimits> = {}) {
    const { maxWaitMs, maxPackets } = { ...DEFAULT_JITTER_BUFFER_LIMITS, ...limits };
    this.#emit = emit;
    this.#maxWaitMs = maxWaitMs;
    this.#capacity = Math.max(1, maxPackets);
    this.#packets = new Array<Packet | undefined>(this.#capacity).fill(undefined);
    this.#arrivalsMs = new Float64Array(this.#capacity);
  }

  get counters(): JitterBufferCounters {
    return this.#counters;
  }

  /** Packets that wait behind a hole. */
  get held(): number {
    return this.#held;
  }

  /** Takes a packet, gives out what is in order now, and gives up holes that are too old. */
  push(packet: Packet, nowMs: number): void {
    const { sequence } = packet;
    this.#next ??= sequence;
    if (this.#held === 0) this.#end = this.#next;
    if (sequence < this.#next) {
      this.#counters.late += 1;
      return;
    }
    // What comes in order, as nearly everything does, needs no place.
    if (this.#held === 0 && sequence === this.#next) {
      this.#next += 1;
      this.#emit(packet);
      return;
    }
    this.#makeRoomFor(sequence);
    const slot = this.#slot(sequence);
    if (this.#packets[slot] !== undefined) {
      this.#counters.duplicates += 1;
      return;
    }
    this.#packets[slot] = packet;
    this.#arrivalsMs[slot] = nowMs;
    this.#held += 1;
    this.#end = Math.max(this.#end, sequence + 1);
    this.#giveOutRun();
    if (this.#held > 0) this.advance(nowMs);
  }

  /** Gives up the holes that a packet has waited for long enough; to be called now and then while no packets come. */
  advance(nowMs: number): void {
    while (this.#held > 0 && nowMs - this.#oldestArrivalMs() >= this.#maxWaitMs) this.#skipHole();
  }

  /** Gives out everything that is held: the track ends or changes. */
  flush(): void {
    while (this.#held > 0) this.#skipHole();
  }

  /** Forgets everything; the next packet begins anew. */
  reset(): void {
    this.#packets.fill(undefined);
    this.#held = 0;
    this.#next = undefined;
  }

  #makeRoomFor(sequence: number): void {
    while (this.#held > 0 && sequence - (this.#next ?? sequence) >= this.#capacity) this.#skipHole();
    if (this.#held > 0) return;
    const next = this.#next ?? sequence;
    // Nothing is held: a step this long is given up at once instead of waiting for what could not be kept.
    if (sequence - next < this.#capacity) return;
    this.#counters.lost += sequence - next;
    this.#next = this.#end = sequence;
  }

  /** Goes on at the first packet behind the hole. */
  #skipHole(): void {
    let next = this.#next ?? 0;
    while (next < this.#end && this.#packets[this.#slot(next)] === undefined) next += 1;
    this.#counters.lost += next - (this.#next ?? next);
    this.#next = next;
    this.#giveOutRun();
  }

  #giveOutRun(): void {
    for (;;) {
      if (this.#next === undefined) return;
      const slot = this.#slot(this.#next);
      const packet = this.#packets[slot];
      if (packet === undefined) return;
      this.#packets[slot] = undefined;
      this.#held -= 1;
      this.#next += 1;
      this.#emit(packet);
    }
  }

  #oldestArrivalMs(): number {
    let oldestMs = Infinity;
    for (let sequence = this.#next ?? 0; sequence < this.#end; sequence += 1) {
      const slot = this.#slot(sequence);
      if (this.#packets[slot] !== undefined) oldestMs = Math.min(oldestMs, this.#arrivalsMs[slot] ?? oldestMs);
    }
    return oldestMs;
  }

  #slot(sequence: number): number {
    const rest = sequence % this.#capacity;
    return rest < 0 ? rest + this.#capacity : rest;
  }
}
