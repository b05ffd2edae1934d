import type { FanoutPacket } from '../../rtp/fanout/engine.ts';
import type { PlainPacket } from './rewrite.ts';

/** A plain packet in the sequence space of its track. */
export interface RingPacket extends PlainPacket, FanoutPacket {
  readonly rtp: Uint8Array;
  /** Monotonic milliseconds at which it was put into the ring. */
  readonly atMs: number;
}

/** How much of the current group of pictures is kept for those who join. */
export interface JoinLimits {
  readonly maxAgeMs: number;
  readonly maxPackets: number;
  readonly maxBytes: number;
}

/** Where a key frame comes on request, an old group isn't worth its bytes. */
export const JOIN_LIMITS_ON_REQUEST: JoinLimits = { maxAgeMs: 1500, maxPackets: 400, maxBytes: 512 * 1024 };
/** Where no key frame comes on request, the group is the only way to a picture before the next one. */
export const JOIN_LIMITS_OTHERWISE: JoinLimits = { maxAgeMs: 12_000, maxPackets: 4096, maxBytes: 6 * 1024 * 1024 };

/** How long a packet that begins no later picture is kept to be sent again. */
export const RESEND_AGE_MS = 1000;
/** Most packets kept. */
export const RING_MAX_PACKETS = 8192;
/** Most bytes kept. */
export const RING_MAX_BYTES = 12 * 1024 * 1024;
const INITIAL_CAPACITY = 256;

/**
 * The last packets of a track by sequence number, for those who lost some and those who join: about a second, and the
 * current group of pictures while it is within the limits for joining.
 */
export class PacketRing {
  /** A power of two long; a packet stands at its sequence number modulo that. */
  #slots: (RingPacket | undefined)[] = new Array<RingPacket | undefined>(INITIAL_CAPACITY).fill(undefined);
  #lowest = 0;
  /** One more than the greatest number ever put; equal to `#lowest` when nothing is kept. */
  #end = 0;
  #packets = 0;
  #bytes = 0;
  #group: { start: number; readonly sinceMs: number; packets: number; bytes: number } | undefined;

  /** Packets kept. */
  get packets(): number {
    return this.#packets;
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get(sequence: number): RingPacket | undefined {
    const packet = this.#slots[this.#slot(sequence)];
    return packet?.sequence === sequence ? packet : undefined;
  }

  /** Puts a packet in; the oldest ones go as far as the bounds demand. */
  put(packet: RingPacket, limits: JoinLimits): void {
    const { sequence } = packet;
    if (this.#packets === 0) this.#lowest = this.#end = sequence;
    if (this.get(sequence) !== undefined || this.#end - sequence > RING_MAX_PACKETS) return;
    if (sequence >= this.#end + RING_MAX_PACKETS) this.clear(sequence);
    this.#lowest = Math.min(this.#lowest, sequence);
    this.#end = Math.max(this.#end, sequence + 1);
    this.#makeRoom();
    if (sequence < this.#lowest) return;
    this.#slots[this.#slot(sequence)] = packet;
    this.#packets += 1;
    this.#bytes += packet.rtp.length;
    if (this.#group !== undefined && sequence >= this.#group.start) {
      this.#group.packets += 1;
      this.#group.bytes += packet.rtp.length;
    }
    this.#trim(packet.atMs, limits);
  }

  /** The packet of that number, put next, begins a group of pictures; an earlier number of the same picture may come late. */
  beginGroup(sequence: number, nowMs: number): void {
    this.#group = { start: sequence, sinceMs: nowMs, packets: 0, bytes: 0 };
  }

  /** The group begins earlier than was known: packets of its first picture were reordered. */
  extendGroup(sequence: number): void {
    if (this.#group !== undefined) this.#group.start = Math.min(this.#group.start, sequence);
  }

  /** Number of the first packet of the current group; undefined where there is none to join with. */
  groupStart(nowMs: number, limits: JoinLimits): number | undefined {
    const group = this.#group;
    if (group === undefined || group.packets === 0) return undefined;
    return isWithin(group, nowMs, limits) ? group.start : undefined;
  }

  /** Forgets the group, so that nobody joins with it; its packets may still be sent again. */
  endGroup(): void {
    this.#group = undefined;
  }

  /** Forgets everything. @param next the number expected next */
  clear(next: number = this.#end): void {
    this.#slots = new Array<RingPacket | undefined>(INITIAL_CAPACITY).fill(undefined);
    this.#lowest = this.#end = next;
    this.#packets = 0;
    this.#bytes = 0;
    this.#group = undefined;
  }

  #slot(sequence: number): number {
    return sequence & (this.#slots.length - 1);
  }

  /** Makes the slots as many as the span, or the span as short as the slots may be. */
  #makeRoom(): void {
    while (this.#end - this.#lowest > RING_MAX_PACKETS) this.#dropLowest();
    if (this.#end - this.#lowest <= this.#slots.length) return;
    const kept = this.#slots;
    let capacity = kept.length;
    while (capacity < this.#end - this.#lowest) capacity *= 2;
    this.#slots = new Array<RingPacket | undefined>(capacity).fill(undefined);
    for (const packet of kept) if (packet !== undefined) this.#slots[this.#slot(packet.sequence)] = packet;
  }

  #trim(nowMs: number, limits: JoinLimits): void {
    if (this.#group !== undefined && !isWithin(this.#group, nowMs, limits)) this.#group = undefined;
    const keepFrom = this.#group?.start ?? Infinity;
    while (this.#lowest < this.#end) {
      const packet = this.get(this.#lowest);
      const isExcess = this.#packets > RING_MAX_PACKETS || this.#bytes > RING_MAX_BYTES;
      const isOld = packet === undefined || (nowMs - packet.atMs > RESEND_AGE_MS && this.#lowest < keepFrom);
      if (!isExcess && !isOld) return;
      this.#dropLowest();
    }
  }

  #dropLowest(): void {
    const packet = this.get(this.#lowest);
    if (this.#group !== undefined && this.#lowest >= this.#group.start) this.#group = undefined;
    this.#lowest += 1;
    if (packet === undefined) return;
    this.#slots[this.#slot(packet.sequence)] = undefined;
    this.#packets -= 1;
    this.#bytes -= packet.rtp.length;
  }
}

function isWithin(group: { readonly sinceMs: number; readonly packets: number; readonly bytes: number }, nowMs: number, limits: JoinLimits): boolean {
  return nowMs - group.sinceMs <= limits.maxAgeMs && group.packets <= limits.maxPackets && group.bytes <= limits.maxBytes;
}
