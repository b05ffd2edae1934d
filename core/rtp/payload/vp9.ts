import { ProtocolError } from '../../errors/wcs-error.ts';
import { isKeySample, parseVp9KeyFrame } from '../../formats/vp9.ts';
import { fragmentSize } from './equal-fragments.ts';
import type { PayloadArena } from './payload-arena.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES, type PacketiserOptions, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink } from './payload-format.ts';
import type { UnitBuffer } from './unit-buffer.ts';
import { UnitDepacketiser, type UnitAssembler } from './unit-depacketiser.ts';
import { parseVp9Descriptor } from './vp9-descriptor.ts';

const DESCRIPTOR_BYTES = 5;
const SCALABILITY_BYTES = 8;
const LONG_PICTURE_ID = 0x80;
const PICTURE_ID_MASK = 0x7fff;
/** I and L: picture id and layer indices are there; F is 0. */
const BASE_FLAGS = 0xa0;
const INTER_PICTURE = 0x40;
const START = 0x08;
const END = 0x04;
const HAS_SCALABILITY = 0x02;
/** One spatial layer with its size (Y) and a described group (G) of one picture that refers to the one before it. */
const SCALABILITY_HEAD = 0x18;
const GROUP_OF_ONE = Uint8Array.of(1, 0b000_0_01_00, 1);

/**
 * Opens a packetiser of VP9 in non-flexible mode with one layer: each key picture begins with its scalability structure, as receivers of
 * that mode need it to know what refers to what. @see RFC 9628 section 4
 */
export function vp9Packetiser(options: PacketiserOptions): PayloadPacketiser {
  return new Vp9Packetiser(options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES);
}

/** Opens a depacketiser of VP9 in both modes; frames of several spatial layers are joined in their order. @see RFC 9628 section 4 */
export function vp9Depacketiser(emit: UnitSink): PayloadDepacketiser {
  return new UnitDepacketiser(new Vp9Assembler(), emit);
}

class Vp9Packetiser implements PayloadPacketiser {
  readonly #maxPayloadBytes: number;
  #pictureId = 0;
  #tl0PicIdx = 0;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  packetise(unit: Uint8Array, key: boolean, out: PayloadArena): void {
    const pictureSize = key ? sizeOf(unit) : undefined;
    // All fragments leave the room that the first one of a key picture needs, so that they are of one size.
    const extraBytes = pictureSize === undefined ? 0 : SCALABILITY_BYTES;
    const size = fragmentSize(unit.length + extraBytes, this.#maxPayloadBytes - DESCRIPTOR_BYTES);
    for (let at = 0; at < unit.length; ) {
      const end = Math.min(at === 0 ? Math.max(1, size - extraBytes) : at + size, unit.length);
      const bounds = (at === 0 ? START : 0) | (end === unit.length ? END : 0);
      const structure = at === 0 && pictureSize !== undefined;
      out.begin();
      out.u8(BASE_FLAGS | (key ? 0 : INTER_PICTURE) | bounds | (structure ? HAS_SCALABILITY : 0));
      out.u16((LONG_PICTURE_ID << 8) | this.#pictureId);
      out.u8(0);
      out.u8(this.#tl0PicIdx);
      if (structure) putScalability(out, pictureSize);
      out.put(unit, at, end);
      at = end;
    }
    out.markLast();
    this.#pictureId = (this.#pictureId + 1) & PICTURE_ID_MASK;
    this.#tl0PicIdx = (this.#tl0PicIdx + 1) & 0xff;
  }
}

function putScalability(out: PayloadArena, { width, height }: { readonly width: number; readonly height: number }): void {
  out.u8(SCALABILITY_HEAD);
  out.u16(width);
  out.u16(height);
  out.put(GROUP_OF_ONE);
}

/** Undefined for a frame whose header can't be read: it is sent all the same. */
function sizeOf(unit: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  try {
    return parseVp9KeyFrame(unit);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

class Vp9Assembler implements UnitAssembler {
  #pictureId: number | undefined;
  #frameOpen = false;
  #spatialId = -1;

  begins(payload: Uint8Array): boolean {
    const descriptor = parseVp9Descriptor(payload);
    return descriptor?.startsFrame === true && (descriptor.layer?.spatialId ?? 0) === 0;
  }

  reset(): void {
    this.#frameOpen = false;
    this.#spatialId = -1;
  }

  append(payload: Uint8Array, unit: UnitBuffer): boolean {
    const descriptor = parseVp9Descriptor(payload);
    if (descriptor === undefined || descriptor.length === payload.length) return false;
    if (unit.length === 0) this.#pictureId = descriptor.pictureId;
    const spatialId = descriptor.layer?.spatialId ?? 0;
    const follows = descriptor.startsFrame ? !this.#frameOpen && spatialId > this.#spatialId : this.#frameOpen && spatialId === this.#spatialId;
    if (!follows || descriptor.pictureId !== this.#pictureId) return false;
    this.#spatialId = spatialId;
    this.#frameOpen = !descriptor.endsFrame;
    return unit.put(payload, descriptor.length);
  }

  end(unit: UnitBuffer): { readonly key: boolean } | undefined {
    return this.#frameOpen ? undefined : { key: isKeySample(unit.view()) };
  }
}
