import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { parseSps } from './h264-sps.ts';
import { accessUnitToAnnexB, BUS_LENGTH_SIZE, nalEnd, type AnnexBOptions, type NalLengthSize } from './nal.ts';

export { parseSps, type H264Sps } from './h264-sps.ts';
export { AnnexBCursor, annexBToLengthPrefixed, joinNals, LengthPrefixedCursor, listNals, type AnnexBOptions, type NalCursor, type NalLengthSize } from './nal.ts';

/** The nal_unit_type numbers this project tells apart. @see ITU-T H.264 table 7-1 */
export const NAL_TYPE = {
  slice: 1,
  dataPartitionA: 2,
  dataPartitionB: 3,
  dataPartitionC: 4,
  idr: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  accessUnitDelimiter: 9,
  endOfSequence: 10,
  endOfStream: 11,
  filler: 12,
  spsExtension: 13,
} as const;

/** The AVCDecoderConfigurationRecord ("avcC"). @see ISO/IEC 14496-15 section 5.3.3.1 */
export interface AvcConfig {
  readonly profileIdc: number;
  readonly profileCompatibility: number;
  readonly levelIdc: number;
  readonly lengthSize: NalLengthSize;
  /** Whole NAL units. */
  readonly sps: readonly Uint8Array[];
  /** Whole NAL units. */
  readonly pps: readonly Uint8Array[];
  /** Only for the High profiles, and left out by some writers there too. */
  readonly high?: {
    readonly chromaFormatIdc: number;
    readonly bitDepthLuma: number;
    readonly bitDepthChroma: number;
    readonly spsExtensions: readonly Uint8Array[];
  };
}

const MAX_SPS = 31;
const MAX_PPS = 255;
/** The profiles for which the record has its `high` part. */
const RECORD_HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 144]);
/** primary_pic_type 7: slices of any type may follow. */
const DELIMITER = Uint8Array.of(0x09, 0xf0);

/** The nal_unit_type of a NAL unit's first byte. */
export function nalType(firstByte: number): number {
  return firstByte & 0x1f;
}

/** Reads an avcC; its parameter sets are views of `record`. */
export function parseAvcConfig(record: Uint8Array): AvcConfig {
  const cursor = new ByteCursor(record);
  if (cursor.u8() !== 1) throw new ProtocolError('An AVC configuration record has a version other than 1', 0);
  const profileIdc = cursor.u8();
  const profileCompatibility = cursor.u8();
  const levelIdc = cursor.u8();
  const lengthSize = lengthSizeOf(cursor.u8());
  const sps = takeNals(cursor, cursor.u8() & 0x1f);
  const pps = takeNals(cursor, cursor.u8());
  const base = { profileIdc, profileCompatibility, levelIdc, lengthSize, sps, pps };
  if (!RECORD_HIGH_PROFILES.has(profileIdc) || cursor.remaining < 4) return base;
  const chromaFormatIdc = cursor.u8() & 0x03;
  const bitDepthLuma = 8 + (cursor.u8() & 0x07);
  const bitDepthChroma = 8 + (cursor.u8() & 0x07);
  return { ...base, high: { chromaFormatIdc, bitDepthLuma, bitDepthChroma, spsExtensions: takeNals(cursor, cursor.u8()) } };
}

/** Writes an avcC. @throws RangeError when there are more than 31 SPS or 255 PPS */
export function encodeAvcConfig(config: AvcConfig): Uint8Array {
  if (config.sps.length > MAX_SPS || config.pps.length > MAX_PPS) throw new RangeError('Too many parameter sets for an avcC');
  const writer = new ByteWriter();
  writer.u8(1).u8(config.profileIdc).u8(config.profileCompatibility).u8(config.levelIdc);
  writer.u8(0xfc | (config.lengthSize - 1));
  putNals(writer.u8(0xe0 | config.sps.length), config.sps);
  putNals(writer.u8(config.pps.length), config.pps);
  if (config.high !== undefined) {
    const { chromaFormatIdc, bitDepthLuma, bitDepthChroma, spsExtensions } = config.high;
    writer.u8(0xfc | chromaFormatIdc).u8(0xf8 | (bitDepthLuma - 8)).u8(0xf8 | (bitDepthChroma - 8));
    putNals(writer.u8(spsExtensions.length), spsExtensions);
  }
  return writer.toBytes();
}

/** The configuration that in-band parameter sets stand for; the first SPS gives profile and level. */
export function avcConfigOf(sps: readonly Uint8Array[], pps: readonly Uint8Array[]): AvcConfig {
  const first = sps[0];
  if (first === undefined) throw new ProtocolError('No sequence parameter set');
  const { profileIdc, profileCompatibility, levelIdc, chromaFormatIdc, bitDepthLuma, bitDepthChroma } = parseSps(first);
  const base = { profileIdc, profileCompatibility, levelIdc, lengthSize: BUS_LENGTH_SIZE, sps, pps };
  if (!RECORD_HIGH_PROFILES.has(profileIdc)) return base;
  return { ...base, high: { chromaFormatIdc, bitDepthLuma, bitDepthChroma, spsExtensions: [] } };
}

/** The `codecs` parameter, such as `avc1.42E01F`. @see RFC 6381 section 3.3 */
export function codecString(config: Pick<AvcConfig, 'profileIdc' | 'profileCompatibility' | 'levelIdc'>): string {
  const number = (config.profileIdc << 16) | (config.profileCompatibility << 8) | config.levelIdc;
  return `avc1.${number.toString(16).toUpperCase().padStart(6, '0')}`;
}

/**
 * Whether a length-prefixed sample is an IDR picture, from which any decoder can start.
 * Looks no further than the first slice and allocates nothing.
 */
export function isKeySample(sample: Uint8Array, lengthSize: NalLengthSize = BUS_LENGTH_SIZE): boolean {
  let at = 0;
  while (at < sample.length) {
    const end = nalEnd(sample, at, lengthSize);
    const type = end > at + lengthSize ? nalType(sample[at + lengthSize] ?? 0) : 0;
    if (type === NAL_TYPE.idr) return true;
    if (type >= NAL_TYPE.slice && type < NAL_TYPE.idr) return false;
    at = end;
  }
  return false;
}

/** Turns a length-prefixed sample into a byte stream with 4-byte start codes, in one new array. @see ITU-T H.264 annex B */
export function lengthPrefixedToAnnexB(sample: Uint8Array, options: AnnexBOptions = {}): Uint8Array {
  return accessUnitToAnnexB(sample, options, DELIMITER, isDelimiter);
}

function isDelimiter(firstByte: number): boolean {
  return nalType(firstByte) === NAL_TYPE.accessUnitDelimiter;
}

function lengthSizeOf(byte: number): NalLengthSize {
  const sizes = [1, 2, 3, 4] as const;
  return sizes[byte & 0x03] ?? BUS_LENGTH_SIZE;
}

function takeNals(cursor: ByteCursor, count: number): Uint8Array[] {
  const nals: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const length = cursor.u16();
    if (length === 0) throw new ProtocolError('An empty parameter set', cursor.position);
    nals.push(cursor.take(length));
  }
  return nals;
}

function putNals(writer: ByteWriter, nals: readonly Uint8Array[]): void {
  for (const nal of nals) writer.u16(nal.length).put(nal);
}
