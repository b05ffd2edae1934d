import { isKeySample } from '../../formats/vp8.ts';
import { fragmentSize } from './equal-fragments.ts';
import type { PayloadArena } from './payload-arena.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES, type PacketiserOptions, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink } from './payload-format.ts';
import type { UnitBuffer } from './unit-buffer.ts';
import { UnitDepacketiser, type UnitAssembler } from './unit-depacketiser.ts';

/** The payload descriptor of a VP8 packet. @see RFC 7741 section 4.2 */
export interface Vp8Descriptor {
  /** Bytes of the descriptor. */
  readonly length: number;
  /** The frame can be left out without harm to others. */
  readonly nonReference: boolean;
  /** The payload begins a frame: S is set and PID is 0. */
  readonly startsFrame: boolean;
  /** 7 or 15 bits. */
  readonly pictureId?: number;
  readonly tl0PicIdx?: number;
  readonly temporalId?: number;
  readonly layerSync?: boolean;
  readonly keyIdx?: number;
}

const DESCRIPTOR_BYTES = 4;
const PICTURE_ID_MASK = 0x7fff;
const LONG_PICTURE_ID = 0x80;
const EXTENDED = 0x80;
const NON_REFERENCE = 0x20;
const START = 0x10;
const PARTITION_MASK = 0x0f;
const HAS_PICTURE_ID = 0x80;
const HAS_TL0_PIC_IDX = 0x40;
const HAS_TEMPORAL_ID = 0x20;
const HAS_KEY_IDX = 0x10;

/** Opens a packetiser of VP8: frames in fragments of equal sizes with 15-bit picture ids. @see RFC 7741 section 4 */
export function vp8Packetiser(options: PacketiserOptions): PayloadPacketiser {
  return new Vp8Packetiser(options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES);
}

/** Opens a depacketiser of VP8. @see RFC 7741 section 4 */
export function vp8Depacketiser(emit: UnitSink): PayloadDepacketiser {
  return new UnitDepacketiser(new Vp8Assembler(), emit);
}

/** Reads the descriptor of a payload, or answers undefined when it is cut short. @see RFC 7741 section 4.2 */
export function parseVp8Descriptor(payload: Uint8Array): Vp8Descriptor | undefined {
  const [first = 0, extension = 0] = payload;
  const base = { nonReference: (first & NON_REFERENCE) !== 0, startsFrame: (first & (START | PARTITION_MASK)) === START };
  const flags = (first & EXTENDED) === 0 ? 0 : extension;
  let at = (first & EXTENDED) === 0 ? 1 : 2;
  let pictureId: number | undefined;
  if ((flags & HAS_PICTURE_ID) !== 0) {
    pictureId = payload[at++] ?? 0;
    if ((pictureId & LONG_PICTURE_ID) !== 0) pictureId = ((pictureId & ~LONG_PICTURE_ID) << 8) | (payload[at++] ?? 0);
  }
  const tl0PicIdx = (flags & HAS_TL0_PIC_IDX) !== 0 ? (payload[at++] ?? 0) : undefined;
  const layer = (flags & (HAS_TEMPORAL_ID | HAS_KEY_IDX)) !== 0 ? (payload[at++] ?? 0) : 0;
  if (at > payload.length) return undefined;
  return {
    ...base,
    length: at,
    ...(pictureId === undefined ? {} : { pictureId }),
    ...(tl0PicIdx === undefined ? {} : { tl0PicIdx }),
    ...((flags & HAS_TEMPORAL_ID) === 0 ? {} : { temporalId: layer >> 6, layerSync: (layer & 0x20) !== 0 }),
    ...((flags & HAS_KEY_IDX) === 0 ? {} : { keyIdx: layer & 0x1f }),
  };
}

class Vp8Packetiser implements PayloadPacketiser {
  readonly #maxBodyBytes: number;
  #pictureId = 0;

  constructor(maxPayloadBytes: number) {
    this.#maxBodyBytes = maxPayloadBytes - DESCRIPTOR_BYTES;
  }

  packetise(unit: Uint8Array, _key: boolean, out: PayloadArena): void {
    const size = fragmentSize(unit.length, this.#maxBodyBytes);
    for (let at = 0; at < unit.length; at += size) {
      out.begin();
      out.u8(EXTENDED | (at === 0 ? START : 0));
      out.u8(HAS_PICTURE_ID);
      out.u16((LONG_PICTURE_ID << 8) | this.#pictureId);
      out.put(unit, at, Math.min(at + size, unit.length));
    }
    out.markLast();
    // Without temporal layers TL0PICIDX would tell no more than the picture id does, so it isn't written.
    this.#pictureId = (this.#pictureId + 1) & PICTURE_ID_MASK;
  }
}

class Vp8Assembler implements UnitAssembler {
  #pictureId: number | undefined;

  begins(payload: Uint8Array): boolean {
    return parseVp8Descriptor(payload)?.startsFrame === true;
  }

  reset(): void {
    this.#pictureId = undefined;
  }

  append(payload: Uint8Array, unit: UnitBuffer): boolean {
    const descriptor = parseVp8Descriptor(payload);
    if (descriptor === undefined || descriptor.length === payload.length) return false;
    const isFirst = unit.length === 0;
    if (descriptor.startsFrame !== isFirst) return false;
    if (isFirst) this.#pictureId = descriptor.pictureId;
    else if (descriptor.pictureId !== this.#pictureId) return false;
    return unit.put(payload, descriptor.length);
  }

  end(unit: UnitBuffer): { readonly key: boolean } | false {
    return unit.length > 0 && { key: isKeySample(unit.view()) };
  }
}
