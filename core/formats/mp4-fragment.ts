import { BOX_HEADER_BYTES } from './mp4-boxes.ts';

/** One access unit of a fragment; times are in ticks of its track's timescale. */
export interface Mp4Sample {
  /** The bytes, whole or as pieces that follow each other (a length prefix and a NAL unit, say). */
  readonly data: Uint8Array | readonly Uint8Array[];
  /** Time to the next sample of the track in decoding order. */
  readonly duration: number;
  /** Presentation minus decoding time; may be negative. */
  readonly compositionOffset: number;
  /** Whether decoding can begin here. */
  readonly isSync: boolean;
}

/** The samples of one track in a fragment, in decoding order. */
export interface Mp4FragmentTrack {
  readonly id: number;
  /** Decoding time of the first sample in ticks, a whole number up to 2^53 - 1. */
  readonly baseDecodeTime: number;
  readonly samples: readonly Mp4Sample[];
}

/** One `moof` and its `mdat`. */
export interface Mp4Fragment {
  /** Grows by one with each fragment, from 1. */
  readonly sequenceNumber: number;
  readonly tracks: readonly Mp4FragmentTrack[];
  /** Puts a `styp` in front: `cmfs` at the beginning of a segment, `cmff` of a fragment, `cmfl` of a chunk (an LL-HLS part). */
  readonly segmentBrand?: 'cmfs' | 'cmff' | 'cmfl';
}

/** What the `tfhd` of a track says once for all of its samples, or leaves to the `trun`; sizes in bytes. */
interface TrackLayout {
  readonly track: Mp4FragmentTrack;
  readonly first: Mp4Sample;
  readonly oneDuration: boolean;
  readonly oneFlags: boolean;
  readonly hasOffsets: boolean;
  readonly tfhdBytes: number;
  readonly trunBytes: number;
  readonly mediaBytes: number;
}

const U32 = 0x1_0000_0000;
const FULL_BOX_HEADER_BYTES = 12;
const STYP_BYTES = 28;
const MFHD_BYTES = 16;
const TFDT_BYTES = 20;

const TFHD_DEFAULT_DURATION = 0x08;
const TFHD_DEFAULT_FLAGS = 0x20;
const TFHD_DEFAULT_BASE_IS_MOOF = 0x2_0000;
const TRUN_DATA_OFFSET = 0x01;
const TRUN_DURATION = 0x100;
const TRUN_SIZE = 0x200;
const TRUN_FLAGS = 0x400;
const TRUN_COMPOSITION_OFFSET = 0x800;
/** Depends on no other sample. */
const SYNC_SAMPLE_FLAGS = 0x0200_0000;
/** Depends on others, and is no sync sample. */
const NON_SYNC_SAMPLE_FLAGS = 0x0101_0000;

/**
 * Encodes `moof` and `mdat` (with a `styp` before them if asked) into one buffer: one allocation, each sample copied once.
 * Tracks without samples are left out.
 *
 * @throws RangeError for a number that does not fit its field, as a duration of 2^32 ticks or media of 4 GiB
 * @see ISO/IEC 14496-12 section 8.8
 */
export function encodeFragment(fragment: Mp4Fragment): Buffer {
  const layouts = fragment.tracks.flatMap(layOut);
  const mediaBytes = layouts.reduce((sum, layout) => sum + layout.mediaBytes, 0);
  const { out, end } = encodeHead(fragment, layouts, mediaBytes, mediaBytes);
  let at = end;
  for (const { track } of layouts) at = copySamples(out, at, track.samples);
  return out;
}

/**
 * The same bytes as those of `encodeFragment`, as pieces that follow each other: the boxes up to the media, then the samples
 * themselves, not copied, for who writes to a file and not to many peers.
 */
export function encodeFragmentPieces(fragment: Mp4Fragment): Uint8Array[] {
  const layouts = fragment.tracks.flatMap(layOut);
  const mediaBytes = layouts.reduce((sum, layout) => sum + layout.mediaBytes, 0);
  const pieces: Uint8Array[] = [encodeHead(fragment, layouts, mediaBytes, 0).out];
  for (const { track } of layouts) {
    for (const { data } of track.samples) {
      if (data instanceof Uint8Array) pieces.push(data);
      else pieces.push(...data);
    }
  }
  return pieces;
}

/** All up to the first sample, in a buffer with `roomBytes` behind it. */
function encodeHead(fragment: Mp4Fragment, layouts: readonly TrackLayout[], mediaBytes: number, roomBytes: number): { readonly out: Buffer; readonly end: number } {
  let moofBytes = BOX_HEADER_BYTES + MFHD_BYTES;
  for (const layout of layouts) moofBytes += trafBytes(layout);
  const moofStart = fragment.segmentBrand === undefined ? 0 : STYP_BYTES;
  const out = Buffer.allocUnsafe(moofStart + moofBytes + BOX_HEADER_BYTES + roomBytes);

  if (fragment.segmentBrand !== undefined) writeSegmentType(out, fragment.segmentBrand);
  let at = writeHeader(out, moofStart, moofBytes, 'moof');
  at = writeFullHeader(out, at, MFHD_BYTES, 'mfhd', 0);
  at = out.writeUInt32BE(fragment.sequenceNumber, at);
  let dataOffset = moofBytes + BOX_HEADER_BYTES;
  for (const layout of layouts) {
    at = writeTrackFragment(out, at, layout, dataOffset);
    dataOffset += layout.mediaBytes;
  }
  return { out, end: writeHeader(out, at, BOX_HEADER_BYTES + mediaBytes, 'mdat') };
}

