import { ProtocolError } from '../errors/wcs-error.ts';
import { BitReader, removeEmulationPrevention } from './bit-reader.ts';

/** The general part of profile_tier_level. @see ITU-T H.265 section 7.3.3 */
export interface HevcProfile {
  readonly profileSpace: number;
  readonly highTier: boolean;
  readonly profileIdc: number;
  /** 32 flags, general_profile_compatibility_flag[0] in the highest bit. */
  readonly compatibilityFlags: number;
  /** The 48 bits from general_progressive_source_flag on, as 6 bytes. */
  readonly constraintFlags: Uint8Array;
  /** Thirty times the level: 93 is level 3.1. */
  readonly levelIdc: number;
}

/** What a sequence parameter set says about the picture. @see ITU-T H.265 section 7.3.2.2 */
export interface HevcSps {
  readonly profile: HevcProfile;
  readonly temporalLayers: number;
  readonly temporalIdNested: boolean;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Pixels inside the conformance window. */
  readonly width: number;
  /** Pixels inside the conformance window. */
  readonly height: number;
  /** How many pictures of the highest temporal layer may go before another in decoding order and after it in output order. */
  readonly maxNumReorderPictures: number;
}

const NAL_TYPE_SPS = 33;
const MAX_SIDE = 16888;
const MAX_BIT_DEPTH_MINUS_8 = 8;
const MAX_DPB_PICTURES = 16;
const SUB_LAYER_PROFILE_BITS = 88;
const SUB_LAYER_LEVEL_BITS = 8;

/** Reads a sequence parameter set (a whole NAL unit with its two header bytes). */
export function parseSps(nal: Uint8Array): HevcSps {
  const reader = new BitReader(removeEmulationPrevention(nal));
  if (((reader.bits(16) >> 9) & 0x3f) !== NAL_TYPE_SPS) throw new ProtocolError('Not a sequence parameter set', 0);
  reader.skip(4);
  const maxSubLayersMinus1 = reader.bits(3);
  if (maxSubLayersMinus1 > 6) throw new ProtocolError('More than 7 temporal layers', 2);
  const temporalIdNested = reader.flag();
  const profile = parseProfile(reader);
  skipSubLayers(reader, maxSubLayersMinus1);
  reader.ue(15);
  const chromaFormatIdc = reader.ue(3);
  const separatePlanes = chromaFormatIdc === 3 && reader.flag();
  const size = parseSize(reader, separatePlanes ? 0 : chromaFormatIdc);
  const bitDepthLuma = 8 + reader.ue(MAX_BIT_DEPTH_MINUS_8);
  const bitDepthChroma = 8 + reader.ue(MAX_BIT_DEPTH_MINUS_8);
  reader.ue(12);
  const maxNumReorderPictures = parseOrdering(reader, maxSubLayersMinus1);
  return {
    profile,
    temporalLayers: maxSubLayersMinus1 + 1,
    temporalIdNested,
    chromaFormatIdc,
    bitDepthLuma,
    bitDepthChroma,
    ...size,
    maxNumReorderPictures,
  };
}

function parseProfile(reader: BitReader): HevcProfile {
  const profileSpace = reader.bits(2);
  const highTier = reader.flag();
  const profileIdc = reader.bits(5);
  const compatibilityFlags = reader.bits(32);
  const constraintFlags = Uint8Array.from({ length: 6 }, () => reader.bits(8));
  return { profileSpace, highTier, profileIdc, compatibilityFlags, constraintFlags, levelIdc: reader.bits(8) };
}

function skipSubLayers(reader: BitReader, maxSubLayersMinus1: number): void {
  if (maxSubLayersMinus1 === 0) return;
  let bits = 0;
  for (let layer = 0; layer < 8; layer++) {
    const present = reader.bits(2);
    if (layer >= maxSubLayersMinus1) continue;
    bits += ((present & 2) !== 0 ? SUB_LAYER_PROFILE_BITS : 0) + ((present & 1) !== 0 ? SUB_LAYER_LEVEL_BITS : 0);
  }
  reader.skip(bits);
}

function parseSize(reader: BitReader, chromaArrayType: number): { readonly width: number; readonly height: number } {
  let width = reader.ue(MAX_SIDE);
  let height = reader.ue(MAX_SIDE);
  if (reader.flag()) {
    width -= (chromaArrayType === 1 || chromaArrayType === 2 ? 2 : 1) * (reader.ue() + reader.ue());
    height -= (chromaArrayType === 1 ? 2 : 1) * (reader.ue() + reader.ue());
  }
  if (width <= 0 || height <= 0) throw new ProtocolError('The conformance window of a parameter set leaves no picture');
  return { width, height };
}

function parseOrdering(reader: BitReader, maxSubLayersMinus1: number): number {
  let reorder = 0;
  for (let layer = reader.flag() ? 0 : maxSubLayersMinus1; layer <= maxSubLayersMinus1; layer++) {
    reader.ue(MAX_DPB_PICTURES);
    reorder = reader.ue(MAX_DPB_PICTURES);
    reader.ue();
  }
  return reorder;
}
