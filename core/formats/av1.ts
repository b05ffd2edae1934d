import { ProtocolError } from '../errors/wcs-error.ts';
import { parseSequenceHeader, type Av1SequenceHeader } from './av1-sequence.ts';
import { ByteCursor } from './byte-reader.ts';

export { parseSequenceHeader, type Av1SequenceHeader } from './av1-sequence.ts';

/** The obu_type numbers. @see AV1 Bitstream & Decoding Process Specification section 6.2.2 */
export const OBU_TYPE = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  tileGroup: 4,
  metadata: 5,
  frame: 6,
  redundantFrameHeader: 7,
  tileList: 8,
  padding: 15,
} as const;

/** The AV1CodecConfigurationRecord ("av1C"). @see AV1 Codec ISO Media File Format Binding section 2.3 */
export interface Av1Config {
  readonly profile: number;
  readonly levelIdx: number;
  readonly highTier: boolean;
  readonly bitDepth: 8 | 10 | 12;
  readonly monochrome: boolean;
  readonly subsamplingX: boolean;
  readonly subsamplingY: boolean;
  readonly chromaSamplePosition: number;
  readonly initialPresentationDelayMinus1?: number;
  /** Whole OBUs with sizes: the sequence header, if any. */
  readonly configObus: Uint8Array;
}

const MARKER_AND_VERSION = 0x81;
const MAX_LEB128_BYTES = 8;
const MAX_OBU_BYTES = 0xffffffff;

/**
 * Walks the OBUs of a sample (low-overhead format) in place. After `next()` gave true, an OBU lies in `bytes` from `start`, its payload
 * from `payloadStart` to `end` (exclusive); one without a size ends the sample. A cursor serves any number of samples through
 * `reset`, so a walk allocates nothing. @see AV1 Bitstream & Decoding Process Specification section 5.3
 */
export class ObuCursor {
  bytes: Uint8Array;
  type = 0;
  start = 0;
  payloadStart = 0;
  end = 0;

  constructor(sample: Uint8Array) {
    this.bytes = sample;
  }

  /** Begins anew with `sample`. */
  reset(sample: Uint8Array): void {
    this.bytes = sample;
    this.end = 0;
  }

  /** Moves to the next OBU; a size past the end of the sample throws a `ProtocolError`. */
  next(): boolean {
    if (this.end >= this.bytes.length) return false;
    const at = this.end;
    const header = this.bytes[at] ?? 0;
    if ((header & 0x80) !== 0) throw new ProtocolError('The forbidden bit of an OBU header is set', at);
    this.start = at;
    this.type = (header >> 3) & 0x0f;
    this.payloadStart = at + ((header & 0x04) !== 0 ? 2 : 1);
    const end = (header & 0x02) !== 0 ? this.#sizedEnd() : this.bytes.length;
    if (this.payloadStart > end || end > this.bytes.length) throw new ProtocolError('An OBU passes the end of its sample', at);
    this.end = end;
    return true;
  }

  #sizedEnd(): number {
    let size = 0;
    for (let i = 0; i < MAX_LEB128_BYTES; i++) {
      const byte = this.bytes[this.payloadStart];
      if (byte === undefined) break;
      this.payloadStart++;
      size += (byte & 0x7f) * 2 ** (7 * i);
      if (size > MAX_OBU_BYTES) break;
      if (byte < 0x80) return this.payloadStart + size;
    }
    throw new ProtocolError('The size of an OBU is cut short or too large', this.start);
  }
}

/** Reads an av1C; `configObus` is a view of `record`. */
export function parseAv1Config(record: Uint8Array): Av1Config {
  const cursor = new ByteCursor(record);
  if (cursor.u8() !== MARKER_AND_VERSION) throw new ProtocolError('An AV1 configuration record of an unknown version', 0);
  const first = cursor.u8();
  const flags = cursor.u8();
  const delay = cursor.u8();
  const config = {
    profile: first >> 5,
    levelIdx: first & 0x1f,
    highTier: (flags & 0x80) !== 0,
    bitDepth: (flags & 0x40) === 0 ? (8 as const) : (flags & 0x20) === 0 ? (10 as const) : (12 as const),
    monochrome: (flags & 0x10) !== 0,
    subsamplingX: (flags & 0x08) !== 0,
    subsamplingY: (flags & 0x04) !== 0,
    chromaSamplePosition: flags & 0x03,
    configObus: cursor.rest(),
  };
  return (delay & 0x10) === 0 ? config : { ...config, initialPresentationDelayMinus1: delay & 0x0f };
}

