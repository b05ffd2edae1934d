import { EbmlWriter, sizeFieldBytes } from './ebml-writer.ts';
import { MATROSKA_ID, type MatroskaId } from './matroska-ids.ts';
import { writeTrackEntry, type MatroskaTrack } from './matroska-tracks.ts';

/** The head of a file: everything in front of its first cluster. */
export interface MatroskaHead {
  /** `webm` for VP8, VP9, AV1, Opus and Vorbis alone. */
  readonly docType: 'matroska' | 'webm';
  readonly tracks: readonly MatroskaTrack[];
  /** Nanoseconds of the unit that times of blocks are given in. Default: a millisecond. */
  readonly tickNs?: number;
  /** The size to fill up to, so that a head that knows more takes the place of this one. Default: no more than needed. */
  readonly headBytes?: number;
  /** What is known at the end of a recording. Without it the file is in the form of a live stream. */
  readonly closing?: MatroskaClosing;
}

/** What makes a file of a live stream into one that can be sought in. */
export interface MatroskaClosing {
  readonly durationMs: number;
  /** Size of the whole file. */
  readonly fileBytes: number;
  /** Where the `Cues` begin, from the start of the file; undefined when there are none. */
  readonly cuesAt?: number | undefined;
}

/** One frame of a track in a cluster. */
export interface MatroskaBlock {
  readonly track: number;
  /** Presentation time from the file's beginning, in whole ticks: milliseconds unless the head says otherwise. */
  readonly ticks: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

/** A place where decoding can begin. */
export interface MatroskaCue {
  readonly timeMs: number;
  readonly track: number;
  /** Where its cluster begins, from the start of the file. */
  readonly clusterAt: number;
}

/** Longest distance of a block from its cluster's time. @see RFC 9559 section 10.2 */
export const CLUSTER_SPAN_TICKS = 32_767;
/** Highest track number in one byte. */
export const MATROSKA_MAX_TRACKS = 126;

const APPLICATION = 'WCS Core';
const NS_PER_MS = 1_000_000;
const KEY_FRAME = 0x80;
/** Track number of one byte, time of two, flags. */
const BLOCK_HEADER_BYTES = 4;
const SEEK_ENTRY_BYTES = 21;
const POSITION_BYTES = 8;
/** A timestamp of that width with its id and size. */
const CLUSTER_TIME_BYTES = 2 + POSITION_BYTES;

/**
 * Encodes the EBML header, the opening of the segment, its information and its tracks.
 *
 * @throws RangeError when that does not fit in `headBytes`, or for a track number out of range or given twice
 * @see RFC 9559 section 4.5
 */
export function encodeMatroskaHead(head: MatroskaHead): Uint8Array {
  const numbers = new Set(head.tracks.map(({ number }) => number));
  if (numbers.size !== head.tracks.length) throw new RangeError('Two tracks have the same number');
  for (const number of numbers) if (!Number.isInteger(number) || number < 1 || number > MATROSKA_MAX_TRACKS) throw new RangeError(`${number} is no track number`);
  const info = encodeInfo(head.tickNs ?? NS_PER_MS, head.closing?.durationMs);
  const tracks = new EbmlWriter().master(MATROSKA_ID.tracks, (entries) => head.tracks.forEach((track) => writeTrackEntry(entries, track))).bytes.view();
  const writer = writeEbmlHeader(new EbmlWriter(), head.docType);
  const segmentAt = writer.bytes.length + 12;
  writer.open(MATROSKA_ID.segment, head.closing === undefined ? undefined : head.closing.fileBytes - segmentAt);
  const infoAt = seekHeadBytes();
  const cuesAt = head.closing?.cuesAt;
  writeSeekHead(writer, [
    [MATROSKA_ID.info, infoAt],
    [MATROSKA_ID.tracks, infoAt + info.length],
    ...(cuesAt === undefined ? [] : [[MATROSKA_ID.cues, cuesAt - segmentAt] as const]),
  ]);
  writer.bytes.put(info).put(tracks);
  const room = (head.headBytes ?? writer.bytes.length) - writer.bytes.length;
  if (room < 0 || room === 1) throw new RangeError(`The head of ${writer.bytes.length} bytes does not fit in ${head.headBytes ?? 0}`);
  return writer.void(room).bytes.toBytes();
}

/** Where the segment's content begins, from the start of the file: what positions in `Cues` count from. */
export function segmentContentAt(docType: MatroskaHead['docType']): number {
  return writeEbmlHeader(new EbmlWriter(), docType).bytes.length + 12;
}

/**
 * Encodes one cluster of simple blocks as pieces that follow each other: what comes before each frame, and the frame itself,
 * not copied. The cluster's time is that of its earliest block.
 *
 * @throws RangeError when the blocks lie further than `CLUSTER_SPAN_TICKS` apart, or a time is negative or not whole
 * @see RFC 9559 section 5.1.3
 */
export function encodeCluster(blocks: readonly MatroskaBlock[]): Uint8Array[] {
  let startTicks = Infinity;
  let contentBytes = CLUSTER_TIME_BYTES;
  let headBytes = CLUSTER_TIME_BYTES;
  for (const { ticks, data } of blocks) {
    if (!Number.isSafeInteger(ticks) || ticks < 0) throw new RangeError(`${ticks} is no time of a block`);
    startTicks = Math.min(startTicks, ticks);
    const size = BLOCK_HEADER_BYTES + data.length;
    contentBytes += 1 + sizeFieldBytes(size) + size;
    headBytes += 1 + sizeFieldBytes(size) + BLOCK_HEADER_BYTES;
  }
  const heads = Buffer.allocUnsafe(4 + sizeFieldBytes(contentBytes) + headBytes);
  const start = new EbmlWriter(16).uint(MATROSKA_ID.timestamp, blocks.length === 0 ? 0 : startTicks, POSITION_BYTES).bytes.view();
  let at = writeSize(heads, heads.writeUInt32BE(MATROSKA_ID.cluster, 0), contentBytes);
  heads.set(start, at);
  at += start.length;
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const block of blocks) {
    at = writeBlockHead(heads, at, block, startTicks);
    pieces.push(heads.subarray(from, at), block.data);
    from = at;
  }
  if (from < at) pieces.push(heads.subarray(from, at));
  return pieces;
}

