import { ProtocolError } from '../../errors/wcs-error.ts';
import { parseAudioSpecificConfig } from '../../formats/aac.ts';
import { BitReader } from '../../formats/bit-reader.ts';
import { fragmentSize } from './equal-fragments.ts';
import type { PayloadArena } from './payload-arena.ts';
import {
  DEFAULT_MAX_PAYLOAD_BYTES, type DepacketiserCounters, type DepacketiserOptions, type PacketiserOptions, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink,
} from './payload-format.ts';
import { UnitBuffer } from './unit-buffer.ts';

/** The two modes of AAC: frames of at most 8191 or 63 bytes. @see RFC 3640 sections 3.3.5 and 3.3.6 */
export type AacMode = 'hbr' | 'lbr';

/** Bits of an AU header's fields, as the session description tells them. @see RFC 3640 section 4.1 */
interface AuHeaderFormat {
  readonly sizeLength: number;
  readonly indexLength: number;
}

const FORMATS: Readonly<Record<AacMode, AuHeaderFormat>> = {
  hbr: { sizeLength: 13, indexLength: 3 },
  lbr: { sizeLength: 6, indexLength: 2 },
};
const HEADERS_LENGTH_BYTES = 2;
const DEFAULT_SAMPLES_PER_FRAME = 1024;
/** More would be more than a second in one packet. */
const MAX_UNITS_A_PACKET = 64;

/** How AAC is carried. */
export interface AacFormatOptions {
  /** `hbr` if not given. */
  readonly mode?: AacMode;
}

/** Opens a packetiser of AAC: one frame a packet, so that none waits for another; a large frame goes in fragments. @see RFC 3640 section 3.2 */
export function aacPacketiser({ maxPayloadBytes, mode = 'hbr' }: PacketiserOptions & AacFormatOptions): PayloadPacketiser {
  return new AacPacketiser(FORMATS[mode], maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES);
}

/**
 * Opens a depacketiser of AAC: several frames a packet, and fragments; interleaved packets are malformed here. @see RFC 3640 section 3.2
 *
 * @throws ProtocolError when the AudioSpecificConfig of the options can't be read
 */
export function aacDepacketiser({ codecConfig, clockRateHz, mode = 'hbr' }: DepacketiserOptions & AacFormatOptions, emit: UnitSink): PayloadDepacketiser {
  return new AacDepacketiser(FORMATS[mode], aacFrameTicks(codecConfig, clockRateHz), emit);
}

/** How long an AAC frame lasts on an RTP clock, which is that of the output where SBR doubles the core's rate. */
export function aacFrameTicks(config: Uint8Array | undefined, clockRateHz: number): number {
  if (config === undefined) return DEFAULT_SAMPLES_PER_FRAME;
  const { samplesPerFrame, sampleRateHz } = parseAudioSpecificConfig(config);
  return Math.round((samplesPerFrame * clockRateHz) / sampleRateHz);
}

class AacPacketiser implements PayloadPacketiser {
  readonly #format: AuHeaderFormat;
  readonly #headBytes: number;
  readonly #maxPayloadBytes: number;

