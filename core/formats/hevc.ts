import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { parseSps, type HevcProfile } from './hevc-sps.ts';
import { accessUnitToAnnexB, BUS_LENGTH_SIZE, nalEnd, type AnnexBOptions, type NalLengthSize } from './nal.ts';

export { parseSps, type HevcProfile, type HevcSps } from './hevc-sps.ts';
export { AnnexBCursor, annexBToLengthPrefixed, joinNals, LengthPrefixedCursor, listNals, type NalCursor, type NalLengthSize } from './nal.ts';

/** The nal_unit_type numbers this project tells apart. @see ITU-T H.265 table 7-1 */
export const NAL_TYPE = {
  blaWLp: 16,
  idrWRadl: 19,
  idrNLp: 20,
  cra: 21,
  lastReservedIrap: 23,
  lastVcl: 31,
  vps: 32,
  sps: 33,
  pps: 34,
  accessUnitDelimiter: 35,
  endOfSequence: 36,
  endOfBitstream: 37,
  filler: 38,
  prefixSei: 39,
  suffixSei: 40,
} as const;

/** The NAL units of one type in a configuration. */
export interface HevcNalArray {
  readonly nalType: number;
  /** Whether the samples have no further units of this type. */
  readonly complete: boolean;
  /** Whole NAL units. */
  readonly nals: readonly Uint8Array[];
}

/** The HEVCDecoderConfigurationRecord ("hvcC"). @see ISO/IEC 14496-15 section 8.3.3.1 */
export interface HevcConfig {
  readonly profile: HevcProfile;
  readonly minSpatialSegmentation: number;
  readonly parallelismType: number;
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Frames in 256 seconds, 0 when unknown. */
  readonly averageFrameRate: number;
  readonly constantFrameRate: number;
  readonly temporalLayers: number;
  readonly temporalIdNested: boolean;
  readonly lengthSize: NalLengthSize;
  readonly arrays: readonly HevcNalArray[];
}

const MAX_PARAMETER_SETS = 256;
/** pic_type 2: slices of any type may follow. */
const DELIMITER = Uint8Array.of(0x46, 0x01, 0x50);

/** The nal_unit_type of a NAL unit's first byte. */
export function nalType(firstByte: number): number {
  return (firstByte >> 1) & 0x3f;
}

/** Reads an hvcC; its NAL units are views of `record`. */
export function parseHevcConfig(record: Uint8Array): HevcConfig {
  const cursor = new ByteCursor(record);
  // Version 0 was written by encoders of the draft, with the same layout.
  if (cursor.u8() > 1) throw new ProtocolError('An HEVC configuration record of an unknown version', 0);
  const first = cursor.u8();
  const profile = {
    profileSpace: first >> 6,
    highTier: (first & 0x20) !== 0,
    profileIdc: first & 0x1f,
    compatibilityFlags: cursor.u32(),
    constraintFlags: cursor.take(6),
    levelIdc: cursor.u8(),
  };
  const minSpatialSegmentation = cursor.u16() & 0x0fff;
  const parallelismType = cursor.u8() & 0x03;
  const chromaFormatIdc = cursor.u8() & 0x03;
  const bitDepthLuma = 8 + (cursor.u8() & 0x07);
  const bitDepthChroma = 8 + (cursor.u8() & 0x07);
  const averageFrameRate = cursor.u16();
  const flags = cursor.u8();
  return {
    profile,
    minSpatialSegmentation,
    parallelismType,
    chromaFormatIdc,
    bitDepthLuma,
    bitDepthChroma,
    averageFrameRate,
    constantFrameRate: flags >> 6,
    temporalLayers: (flags >> 3) & 0x07,
    temporalIdNested: (flags & 0x04) !== 0,
    lengthSize: ([1, 2, 3, 4] as const)[flags & 0x03] ?? BUS_LENGTH_SIZE,
    arrays: takeArrays(cursor),
  };
}

/** Writes an hvcC. */
export function encodeHevcConfig(config: HevcConfig): Uint8Array {
  const { profile } = config;
  const writer = new ByteWriter().u8(1);
  writer.u8((profile.profileSpace << 6) | (profile.highTier ? 0x20 : 0) | profile.profileIdc);
  writer.u32(profile.compatibilityFlags).put(profile.constraintFlags).u8(profile.levelIdc);
  writer.u16(0xf000 | config.minSpatialSegmentation).u8(0xfc | config.parallelismType).u8(0xfc | config.chromaFormatIdc);
  writer.u8(0xf8 | (config.bitDepthLuma - 8)).u8(0xf8 | (config.bitDepthChroma - 8)).u16(config.averageFrameRate);
  const nested = config.temporalIdNested ? 0x04 : 0;
  writer.u8((config.constantFrameRate << 6) | (config.temporalLayers << 3) | nested | (config.lengthSize - 1));
  writer.u8(config.arrays.length);
  for (const array of config.arrays) {
    writer.u8((array.complete ? 0x80 : 0) | array.nalType).u16(array.nals.length);
    for (const nal of array.nals) writer.u16(nal.length).put(nal);
  }
  return writer.toBytes();
}

