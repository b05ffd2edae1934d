import type { MediaPacket } from '../frame.ts';

/** How long the first tracks wait for the others, and packets that wait with them, at most. */
const HOLD_MS = 1000;
const HELD_MAX = 1024;

/** A packet that waits, and the place of its track or m-section. */
export interface HeldPacket {
  readonly index: number;
  readonly packet: MediaPacket;
}

/** Plain data of `HeldPackets`; undefined once they were released. */
export type HeldPacketsState = readonly HeldPacket[] | undefined;

/** Packets that came before all tracks of a publisher were known: readers should see sound and picture begin together. */
export class HeldPackets {
  #held: HeldPacket[] | undefined;

  constructor(state: HeldPacketsState = []) {
    this.#held = [...state];
  }

  /** Goes on where another one stood, which may have released its packets. */
  static from(state: { readonly held: HeldPacketsState } | undefined): HeldPackets {
    const packets = new HeldPackets(state?.held);
    if (state !== undefined && state.held === undefined) packets.#held = undefined;
    return packets;
  }

  /** False once the packets were released: nothing waits any more. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  exportState(): HeldPacketsState {
    return this.#held;
  }

  hold(index: number, packet: MediaPacket): void {
    this.#held?.push({ index, packet });
  }

  /**
   * The packets in order of arrival, when it is time; undefined before that and ever after.
   *
   * @param isKnown answers whether all tracks are known
   */
  release(nowMs: number, isKnown: () => boolean): readonly HeldPacket[] | undefined {
    const held = this.#held;
    const first = held?.[0];
    if (held === undefined || first === undefined) return undefined;
    const waited = held.length >= HELD_MAX || nowMs - first.packet.receivedAtMs >= HOLD_MS;
    if (!waited && !isKnown()) return undefined;
    this.#held = undefined;
    return held;
  }
}