  constructor(format: AuHeaderFormat, maxPayloadBytes: number) {
    this.#format = format;
    this.#headBytes = HEADERS_LENGTH_BYTES + Math.ceil((format.sizeLength + format.indexLength) / 8);
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  packetise(unit: Uint8Array, _key: boolean, out: PayloadArena): void {
    const { sizeLength, indexLength } = this.#format;
    if (unit.length >= 2 ** sizeLength) throw new ProtocolError(`An AAC frame of ${unit.length} bytes exceeds ${2 ** sizeLength - 1}`);
    const size = fragmentSize(unit.length, this.#maxPayloadBytes - this.#headBytes);
    for (let at = 0; at < unit.length; at += size) {
      out.begin();
      out.u16(sizeLength + indexLength);
      // Each fragment has the size of the whole frame; the index is 0.
      const header = unit.length << indexLength;
      if (this.#headBytes === HEADERS_LENGTH_BYTES + 1) out.u8(header);
      else out.u16(header);
      out.put(unit, at, Math.min(at + size, unit.length));
    }
    out.markLast();
  }
}

class AacDepacketiser implements PayloadDepacketiser {
  readonly #format: AuHeaderFormat;
  readonly #frameTicks: number;
  readonly #emit: UnitSink;
  readonly #counters = { units: 0, damaged: 0, malformed: 0 };
  readonly #fragments = new UnitBuffer();
  #fragmentedBytes = 0;
  #fragmentTimestamp = 0;
  readonly #sizes: number[] = [];

  constructor(format: AuHeaderFormat, frameTicks: number, emit: UnitSink) {
    this.#format = format;
    this.#frameTicks = frameTicks;
    this.#emit = emit;
  }

  get counters(): DepacketiserCounters {
    return this.#counters;
  }

  push(payload: Uint8Array, timestamp: number, _marker: boolean, lost: boolean): void {
    if (lost) this.#dropFragments();
    if (payload.length === 0) return;
    const start = this.#readHeaders(payload);
    if (start < 0) {
      this.#counters.malformed++;
      this.#counters.damaged++;
      this.#fragmentedBytes = 0;
      return;
    }
    const [size = 0] = this.#sizes;
    if (this.#sizes.length === 1 && size > payload.length - start) {
      this.#takeFragment(payload, start, size, timestamp);
      return;
    }
    this.#dropFragments();
    this.#takeUnits(payload, start, timestamp);
  }

  /** Reads the AU headers; the answer is where the units begin, or -1. @see RFC 3640 section 3.2.1 */
  #readHeaders(payload: Uint8Array): number {
    const { sizeLength, indexLength } = this.#format;
    const bits = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    const count = bits / (sizeLength + indexLength);
    const start = HEADERS_LENGTH_BYTES + Math.ceil(bits / 8);
    if (!Number.isInteger(count) || count < 1 || count > MAX_UNITS_A_PACKET || start >= payload.length) return -1;
    const reader = new BitReader(payload.subarray(HEADERS_LENGTH_BYTES, start));
    this.#sizes.length = 0;
    for (let i = 0; i < count; i++) {
      const size = reader.bits(sizeLength);
      if (reader.bits(indexLength) !== 0 || size === 0) return -1;
      this.#sizes.push(size);
    }
    return start;
  }

  #takeUnits(payload: Uint8Array, start: number, timestamp: number): void {
    let at = start;
    for (const [index, size] of this.#sizes.entries()) {
      if (at + size > payload.length) {
        this.#counters.malformed++;
        this.#counters.damaged++;
        return;
      }
      this.#give(payload.slice(at, at + size), timestamp + index * this.#frameTicks);
      at += size;
    }
  }

  #takeFragment(payload: Uint8Array, start: number, size: number, timestamp: number): void {
    if (this.#fragmentedBytes !== size || this.#fragmentTimestamp !== timestamp) {
      this.#dropFragments();
      this.#fragments.clear();
      this.#fragmentedBytes = size;
      this.#fragmentTimestamp = timestamp;
    }
    if (this.#fragments.length + payload.length - start > size || !this.#fragments.put(payload, start)) {
      this.#counters.malformed++;
      this.#dropFragments();
      return;
    }
    if (this.#fragments.length < size) return;
    this.#fragmentedBytes = 0;
    this.#give(this.#fragments.toBytes(), timestamp);
  }

  #dropFragments(): void {
    if (this.#fragmentedBytes > 0) this.#counters.damaged++;
    this.#fragmentedBytes = 0;
  }

  #give(data: Uint8Array, timestamp: number): void {
    this.#counters.units++;
    this.#emit({ data, key: true, timestamp: timestamp >>> 0 });
  }
}
