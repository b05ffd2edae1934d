import { ProtocolError } from '../errors/wcs-error.ts';
import { BitReader } from './bit-reader.ts';
import { ByteCursor } from './byte-reader.ts';

/**
 * The VPCodecConfigurationRecord: the body of a vpcC box after its version and flags.
 * @see VP Codec ISO Media File Format Binding version 1.0, "VP Codec Configuration Box"
 */
export interface VpConfig {
  readonly profile: number;
  /** Ten times the level: 31 is level 3.1. */
  readonly level: number;
  readonly bitDepth: number;
  /** 0 4:2:0 vertical, 1 4:2:0 collocated, 2 4:2:2, 3 4:4:4. */
  readonly chromaSubsampling: number;
  readonly fullRange: boolean;
  readonly colourPrimaries: number;
  readonly transferCharacteristics: number;
  readonly matrixCoefficients: number;
}

/** What a VP9 key frame says of itself. @see VP9 Bitstream Specification section 6.2 */
export interface Vp9KeyFrame {
  readonly profile: number;
  readonly bitDepth: number;
  readonly chromaSubsampling: number;
  readonly fullRange: boolean;
  readonly width: number;
  readonly height: number;
}

const SYNC_CODE = 0x498342;
const COLOUR_SPACE_RGB = 7;
const UNSPECIFIED = 2;
/** Level, luma samples a second, luma samples a picture. @see VP9 Bitstream Specification annex A */
const LEVELS: readonly (readonly [level: number, rate: number, size: number])[] = [
  [10, 829440, 36864],
  [11, 2764800, 73728],
  [20, 4608000, 122880],
  [21, 9216000, 245760],
  [30, 20736000, 552960],
  [31, 36864000, 983040],
  [40, 83558400, 2228224],
  [41, 160432128, 2228224],
  [50, 311951360, 8912896],
  [51, 588251136, 8912896],
  [52, 1176502272, 8912896],
  [60, 1176502272, 35651584],
  [61, 2353004544, 35651584],
];
const HIGHEST_LEVEL = 62;

/** Reads a VPCodecConfigurationRecord. */
export function parseVpConfig(record: Uint8Array): VpConfig {
  const cursor = new ByteCursor(record);
  const profile = cursor.u8();
  const level = cursor.u8();
  const depth = cursor.u8();
  const config = {
    profile,
    level,
    bitDepth: depth >> 4,
    chromaSubsampling: (depth >> 1) & 7,
    fullRange: (depth & 1) === 1,
    colourPrimaries: cursor.u8(),
    transferCharacteristics: cursor.u8(),
    matrixCoefficients: cursor.u8(),
  };
  cursor.skip(cursor.u16());
  return config;
}

/** Writes a VPCodecConfigurationRecord (8 bytes; VP8 and VP9 have no initialisation data). */
export function encodeVpConfig(config: VpConfig): Uint8Array {
  const depth = (config.bitDepth << 4) | (config.chromaSubsampling << 1) | (config.fullRange ? 1 : 0);
  const { colourPrimaries, transferCharacteristics, matrixCoefficients } = config;
  return Uint8Array.of(config.profile, config.level, depth, colourPrimaries, transferCharacteristics, matrixCoefficients, 0, 0);
}

/** The configuration of a key frame; the level is the lowest that allows its size at `frameRate`. */
export function vpConfigOf(frame: Vp9KeyFrame, frameRate = 30): VpConfig {
  const size = frame.width * frame.height;
  const level = LEVELS.find(([, maxRate, maxSize]) => size <= maxSize && size * frameRate <= maxRate)?.[0] ?? HIGHEST_LEVEL;
  const { profile, bitDepth, chromaSubsampling, fullRange } = frame;
  const colour = { colourPrimaries: UNSPECIFIED, transferCharacteristics: UNSPECIFIED, matrixCoefficients: UNSPECIFIED };
  return { profile, level, bitDepth, chromaSubsampling, fullRange, ...colour };
}

/** The `codecs` parameter, such as `vp09.00.31.08`. @see VP Codec ISO Media File Format Binding, "Codecs Parameter String" */
export function codecString(config: Pick<VpConfig, 'profile' | 'level' | 'bitDepth'>): string {
  return `vp09.${twoDigits(config.profile)}.${twoDigits(config.level)}.${twoDigits(config.bitDepth)}`;
}

/** Whether a frame (or superframe) begins with a key frame; allocates nothing. */
export function isKeySample(sample: Uint8Array): boolean {
  const first = sample[0];
  if (first === undefined || first >> 6 !== 2) return false;
  // Profile 3 has a reserved bit, which moves show_existing_frame and frame_type by one.
  const shift = (first & 0x30) === 0x30 ? 1 : 0;
  return ((first << shift) & 0x0c) === 0;
}

/** Reads the uncompressed header of a key frame; an inter frame throws a `ProtocolError`, as it has no size. */
export function parseVp9KeyFrame(sample: Uint8Array): Vp9KeyFrame {
  if (!isKeySample(sample)) throw new ProtocolError('Not a VP9 key frame', 0);
  const reader = new BitReader(sample);
  reader.skip(2);
  const profile = reader.bits(1) + 2 * reader.bits(1);
  if (profile === 3) reader.skip(1);
  reader.skip(4);
  if (reader.bits(24) !== SYNC_CODE) throw new ProtocolError('A VP9 key frame without its sync code', 1);
  const bitDepth = profile < 2 ? 8 : reader.flag() ? 12 : 10;
  const colour = parseColour(reader, profile);
  return { profile, bitDepth, ...colour, width: reader.bits(16) + 1, height: reader.bits(16) + 1 };
}

function parseColour(reader: BitReader, profile: number): { readonly chromaSubsampling: number; readonly fullRange: boolean } {
  const oddProfile = profile % 2 === 1;
  if (reader.bits(3) === COLOUR_SPACE_RGB) {
    if (!oddProfile) throw new ProtocolError(`VP9 profile ${profile} has no RGB`);
    reader.skip(1);
    return { chromaSubsampling: 3, fullRange: true };
  }
  const fullRange = reader.flag();
  if (!oddProfile) return { chromaSubsampling: 1, fullRange };
  const subsampledX = reader.flag();
  reader.skip(2);
  return { chromaSubsampling: subsampledX ? 2 : 3, fullRange };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
