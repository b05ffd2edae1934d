import { ProtocolError } from '../../errors/wcs-error.ts';
import { LengthPrefixedCursor } from '../../formats/nal.ts';
import type { PayloadArena } from './payload-arena.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_UNIT_BYTES, MAX_WHOLE_PAYLOAD_BYTES, MIN_MAX_PAYLOAD_BYTES, type PayloadPacketiser } from './payload-format.ts';

/** Which part of a NAL unit a fragment is. */
export interface FragmentPlace {
  readonly first: boolean;
  readonly last: boolean;
}

/** What H.264 and HEVC do differently when NAL units are put into payloads. */
export interface NalPacking {
  /** Bytes of a NAL unit's header, which its fragments carry in another form. */
  readonly headerBytes: 1 | 2;
  readonly fragmentHeadBytes: 2 | 3;
  isDelimiter(nal: Uint8Array): boolean;
  isParameterSet(nal: Uint8Array): boolean;
  /** Writes the header of an aggregation packet of these NAL units. */
  putAggregateHead(out: PayloadArena, nals: readonly Uint8Array[]): void;
  /** Writes the head of a fragment of `nal`. */
  putFragmentHead(out: PayloadArena, nal: Uint8Array, place: FragmentPlace): void;
}

/** How a `NalPacketiser` cuts. */
export interface NalPacketiserOptions {
  /** Whole NAL units that go before a key frame that has no parameter sets of its own. */
  readonly parameterSets: readonly Uint8Array[];
  readonly maxPayloadBytes?: number | undefined;
  /** False: one whole NAL unit a packet, whatever its size. */
  readonly aggregates: boolean;
}

const AGGREGATED_LENGTH_BYTES = 2;

/** Cuts length-prefixed samples: small NAL units share a packet, a large one goes in fragments of equal sizes. */
export class NalPacketiser implements PayloadPacketiser {
  readonly #packing: NalPacking;
  readonly #parameterSets: readonly Uint8Array[];
  readonly #maxPayloadBytes: number;
  readonly #aggregates: boolean;
  readonly #cursor = new LengthPrefixedCursor(new Uint8Array(0));
  /** NAL units of the sample, then those of the packet being filled; lists are used again for every sample. */
  readonly #nals: Uint8Array[] = [];
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(packing: NalPacking, { parameterSets, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES, aggregates }: NalPacketiserOptions) {
    if (maxPayloadBytes < MIN_MAX_PAYLOAD_BYTES) throw new RangeError(`Payloads of at most ${maxPayloadBytes} bytes are too small`);
    this.#packing = packing;
    this.#parameterSets = parameterSets;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#aggregates = aggregates;
  }

  packetise(unit: Uint8Array, key: boolean, out: PayloadArena): void {
    // Read whole before anything is written, so that a broken sample leaves nothing behind.
    this.#readNals(unit, key);
    this.#pendingBytes = this.#packing.headerBytes;
    for (const nal of this.#nals) this.#put(nal, out);
    this.#flush(out);
    this.#nals.length = 0;
    out.markLast();
  }

  #readNals(unit: Uint8Array, key: boolean): void {
    if (unit.length > MAX_UNIT_BYTES) throw new ProtocolError(`An access unit of ${unit.length} bytes exceeds ${MAX_UNIT_BYTES}`);
    const { headerBytes } = this.#packing;
    this.#nals.length = 0;
    let hasParameterSets = false;
    this.#cursor.reset(unit);
    while (this.#cursor.next()) {
      const { start, end } = this.#cursor;
      if (end - start < headerBytes) throw new ProtocolError('A NAL unit is shorter than its header', start);
      const nal = unit.subarray(start, end);
      hasParameterSets ||= this.#packing.isParameterSet(nal);
      this.#nals.push(nal);
    }
    if (this.#nals.length === 0) throw new ProtocolError('An access unit without a NAL unit', 0);
    if (key && !hasParameterSets) this.#addParameterSets();
  }

  /** A delimiter stays the first of its access unit. @see ITU-T H.264 section 7.4.1.2.3 */
  #addParameterSets(): void {
    const [first] = this.#nals;
    const at = first !== undefined && this.#packing.isDelimiter(first) ? 1 : 0;
    this.#nals.splice(at, 0, ...this.#parameterSets);
  }

  #put(nal: Uint8Array, out: PayloadArena): void {
    if (!this.#aggregates) {
      if (nal.length > MAX_WHOLE_PAYLOAD_BYTES) throw new ProtocolError(`A NAL unit of ${nal.length} bytes needs fragmentation`);
      out.begin();
      out.put(nal);
      return;
    }
    const bytes = AGGREGATED_LENGTH_BYTES + nal.length;
    if (this.#pendingBytes + bytes > this.#maxPayloadBytes) this.#flush(out);
    if (nal.length > this.#maxPayloadBytes) {
      this.#putFragments(nal, out);
      return;
    }
    this.#pending.push(nal);
    this.#pendingBytes += bytes;
  }

  #flush(out: PayloadArena): void {
    const [first, second] = this.#pending;
    if (first !== undefined) {
      out.begin();
      if (second === undefined) out.put(first);
      else this.#putAggregate(out);
    }
    this.#pending.length = 0;
    this.#pendingBytes = this.#packing.headerBytes;
  }

  #putAggregate(out: PayloadArena): void {
    this.#packing.putAggregateHead(out, this.#pending);
    for (const nal of this.#pending) {
      out.u16(nal.length);
      out.put(nal);
    }
  }

  #putFragments(nal: Uint8Array, out: PayloadArena): void {
    const { headerBytes, fragmentHeadBytes } = this.#packing;
    const bodyBytes = nal.length - headerBytes;
    const count = Math.ceil(bodyBytes / (this.#maxPayloadBytes - fragmentHeadBytes));
    const size = Math.ceil(bodyBytes / count);
    for (let at = headerBytes; at < nal.length; at += size) {
      const end = Math.min(at + size, nal.length);
      out.begin();
      this.#packing.putFragmentHead(out, nal, { first: at === headerBytes, last: end === nal.length });
      out.put(nal, at, end);
    }
  }
}
