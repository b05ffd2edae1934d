import { ProtocolError } from '../errors/wcs-error.ts';
import { BitReader } from './bit-reader.ts';

/** What a sequence header OBU says about the picture. @see AV1 Bitstream & Decoding Process Specification section 5.5 */
export interface Av1SequenceHeader {
  readonly profile: number;
  /** seq_level_idx of the first operating point: 8 is level 4.0, four times (major - 2) plus minor. */
  readonly levelIdx: number;
  readonly highTier: boolean;
  readonly bitDepth: 8 | 10 | 12;
  readonly monochrome: boolean;
  readonly subsamplingX: boolean;
  readonly subsamplingY: boolean;
  readonly chromaSamplePosition: number;
  /** Largest frame of the sequence, in pixels. */
  readonly width: number;
  /** Largest frame of the sequence, in pixels. */
  readonly height: number;
  /** Still pictures only, whose frames have no type of their own. */
  readonly reducedStillPicture: boolean;
}

interface OperatingPoint {
  readonly levelIdx: number;
  readonly highTier: boolean;
}

const MAX_PROFILE = 2;
const SELECT = 2;
const SRGB = { primaries: 1, transfer: 13, matrix: 0 } as const;
const UNSPECIFIED = 2;
const MAX_UVLC_ZEROS = 32;

/** Reads the payload of a sequence header OBU. */
export function parseSequenceHeader(payload: Uint8Array): Av1SequenceHeader {
  const reader = new BitReader(payload);
  const profile = reader.bits(3);
  if (profile > MAX_PROFILE) throw new ProtocolError(`AV1 profile ${profile} is reserved`, 0);
  reader.skip(1);
  const reducedStillPicture = reader.flag();
  const point = reducedStillPicture ? { levelIdx: reader.bits(5), highTier: false } : parseOperatingPoints(reader);
  const widthBits = reader.bits(4) + 1;
  const heightBits = reader.bits(4) + 1;
  const width = reader.bits(widthBits) + 1;
  const height = reader.bits(heightBits) + 1;
  if (!reducedStillPicture && reader.flag()) reader.skip(7);
  reader.skip(3);
  if (!reducedStillPicture) skipTools(reader);
  reader.skip(3);
  return { profile, ...point, width, height, reducedStillPicture, ...parseColour(reader, profile) };
}

function parseOperatingPoints(reader: BitReader): OperatingPoint {
  let delayBits = 0;
  if (reader.flag()) {
    reader.skip(64);
    if (reader.flag()) skipUvlc(reader);
    if (reader.flag()) {
      delayBits = reader.bits(5) + 1;
      reader.skip(42);
    }
  }
  const displayDelay = reader.flag();
  const count = reader.bits(5) + 1;
  let first: OperatingPoint | undefined;
  for (let i = 0; i < count; i++) {
    reader.skip(12);
    const levelIdx = reader.bits(5);
    const highTier = levelIdx > 7 && reader.flag();
    if (delayBits > 0 && reader.flag()) reader.skip(2 * delayBits + 1);
    if (displayDelay && reader.flag()) reader.skip(4);
    first ??= { levelIdx, highTier };
  }
  return first ?? { levelIdx: 0, highTier: false };
}

/** The coding tools between frame ids and superres, none of which matters here. */
function skipTools(reader: BitReader): void {
  reader.skip(4);
  const orderHint = reader.flag();
  if (orderHint) reader.skip(2);
  const screenContent = reader.flag() ? SELECT : reader.bits(1);
  if (screenContent > 0 && !reader.flag()) reader.skip(1);
  if (orderHint) reader.skip(3);
}

type Colour = Pick<Av1SequenceHeader, 'bitDepth' | 'monochrome' | 'subsamplingX' | 'subsamplingY' | 'chromaSamplePosition'>;

/** @see AV1 Bitstream & Decoding Process Specification section 5.5.2 */
function parseColour(reader: BitReader, profile: number): Colour {
  const highBitDepth = reader.flag();
  const bitDepth = !highBitDepth ? 8 : profile === 2 && reader.flag() ? 12 : 10;
  const monochrome = profile !== 1 && reader.flag();
  const described = reader.flag();
  const primaries = described ? reader.bits(8) : UNSPECIFIED;
  const transfer = described ? reader.bits(8) : UNSPECIFIED;
  const matrix = described ? reader.bits(8) : UNSPECIFIED;
  if (monochrome) {
    reader.skip(1);
    return { bitDepth, monochrome, subsamplingX: true, subsamplingY: true, chromaSamplePosition: 0 };
  }
  if (primaries === SRGB.primaries && transfer === SRGB.transfer && matrix === SRGB.matrix) {
    return { bitDepth, monochrome, subsamplingX: false, subsamplingY: false, chromaSamplePosition: 0 };
  }
  reader.skip(1);
  const free = profile === 2 && bitDepth === 12;
  const subsamplingX = free ? reader.flag() : profile !== 1;
  const subsamplingY = free ? subsamplingX && reader.flag() : profile === 0;
  const chromaSamplePosition = subsamplingX && subsamplingY ? reader.bits(2) : 0;
  return { bitDepth, monochrome, subsamplingX, subsamplingY, chromaSamplePosition };
}

/** @see AV1 Bitstream & Decoding Process Specification section 4.10.3 */
function skipUvlc(reader: BitReader): void {
  let zeros = 0;
  while (zeros < MAX_UVLC_ZEROS && !reader.flag()) zeros++;
  if (zeros < MAX_UVLC_ZEROS) reader.skip(zeros);
}
