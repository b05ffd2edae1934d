import { isKeySample, OBU_TYPE } from '../../formats/av1.ts';
import { Av1ElementCursor } from './av1-elements.ts';
import { Av1Packetiser } from './av1-packetiser.ts';
import type { PacketiserOptions, PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { UnitBuffer } from './unit-buffer.ts';
import { UnitDepacketiser, type UnitAssembler } from './unit-depacketiser.ts';

const FORBIDDEN = 0x80;
const HAS_EXTENSION = 0x04;
const HAS_SIZE = 0x02;
const MAX_LEB128_BYTES = 8;

/**
 * Opens a packetiser of AV1; a key frame without a sequence header gets that of the track.
 *
 * @see RTP Payload Format For AV1 (v1.0)
 * @throws ProtocolError when the av1C of the options can't be read
 */
export function av1Packetiser({ codecConfig, maxPayloadBytes }: PacketiserOptions): PayloadPacketiser {
  return new Av1Packetiser(codecConfig, maxPayloadBytes);
}

/** Opens a depacketiser of AV1; its units are temporal units of OBUs with sizes. @see RTP Payload Format For AV1 (v1.0) section 4 */
export function av1Depacketiser(emit: UnitSink): PayloadDepacketiser {
  return new UnitDepacketiser(new Av1Assembler(), emit);
}

class Av1Assembler implements UnitAssembler {
  readonly #cursor = new Av1ElementCursor(new Uint8Array(0));
  /** What is there of an OBU that goes on in the next packet. */
  readonly #obu = new UnitBuffer();
  #isCut = false;

  begins(payload: Uint8Array): boolean {
    this.#cursor.reset(payload);
    return this.#cursor.newSequence && !this.#cursor.continues;
  }

  reset(): void {
    this.#obu.clear();
    this.#isCut = false;
  }

  append(payload: Uint8Array, unit: UnitBuffer): boolean {
    const cursor = this.#cursor;
    cursor.reset(payload);
    if (cursor.continues !== this.#isCut) return false;
    let elements = 0;
    while (cursor.next()) {
      elements++;
      const isWhole = !this.#isCut && !(cursor.last && cursor.continued);
      if (isWhole) {
        if (!putObu(payload.subarray(cursor.start, cursor.end), unit)) return false;
        continue;
      }
      if (!this.#obu.put(payload, cursor.start, cursor.end)) return false;
      this.#isCut = cursor.last && cursor.continued;
      if (!this.#isCut && !this.#endObu(unit)) return false;
    }
    return elements > 0 && !cursor.malformed;
  }

  end(unit: UnitBuffer): { readonly key: boolean } | false | undefined {
    if (this.#isCut) return undefined;
    return unit.length > 0 && { key: isKeySample(unit.view()) };
  }

  #endObu(unit: UnitBuffer): boolean {
    const isGood = putObu(this.#obu.view(), unit);
    this.#obu.clear();
    return isGood;
  }
}

/** Appends an OBU with its size; false when its header makes no sense. Delimiters and tile lists are to be ignored. */
function putObu(obu: Uint8Array, unit: UnitBuffer): boolean {
  const header = obu[0] ?? 0;
  let bodyStart = (header & HAS_EXTENSION) === 0 ? 1 : 2;
  if ((header & FORBIDDEN) !== 0 || obu.length < bodyStart) return false;
  const type = (header >> 3) & 0x0f;
  if (type === OBU_TYPE.temporalDelimiter || type === OBU_TYPE.tileList) return true;
  const extensionEnd = bodyStart;
  if ((header & HAS_SIZE) !== 0) bodyStart = afterMatchingSize(obu, bodyStart);
  if (bodyStart < 0) return false;
  if (!unit.u8(header | HAS_SIZE) || !unit.put(obu, 1, extensionEnd)) return false;
  let rest = obu.length - bodyStart;
  for (; rest > 0x7f; rest >>>= 7) if (!unit.u8(0x80 | (rest & 0x7f))) return false;
  return unit.u8(rest) && unit.put(obu, bodyStart);
}

/** Where the body of an OBU begins that has a size although its element has one too; -1 when they contradict. */
function afterMatchingSize(obu: Uint8Array, from: number): number {
  let size = 0;
  for (let i = 0; i < MAX_LEB128_BYTES; i++) {
    const byte = obu[from + i];
    if (byte === undefined) return -1;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return from + i + 1 + size === obu.length ? from + i + 1 : -1;
  }
  return -1;
}