function layOut(track: Mp4FragmentTrack): TrackLayout[] {
  const first = track.samples[0];
  if (first === undefined) return [];
  let [oneDuration, oneFlags, hasOffsets, mediaBytes] = [true, true, false, 0];
  for (const sample of track.samples) {
    checkWholeTicks(sample);
    oneDuration &&= sample.duration === first.duration;
    oneFlags &&= sample.isSync === first.isSync;
    hasOffsets ||= sample.compositionOffset !== 0;
    mediaBytes += sampleBytes(sample.data);
  }
  const entryBytes = 4 + (oneDuration ? 0 : 4) + (oneFlags ? 0 : 4) + (hasOffsets ? 4 : 0);
  return [
    {
      track,
      first,
      oneDuration,
      oneFlags,
      hasOffsets,
      tfhdBytes: FULL_BOX_HEADER_BYTES + 4 + (oneDuration ? 4 : 0) + (oneFlags ? 4 : 0),
      trunBytes: FULL_BOX_HEADER_BYTES + 8 + entryBytes * track.samples.length,
      mediaBytes,
    },
  ];
}

/** The writes below check ranges but cut fractions off, and a cut duration is a clock that drifts. */
function checkWholeTicks({ duration, compositionOffset }: Mp4Sample): void {
  if (!Number.isInteger(duration) || !Number.isInteger(compositionOffset)) {
    throw new RangeError(`Duration ${duration} and composition offset ${compositionOffset} must be whole ticks`);
  }
}

function trafBytes(layout: TrackLayout): number {
  return BOX_HEADER_BYTES + layout.tfhdBytes + TFDT_BYTES + layout.trunBytes;
}

function sampleBytes(data: Mp4Sample['data']): number {
  if (data instanceof Uint8Array) return data.length;
  let total = 0;
  for (const piece of data) total += piece.length;
  return total;
}

function sampleFlags(sample: Mp4Sample): number {
  return sample.isSync ? SYNC_SAMPLE_FLAGS : NON_SYNC_SAMPLE_FLAGS;
}

function writeHeader(out: Buffer, at: number, size: number, type: string): number {
  out.writeUInt32BE(size, at);
  out.write(type, at + 4, 'latin1');
  return at + BOX_HEADER_BYTES;
}

function writeFullHeader(out: Buffer, at: number, size: number, type: string, versionAndFlags: number): number {
  writeHeader(out, at, size, type);
  return out.writeUInt32BE(versionAndFlags, at + BOX_HEADER_BYTES);
}

/** @see ISO/IEC 14496-12 section 8.16.2, ISO/IEC 23000-19 section 7.2 */
function writeSegmentType(out: Buffer, brand: string): void {
  const at = writeHeader(out, 0, STYP_BYTES, 'styp');
  out.write(brand, at, 'latin1');
  out.writeUInt32BE(0, at + 4);
  out.write(`${brand}iso6msdh`, at + 8, 'latin1');
}

function writeTrackFragment(out: Buffer, start: number, layout: TrackLayout, dataOffset: number): number {
  const { track, first, oneDuration, oneFlags, hasOffsets } = layout;
  let at = writeHeader(out, start, trafBytes(layout), 'traf');

  const defaults = (oneDuration ? TFHD_DEFAULT_DURATION : 0) | (oneFlags ? TFHD_DEFAULT_FLAGS : 0);
  at = writeFullHeader(out, at, layout.tfhdBytes, 'tfhd', TFHD_DEFAULT_BASE_IS_MOOF | defaults);
  at = out.writeUInt32BE(track.id, at);
  if (oneDuration) at = out.writeUInt32BE(first.duration, at);
  if (oneFlags) at = out.writeUInt32BE(sampleFlags(first), at);

  at = writeFullHeader(out, at, TFDT_BYTES, 'tfdt', 0x0100_0000);
  if (!Number.isSafeInteger(track.baseDecodeTime)) throw new RangeError(`${track.baseDecodeTime} is no exact time`);
  at = out.writeUInt32BE(Math.floor(track.baseDecodeTime / U32), at);
  at = out.writeUInt32BE(track.baseDecodeTime % U32, at);

  const perSample = (oneDuration ? 0 : TRUN_DURATION) | (oneFlags ? 0 : TRUN_FLAGS) | (hasOffsets ? TRUN_COMPOSITION_OFFSET : 0);
  at = writeFullHeader(out, at, layout.trunBytes, 'trun', 0x0100_0000 | TRUN_DATA_OFFSET | TRUN_SIZE | perSample);
  at = out.writeUInt32BE(track.samples.length, at);
  at = out.writeInt32BE(dataOffset, at);
  for (const sample of track.samples) {
    if (!oneDuration) at = out.writeUInt32BE(sample.duration, at);
    at = out.writeUInt32BE(sampleBytes(sample.data), at);
    if (!oneFlags) at = out.writeUInt32BE(sampleFlags(sample), at);
    if (hasOffsets) at = out.writeInt32BE(sample.compositionOffset, at);
  }
  return at;
}

function copySamples(out: Buffer, start: number, samples: readonly Mp4Sample[]): number {
  let at = start;
  for (const { data } of samples) {
    if (data instanceof Uint8Array) {
      out.set(data, at);
      at += data.length;
      continue;
    }
    for (const piece of data) {
      out.set(piece, at);
      at += piece.length;
    }
  }
  return at;
}
