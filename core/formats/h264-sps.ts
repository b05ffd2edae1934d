import { ProtocolError } from '../errors/wcs-error.ts';
import { BitReader, removeEmulationPrevention } from './bit-reader.ts';

/** What a sequence parameter set says about the picture. @see ITU-T H.264 section 7.3.2.1.1 */
export interface H264Sps {
  readonly profileIdc: number;
  /** The byte of constraint_set flags. */
  readonly profileCompatibility: number;
  /** Ten times the level: 31 is level 3.1. */
  readonly levelIdc: number;
  /** 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Pixels after cropping. */
  readonly width: number;
  /** Pixels after cropping. */
  readonly height: number;
  /** Frames a second, if the VUI has timing. */
  readonly frameRate?: number;
  /** How many frames may go before another in decoding order and after it in output order, if the VUI says so. */
  readonly maxNumReorderFrames?: number;
  /** False when the stream surely has no B frames that are shown out of decoding order. */
  readonly mayReorder: boolean;
}

const MAX_MACROBLOCKS_A_SIDE = 1024;
const MAX_BIT_DEPTH_MINUS_8 = 6;
const MAX_REF_FRAMES_IN_CYCLE = 255;
const MAX_CPB_COUNT_MINUS_1 = 31;
const MAX_DPB_FRAMES = 16;
const BASELINE = 66;
const EXTENDED_SAR = 255;
const NAL_TYPE_SPS = 7;
/** Profiles whose parameter set has the chroma format. */
const HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

interface Chroma {
  readonly formatIdc: number;
  readonly separatePlanes: boolean;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
}

interface Vui {
  readonly frameRate?: number;
  readonly maxNumReorderFrames?: number;
}

/** Reads a sequence parameter set (a whole NAL unit with its header byte). */
export function parseSps(nal: Uint8Array): H264Sps {
  const reader = new BitReader(removeEmulationPrevention(nal));
  if ((reader.bits(8) & 0x1f) !== NAL_TYPE_SPS) throw new ProtocolError('Not a sequence parameter set', 0);
  const profileIdc = reader.bits(8);
  const profileCompatibility = reader.bits(8);
  const levelIdc = reader.bits(8);
  reader.ue(31);
  const chroma = parseChroma(reader, profileIdc);
  reader.ue(12);
  const pocType = skipPictureOrder(reader);
  reader.ue(MAX_DPB_FRAMES);
  reader.skip(1);
  const size = parseSize(reader, chroma);
  const vui = reader.flag() ? parseVui(reader) : {};
  const mayReorder = vui.maxNumReorderFrames === undefined ? profileIdc !== BASELINE && pocType !== 2 : vui.maxNumReorderFrames > 0;
  return {
    profileIdc,
    profileCompatibility,
    levelIdc,
    chromaFormatIdc: chroma.formatIdc,
    bitDepthLuma: chroma.bitDepthLuma,
    bitDepthChroma: chroma.bitDepthChroma,
    ...size,
    ...vui,
    mayReorder,
  };
}

function parseChroma(reader: BitReader, profileIdc: number): Chroma {
  if (!HIGH_PROFILES.has(profileIdc)) return { formatIdc: 1, separatePlanes: false, bitDepthLuma: 8, bitDepthChroma: 8 };
  const formatIdc = reader.ue(3);
  const separatePlanes = formatIdc === 3 && reader.flag();
  const bitDepthLuma = 8 + reader.ue(MAX_BIT_DEPTH_MINUS_8);
  const bitDepthChroma = 8 + reader.ue(MAX_BIT_DEPTH_MINUS_8);
  reader.skip(1);
  if (reader.flag()) {
    const lists = formatIdc === 3 ? 12 : 8;
    for (let i = 0; i < lists; i++) if (reader.flag()) skipScalingList(reader, i < 6 ? 16 : 64);
  }
  return { formatIdc, separatePlanes, bitDepthLuma, bitDepthChroma };
}

/** A list ends early where its next scale becomes 0. @see ITU-T H.264 section 7.3.2.1.1.1 */
function skipScalingList(reader: BitReader, size: number): void {
  let scale = 8;
  for (let i = 0; i < size && scale !== 0; i++) scale = (((scale + reader.se()) % 256) + 256) % 256;
}

function skipPictureOrder(reader: BitReader): number {
  const pocType = reader.ue(2);
  if (pocType === 0) reader.ue(12);
  if (pocType === 1) {
    reader.skip(1);
    reader.se();
    reader.se();
    const count = reader.ue(MAX_REF_FRAMES_IN_CYCLE);
    for (let i = 0; i < count; i++) reader.se();
  }
  return pocType;
}

function parseSize(reader: BitReader, chroma: Chroma): { readonly width: number; readonly height: number } {
  const widthMbs = reader.ue(MAX_MACROBLOCKS_A_SIDE - 1) + 1;
  const heightMapUnits = reader.ue(MAX_MACROBLOCKS_A_SIDE - 1) + 1;
  const frameMbsOnly = reader.flag();
  if (!frameMbsOnly) reader.skip(1);
  reader.skip(1);
  const fields = frameMbsOnly ? 1 : 2;
  const subsampled = !chroma.separatePlanes && (chroma.formatIdc === 1 || chroma.formatIdc === 2);
  const cropX = subsampled ? 2 : 1;
  const cropY = (subsampled && chroma.formatIdc === 1 ? 2 : 1) * fields;
  let width = 16 * widthMbs;
  let height = 16 * heightMapUnits * fields;
  if (reader.flag()) {
    width -= cropX * (reader.ue() + reader.ue());
    height -= cropY * (reader.ue() + reader.ue());
  }
  if (width <= 0 || height <= 0) throw new ProtocolError('The cropping of a parameter set leaves no picture');
  return { width, height };
}

/** @see ITU-T H.264 section E.1.1 */
function parseVui(reader: BitReader): Vui {
  if (reader.flag() && reader.bits(8) === EXTENDED_SAR) reader.skip(32);
  if (reader.flag()) reader.skip(1);
  if (reader.flag()) {
    reader.skip(4);
    if (reader.flag()) reader.skip(24);
  }
  if (reader.flag()) {
    reader.ue();
    reader.ue();
  }
  const frameRate = reader.flag() ? parseTiming(reader) : undefined;
  const nalHrd = reader.flag();
  if (nalHrd) skipHrd(reader);
  const vclHrd = reader.flag();
  if (vclHrd) skipHrd(reader);
  if (nalHrd || vclHrd) reader.skip(1);
  reader.skip(1);
  const maxNumReorderFrames = reader.flag() ? parseReorder(reader) : undefined;
  return { ...(frameRate === undefined ? {} : { frameRate }), ...(maxNumReorderFrames === undefined ? {} : { maxNumReorderFrames }) };
}

function parseTiming(reader: BitReader): number | undefined {
  const unitsInTick = reader.bits(32);
  const timeScale = reader.bits(32);
  reader.skip(1);
  return unitsInTick > 0 && timeScale > 0 ? timeScale / (2 * unitsInTick) : undefined;
}

function parseReorder(reader: BitReader): number {
  reader.skip(1);
  for (let i = 0; i < 4; i++) reader.ue();
  return reader.ue(MAX_DPB_FRAMES);
}

/** @see ITU-T H.264 section E.1.2 */
function skipHrd(reader: BitReader): void {
  const count = reader.ue(MAX_CPB_COUNT_MINUS_1) + 1;
  reader.skip(8);
  for (let i = 0; i < count; i++) {
    reader.ue();
    reader.ue();
    reader.skip(1);
  }
  reader.skip(20);
}
