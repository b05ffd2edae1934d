import { ProtocolError } from '../../errors/wcs-error.ts';
import type { PayloadArena } from './payload-arena.ts';
import { MAX_WHOLE_PAYLOAD_BYTES, type DepacketiserCounters, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink } from './payload-format.ts';

/** Sends each unit as one payload, for codecs whose units are their payloads and can't be cut. */
export class WholePacketiser implements PayloadPacketiser {
  readonly #check: (unit: Uint8Array) => void;

  /** @param check throws a `ProtocolError` for what is no unit of the codec */
  constructor(check: (unit: Uint8Array) => void) {
    this.#check = check;
  }

  packetise(unit: Uint8Array, _key: boolean, out: PayloadArena): void {
    if (unit.length > MAX_WHOLE_PAYLOAD_BYTES) throw new ProtocolError(`A unit of ${unit.length} bytes doesn't fit in a packet`);
    this.#check(unit);
    out.begin();
    out.put(unit);
  }
}

/** Takes each payload for one unit. */
export class WholeDepacketiser implements PayloadDepacketiser {
  readonly #check: (payload: Uint8Array) => void;
  readonly #emit: UnitSink;
  readonly #counters = { units: 0, damaged: 0, malformed: 0 };

  /** @param check throws a `ProtocolError` for what is no unit of the codec */
  constructor(check: (payload: Uint8Array) => void, emit: UnitSink) {
    this.#check = check;
    this.#emit = emit;
  }

  get counters(): DepacketiserCounters {
    return this.#counters;
  }

  push(payload: Uint8Array, timestamp: number): void {
    if (payload.length === 0) return;
    if (!this.#isUnit(payload)) {
      this.#counters.malformed++;
      this.#counters.damaged++;
      return;
    }
    this.#counters.units++;
    this.#emit({ data: payload.slice(), key: true, timestamp });
  }

  #isUnit(payload: Uint8Array): boolean {
    try {
      this.#check(payload);
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
  }
}