/** Writes an av1C. */
export function encodeAv1Config(config: Av1Config): Uint8Array {
  const record = new Uint8Array(4 + config.configObus.length);
  record[0] = MARKER_AND_VERSION;
  record[1] = (config.profile << 5) | config.levelIdx;
  const depth = (config.bitDepth > 8 ? 0x40 : 0) | (config.bitDepth === 12 ? 0x20 : 0);
  const chroma = (config.monochrome ? 0x10 : 0) | (config.subsamplingX ? 0x08 : 0) | (config.subsamplingY ? 0x04 : 0);
  record[2] = (config.highTier ? 0x80 : 0) | depth | chroma | config.chromaSamplePosition;
  record[3] = config.initialPresentationDelayMinus1 === undefined ? 0 : 0x10 | config.initialPresentationDelayMinus1;
  record.set(config.configObus, 4);
  return record;
}

/** The configuration of the first sequence header in a sample, or `undefined` if it has none. */
export function av1ConfigOf(sample: Uint8Array): Av1Config | undefined {
  const cursor = new ObuCursor(sample);
  while (cursor.next()) {
    if (cursor.type !== OBU_TYPE.sequenceHeader) continue;
    const header = parseSequenceHeader(sample.subarray(cursor.payloadStart, cursor.end));
    const { profile, levelIdx, highTier, bitDepth, monochrome, subsamplingX, subsamplingY, chromaSamplePosition } = header;
    const colour = { bitDepth, monochrome, subsamplingX, subsamplingY, chromaSamplePosition };
    return { profile, levelIdx, highTier, ...colour, configObus: sample.slice(cursor.start, cursor.end) };
  }
  return undefined;
}

/** The first sequence header in a sample or in `configObus`, or `undefined` if it has none. */
export function sequenceHeaderOf(obus: Uint8Array): Av1SequenceHeader | undefined {
  const cursor = new ObuCursor(obus);
  while (cursor.next()) {
    if (cursor.type === OBU_TYPE.sequenceHeader) return parseSequenceHeader(obus.subarray(cursor.payloadStart, cursor.end));
  }
  return undefined;
}

/** The `codecs` parameter in its short form, such as `av01.0.04M.08`. @see AV1 Codec ISO Media File Format Binding section 5 */
export function codecString(config: Pick<Av1Config, 'profile' | 'levelIdx' | 'highTier' | 'bitDepth'>): string {
  const level = String(config.levelIdx).padStart(2, '0');
  return `av01.${config.profile}.${level}${config.highTier ? 'H' : 'M'}.${String(config.bitDepth).padStart(2, '0')}`;
}

/**
 * Whether the first frame of a sample is a key frame that is shown, from which a decoder can start. Allocates nothing.
 * Sequences of reduced still pictures, whose frames have no type, are not told. @see AV1 Bitstream & Decoding Process Specification section 5.9.2
 */
export function isKeySample(sample: Uint8Array): boolean {
  KEY_CURSOR.reset(sample);
  while (KEY_CURSOR.next()) {
    if (KEY_CURSOR.type !== OBU_TYPE.frame && KEY_CURSOR.type !== OBU_TYPE.frameHeader) continue;
    // show_existing_frame 0, frame_type 00, show_frame 1
    return KEY_CURSOR.payloadStart < KEY_CURSOR.end && (sample[KEY_CURSOR.payloadStart] ?? 0) >> 4 === 0b0001;
  }
  return false;
}

/** Shared by all calls of `isKeySample`, which are synchronous and so never overlap. */
const KEY_CURSOR = new ObuCursor(new Uint8Array(0));
