import { ProtocolError } from '../../errors/wcs-error.ts';
import { ObuCursor, OBU_TYPE, parseAv1Config } from '../../formats/av1.ts';
import { AV1_AGGREGATION } from './av1-elements.ts';
import type { PayloadArena } from './payload-arena.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_UNIT_BYTES, type PayloadPacketiser } from './payload-format.ts';

/** A piece of an OBU that becomes an element. */
interface Piece {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** Elements of a packet whose number W can tell, so that the last needs no length. */
const MAX_ELEMENTS = 3;
const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;
const AGGREGATION_HEADER_BYTES = 1;
const NONE = new Uint8Array(0);

/** Cuts temporal units: small OBUs share a packet, large ones are cut where a packet is full. @see RTP Payload Format For AV1 (v1.0) section 5 */
export class Av1Packetiser implements PayloadPacketiser {
  readonly #maxBodyBytes: number;
  readonly #sequenceHeader: Uint8Array;
  readonly #cursor = new ObuCursor(NONE);
  readonly #obus: Piece[] = [];
  readonly #pieces: Piece[] = [];
  /** Bytes of the packet being filled, the length of its last piece not counted. */
  #filled = 0;
  #flags = 0;

  /** @throws ProtocolError when `codecConfig` (content of av1C) can't be read */
  constructor(codecConfig: Uint8Array | undefined, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES) {
    this.#maxBodyBytes = maxPayloadBytes - AGGREGATION_HEADER_BYTES;
    this.#sequenceHeader = codecConfig === undefined ? NONE : parseAv1Config(codecConfig).configObus;
  }

  packetise(unit: Uint8Array, key: boolean, out: PayloadArena): void {
    if (unit.length > MAX_UNIT_BYTES) throw new ProtocolError(`A temporal unit of ${unit.length} bytes exceeds ${MAX_UNIT_BYTES}`);
    this.#obus.length = 0;
    const hasSequenceHeader = this.#readObus(unit);
    if (key && !hasSequenceHeader && this.#sequenceHeader.length > 0) {
      const own = this.#obus.splice(0);
      this.#readObus(this.#sequenceHeader);
      this.#obus.push(...own);
    }
    if (this.#obus.length === 0) throw new ProtocolError('A temporal unit without an OBU', 0);
    this.#flags = key ? AV1_AGGREGATION.newSequence : 0;
    const size = this.#packetBodyBytes();
    for (const obu of this.#obus) this.#put(obu, size, out);
    this.#flush(out, false);
    out.markLast();
  }

  /** Takes the OBUs without their sizes, which elements have of their own, and without those that don't travel. */
  #readObus(sample: Uint8Array): boolean {
    let hasSequenceHeader = false;
    this.#cursor.reset(sample);
    while (this.#cursor.next()) {
      const { type, start, payloadStart, end } = this.#cursor;
      if (type === OBU_TYPE.temporalDelimiter || type === OBU_TYPE.tileList) continue;
      hasSequenceHeader ||= type === OBU_TYPE.sequenceHeader;
      const header = sample[start] ?? 0;
      const extended = (header & HAS_EXTENSION) !== 0;
      const head = extended ? Uint8Array.of(header & ~HAS_SIZE, sample[start + 1] ?? 0) : Uint8Array.of(header & ~HAS_SIZE);
      this.#obus.push({ head, body: sample.subarray(payloadStart, end) });
    }
    return hasSequenceHeader;
  }

  /** How much goes in each packet, so that all are equal but for the last. */
  #packetBodyBytes(): number {
    let bytes = 0;
    this.#obus.forEach((obu, index) => (bytes += lengthOf(obu) + (index < this.#obus.length - 1 ? leb128Bytes(lengthOf(obu)) : 0)));
    return Math.ceil(bytes / Math.ceil(bytes / this.#maxBodyBytes));
  }

  #put(obu: Piece, size: number, out: PayloadArena): void {
    let piece = obu;
    for (;;) {
      const last = this.#pieces.at(-1);
      const room = size - this.#filled - (last === undefined ? 0 : leb128Bytes(lengthOf(last)));
      // The header of an OBU isn't cut.
      if (this.#pieces.length === MAX_ELEMENTS || room < Math.min(lengthOf(piece), piece.head.length + 1)) {
        this.#flush(out, false);
        continue;
      }
      if (last !== undefined) this.#filled += leb128Bytes(lengthOf(last));
      const taken = Math.min(room, lengthOf(piece));
      const bodyBytes = taken - piece.head.length;
      this.#pieces.push({ head: piece.head, body: piece.body.subarray(0, bodyBytes) });
      this.#filled += taken;
      if (bodyBytes === piece.body.length) return;
      piece = { head: NONE, body: piece.body.subarray(bodyBytes) };
      this.#flush(out, true);
    }
  }

  #flush(out: PayloadArena, continued: boolean): void {
    if (this.#pieces.length > 0) {
      out.begin();
      out.u8(this.#flags | (continued ? AV1_AGGREGATION.continued : 0) | (this.#pieces.length << 4));
      this.#pieces.forEach((piece, index) => {
        if (index < this.#pieces.length - 1) putLeb128(out, lengthOf(piece));
        out.put(piece.head);
        out.put(piece.body);
      });
    }
    this.#pieces.length = 0;
    this.#filled = 0;
    this.#flags = continued ? AV1_AGGREGATION.continues : 0;
  }
}

function lengthOf({ head, body }: Piece): number {
  return head.length + body.length;
}

function leb128Bytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

function putLeb128(out: PayloadArena, value: number): void {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) out.u8(0x80 | (rest & 0x7f));
  out.u8(rest);
}