/** The configuration that in-band parameter sets stand for; the first SPS gives profile and format. */
export function hevcConfigOf(vps: readonly Uint8Array[], sps: readonly Uint8Array[], pps: readonly Uint8Array[]): HevcConfig {
  const first = sps[0];
  if (first === undefined) throw new ProtocolError('No sequence parameter set');
  const { profile, chromaFormatIdc, bitDepthLuma, bitDepthChroma, temporalLayers, temporalIdNested } = parseSps(first);
  const array = (type: number, nals: readonly Uint8Array[]): HevcNalArray => ({ nalType: type, complete: true, nals });
  return {
    profile,
    minSpatialSegmentation: 0,
    parallelismType: 0,
    chromaFormatIdc,
    bitDepthLuma,
    bitDepthChroma,
    averageFrameRate: 0,
    constantFrameRate: 0,
    temporalLayers,
    temporalIdNested,
    lengthSize: BUS_LENGTH_SIZE,
    arrays: [array(NAL_TYPE.vps, vps), array(NAL_TYPE.sps, sps), array(NAL_TYPE.pps, pps)],
  };
}

/** The NAL units of one type in a configuration. */
export function nalsOfType(config: HevcConfig, type: number): readonly Uint8Array[] {
  return config.arrays.filter((array) => array.nalType === type).flatMap((array) => array.nals);
}

/** The `codecs` parameter, such as `hvc1.1.6.L93.B0`. @see ISO/IEC 14496-15 section E.3 */
export function codecString({ profile }: Pick<HevcConfig, 'profile'>): string {
  const space = ['', 'A', 'B', 'C'][profile.profileSpace & 0x03] ?? '';
  const compatibility = reverseBits(profile.compatibilityFlags).toString(16).toUpperCase();
  const constraints = [...profile.constraintFlags];
  while (constraints.at(-1) === 0) constraints.pop();
  const tail = constraints.map((byte) => `.${byte.toString(16).toUpperCase()}`).join('');
  return `hvc1.${space}${profile.profileIdc}.${compatibility}.${profile.highTier ? 'H' : 'L'}${profile.levelIdc}${tail}`;
}

/**
 * Whether a length-prefixed sample is an IRAP picture (BLA, IDR or CRA), from which a decoder can start.
 * Looks no further than the first slice and allocates nothing. @see ITU-T H.265 table 7-1
 */
export function isKeySample(sample: Uint8Array, lengthSize: NalLengthSize = BUS_LENGTH_SIZE): boolean {
  let at = 0;
  while (at < sample.length) {
    const end = nalEnd(sample, at, lengthSize);
    if (end > at + lengthSize) {
      const type = nalType(sample[at + lengthSize] ?? 0);
      if (type <= NAL_TYPE.lastVcl) return type >= NAL_TYPE.blaWLp && type <= NAL_TYPE.lastReservedIrap;
    }
    at = end;
  }
  return false;
}

/** Turns a length-prefixed sample into a byte stream with 4-byte start codes, in one new array. @see ITU-T H.265 annex B */
export function lengthPrefixedToAnnexB(sample: Uint8Array, options: AnnexBOptions = {}): Uint8Array {
  return accessUnitToAnnexB(sample, options, DELIMITER, isDelimiter);
}

function isDelimiter(firstByte: number): boolean {
  return nalType(firstByte) === NAL_TYPE.accessUnitDelimiter;
}

function takeArrays(cursor: ByteCursor): HevcNalArray[] {
  const arrays: HevcNalArray[] = [];
  let total = 0;
  for (let left = cursor.u8(); left > 0; left--) {
    const head = cursor.u8();
    const count = cursor.u16();
    total += count;
    if (total > MAX_PARAMETER_SETS) throw new ProtocolError(`More than ${MAX_PARAMETER_SETS} NAL units in a configuration`, cursor.position);
    const nals: Uint8Array[] = [];
    for (let i = 0; i < count; i++) nals.push(cursor.take(cursor.u16()));
    arrays.push({ nalType: head & 0x3f, complete: (head & 0x80) !== 0, nals });
  }
  return arrays;
}

function reverseBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = (reversed << 1) | ((value >>> bit) & 1);
  return reversed >>> 0;
}