/** Encodes the index of the places where decoding can begin, ascending. @see RFC 9559 section 5.1.5 */
export function encodeCues(cues: readonly MatroskaCue[], docType: MatroskaHead['docType']): Uint8Array {
  const origin = segmentContentAt(docType);
  return new EbmlWriter()
    .master(MATROSKA_ID.cues, (list) => {
      for (const { timeMs, track, clusterAt } of cues) {
        list.master(MATROSKA_ID.cuePoint, (point) => {
          point.uint(MATROSKA_ID.cueTime, timeMs);
          point.master(MATROSKA_ID.cueTrackPositions, (places) => void places.uint(MATROSKA_ID.cueTrack, track).uint(MATROSKA_ID.cueClusterPosition, clusterAt - origin));
        });
      }
    })
    .bytes.toBytes();
}

function writeEbmlHeader(writer: EbmlWriter, docType: MatroskaHead['docType']): EbmlWriter {
  return writer.master(MATROSKA_ID.ebml, (header) => {
    header.uint(MATROSKA_ID.ebmlVersion, 1).uint(MATROSKA_ID.ebmlReadVersion, 1);
    header.uint(MATROSKA_ID.ebmlMaxIdLength, 4).uint(MATROSKA_ID.ebmlMaxSizeLength, 8);
    // Version 4 has CodecDelay and SeekPreRoll; a reader of version 2 knows simple blocks and may pass over the rest.
    header.text(MATROSKA_ID.docType, docType).uint(MATROSKA_ID.docTypeVersion, 4).uint(MATROSKA_ID.docTypeReadVersion, 2);
  });
}

function encodeInfo(tickNs: number, durationMs: number | undefined): Uint8Array {
  return new EbmlWriter()
    .master(MATROSKA_ID.info, (info) => {
      info.uint(MATROSKA_ID.timestampScale, tickNs);
      if (durationMs !== undefined) info.float(MATROSKA_ID.duration, (durationMs * NS_PER_MS) / tickNs);
      info.text(MATROSKA_ID.muxingApp, APPLICATION).text(MATROSKA_ID.writingApp, APPLICATION);
    })
    .bytes.view();
}

/** Three entries, or as many with room left for the third. */
function seekHeadBytes(): number {
  return 4 + 1 + 3 * SEEK_ENTRY_BYTES;
}

/** @param entries of positions from the start of the segment's content */
function writeSeekHead(writer: EbmlWriter, entries: readonly (readonly [id: MatroskaId, position: number])[]): void {
  writer.master(MATROSKA_ID.seekHead, (list) => {
    for (const [id, position] of entries) {
      list.master(MATROSKA_ID.seek, (seek) => void seek.uint(MATROSKA_ID.seekId, id, 4).uint(MATROSKA_ID.seekPosition, position, POSITION_BYTES));
    }
    list.void((3 - entries.length) * SEEK_ENTRY_BYTES);
  });
}

function writeSize(out: Buffer, at: number, size: number): number {
  const width = sizeFieldBytes(size);
  for (let byte = 0; byte < width; byte++) out[at + byte] = Math.floor(size / 2 ** (8 * (width - 1 - byte))) % 0x100;
  out[at] = (out[at] ?? 0) | (0x80 >> (width - 1));
  return at + width;
}

function writeBlockHead(out: Buffer, start: number, block: MatroskaBlock, clusterTicks: number): number {
  const { track, ticks, key, data } = block;
  if (ticks - clusterTicks > CLUSTER_SPAN_TICKS) throw new RangeError(`A block lies ${ticks - clusterTicks} ticks behind its cluster's time`);
  let at = out.writeUInt8(MATROSKA_ID.simpleBlock, start);
  at = writeSize(out, at, BLOCK_HEADER_BYTES + data.length);
  at = out.writeUInt8(0x80 | track, at);
  at = out.writeInt16BE(ticks - clusterTicks, at);
  return out.writeUInt8(key ? KEY_FRAME : 0, at);
}
