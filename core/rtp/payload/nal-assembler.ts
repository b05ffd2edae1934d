import type { UnitAssembler } from './unit-depacketiser.ts';
import type { UnitBuffer } from './unit-buffer.ts';

/** What a payload is by its first bytes. */
export type NalPayloadType = 'single' | 'aggregate' | 'fragment' | 'unsupported';

/** What H.264 and HEVC do differently when payloads become NAL units again. */
export interface NalUnpacking {
  /** Bytes of a NAL unit's header, and of the header of an aggregation packet. */
  readonly headerBytes: 1 | 2;
  readonly fragmentHeadBytes: 2 | 3;
  payloadType(payload: Uint8Array): NalPayloadType;
  /** The first byte of the NAL unit that a fragment belongs to; the second one of HEVC is the fragment's own. */
  fragmentNalHeader(payload: Uint8Array): number;
  isParameterSet(firstByte: number): boolean;
  /** Whether an access unit begins with a NAL unit of this first byte, when it comes first after a loss. */
  beginsUnit(firstByte: number): boolean;
  isSlice(firstByte: number): boolean;
  isKeySlice(firstByte: number): boolean;
}

const AGGREGATED_LENGTH_BYTES = 2;
const START = 0x80;
const END = 0x40;
/** first_mb_in_slice 0, or first_slice_segment_in_pic_flag, is the highest bit after the header of a slice. */
const FIRST_SLICE = 0x80;

/** Puts single NAL units, aggregation packets and fragments together to a length-prefixed sample. */
export class NalAssembler implements UnitAssembler {
  readonly #unpacking: NalUnpacking;
  readonly #known: readonly Uint8Array[];
  /** Where the length of the NAL unit in fragments stands, or -1. */
  #fragmentedAt = -1;
  #fragmentedHeader = 0;
  #hasSlice = false;
  #key = false;

  /** @param known parameter sets that readers have from the track and that are left out of its samples */
  constructor(unpacking: NalUnpacking, known: readonly Uint8Array[]) {
    this.#unpacking = unpacking;
    this.#known = known;
  }

  begins(payload: Uint8Array, joined: boolean): boolean {
    const { headerBytes, fragmentHeadBytes } = this.#unpacking;
    switch (this.#unpacking.payloadType(payload)) {
      case 'single':
        return this.#beginsWith(payload[0] ?? 0, payload[headerBytes] ?? 0, joined);
      case 'aggregate': {
        const at = headerBytes + AGGREGATED_LENGTH_BYTES;
        return this.#beginsWith(payload[at] ?? 0, payload[at + headerBytes] ?? 0, joined);
      }
      case 'fragment':
        return this.#isStart(payload) && this.#beginsWith(this.#unpacking.fragmentNalHeader(payload), payload[fragmentHeadBytes] ?? 0, joined);
      case 'unsupported':
        return false;
    }
  }

  reset(): void {
    this.#fragmentedAt = -1;
    this.#hasSlice = false;
    this.#key = false;
  }

  append(payload: Uint8Array, unit: UnitBuffer): boolean {
    const type = this.#unpacking.payloadType(payload);
    if (type === 'fragment') return this.#appendFragment(payload, unit);
    if (this.#fragmentedAt >= 0) return false;
    if (type === 'single') return this.#appendNal(payload, 0, payload.length, unit);
    return type === 'aggregate' && this.#appendAggregate(payload, unit);
  }

  end(): { readonly key: boolean } | false | undefined {
    if (this.#fragmentedAt >= 0) return undefined;
    return this.#hasSlice && { key: this.#key };
  }

  /** A stream that is joined before or at a key picture is taken, though parameter sets may have gone before: readers have them from the track. */
  #beginsWith(firstByte: number, afterHeader: number, joined: boolean): boolean {
    if (this.#unpacking.beginsUnit(firstByte)) return true;
    if (!joined) return false;
    return !this.#unpacking.isSlice(firstByte) || (this.#unpacking.isKeySlice(firstByte) && (afterHeader & FIRST_SLICE) !== 0);
  }

  #appendAggregate(payload: Uint8Array, unit: UnitBuffer): boolean {
    let at: number = this.#unpacking.headerBytes;
    if (at >= payload.length) return false;
    while (at < payload.length) {
      const start = at + AGGREGATED_LENGTH_BYTES;
      const end = start + (((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0));
      if (start > payload.length || end > payload.length || !this.#appendNal(payload, start, end, unit)) return false;
      at = end;
    }
    return true;
  }

  #appendNal(source: Uint8Array, start: number, end: number, unit: UnitBuffer): boolean {
    if (end - start < this.#unpacking.headerBytes) return false;
    const firstByte = source[start] ?? 0;
    if (this.#unpacking.isParameterSet(firstByte) && this.#isKnown(source.subarray(start, end))) return true;
    this.#see(firstByte);
    return unit.u32(end - start) && unit.put(source, start, end);
  }

  #appendFragment(payload: Uint8Array, unit: UnitBuffer): boolean {
    const { headerBytes, fragmentHeadBytes } = this.#unpacking;
    if (payload.length <= fragmentHeadBytes) return false;
    const firstByte = this.#unpacking.fragmentNalHeader(payload);
    const starts = this.#isStart(payload);
    const ends = ((payload[headerBytes] ?? 0) & END) !== 0;
    // A start within a unit means a lost end, and the other way round; a whole NAL unit in one fragment is forbidden.
    if (starts === (this.#fragmentedAt >= 0) || (starts && ends)) return false;
    if (starts) {
      this.#fragmentedAt = unit.length;
      this.#fragmentedHeader = firstByte;
      if (!unit.u32(0) || !unit.u8(firstByte) || (headerBytes === 2 && !unit.u8(payload[1] ?? 0))) return false;
    } else if (firstByte !== this.#fragmentedHeader) return false;
    if (!unit.put(payload, fragmentHeadBytes)) return false;
    if (ends) this.#endFragments(unit);
    return true;
  }

  #endFragments(unit: UnitBuffer): void {
    const at = this.#fragmentedAt;
    this.#fragmentedAt = -1;
    if (this.#unpacking.isParameterSet(this.#fragmentedHeader) && this.#isKnown(unit.view(at + 4))) {
      unit.truncate(at);
      return;
    }
    unit.patchU32(at, unit.length - at - 4);
    this.#see(this.#fragmentedHeader);
  }

  #see(firstByte: number): void {
    if (this.#unpacking.isSlice(firstByte) && !this.#hasSlice) {
      this.#hasSlice = true;
      this.#key = this.#unpacking.isKeySlice(firstByte);
    }
  }

  #isStart(payload: Uint8Array): boolean {
    return ((payload[this.#unpacking.headerBytes] ?? 0) & START) !== 0;
  }

  #isKnown(nal: Uint8Array): boolean {
    return this.#known.some((known) => known.length === nal.length && known.every((byte, index) => byte === nal[index]));
  }
}
