import { ProtocolError } from '../errors/wcs-error.ts';
import { readExactly, type ByteSource, type ByteWindow } from './byte-source.ts';
import { limit } from './media-file.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { childElements, contentOf, ELEMENT_HEAD_BYTES, floatOf, parseElementHead, textOf, uintOf, unsigned, type ElementHead } from './matroska-reader-ebml.ts';
import { parseTrackEntry, type MatroskaTrack } from './matroska-reader-tracks.ts';

/** What a file tells before its first cluster. */
export interface MatroskaHead {
  readonly tracks: readonly MatroskaTrack[];
  /** Microseconds of a tick. */
  readonly tickUs: number;
  readonly durationUs: number | undefined;
  /** Byte at which the segment's content begins, which positions in it count from. */
  readonly segmentStart: number;
  readonly firstCluster: number;
  /** Byte at which the cues are said to lie. */
  readonly cuesPosition: number | undefined;
}

/** Where decoding can begin. */
export interface Cue {
  readonly timeUs: number;
  /** Byte at which the cluster begins. */
  readonly position: number;
}

const MAX_EBML_BYTES = 4096;
/** Bytes of SeekHead, Info and Tracks, each, and of the cues, at most. */
const MAX_HEAD_ELEMENT_BYTES = 4 * 1024 * 1024;
const MAX_CUES_BYTES = 16 * 1024 * 1024;
/** Elements before the first cluster, at most. */
const MAX_HEAD_ELEMENTS = 1000;
const DEFAULT_TICK_NS = 1_000_000;
const DOC_TYPES: ReadonlySet<string> = new Set(['matroska', 'webm']);

/** Reads everything up to the first cluster. @throws ProtocolError */
export async function readHead(source: ByteSource, window: ByteWindow): Promise<MatroskaHead> {
  const ebml = await headAt(window, 0);
  if (ebml.id !== MATROSKA_ID.ebml || ebml.bytes === undefined) throw new ProtocolError('No EBML header', 0);
  limit(ebml.bytes, MAX_EBML_BYTES, 'bytes of EBML header');
  const docType = textOf(childElements(await window.take(ebml.headBytes, ebml.bytes)), MATROSKA_ID.docType);
  if (!DOC_TYPES.has(docType)) throw new ProtocolError(`A document of type ${JSON.stringify(docType)}`, 0);
  const segmentAt = ebml.headBytes + ebml.bytes;
  const segment = await headAt(window, segmentAt);
  if (segment.id !== MATROSKA_ID.segment) throw new ProtocolError('No segment', segmentAt);
  const segmentStart = segmentAt + segment.headBytes;
  const parts = new Map<number, Uint8Array>();
  let cuesPosition: number | undefined;
  let position = segmentStart;
  for (let elements = 0; elements < MAX_HEAD_ELEMENTS && position < source.size; elements += 1) {
    const { id, headBytes, bytes } = await headAt(window, position);
    if (id === MATROSKA_ID.cluster) {
      cuesPosition ??= cuesOf(parts.get(MATROSKA_ID.seekHead), segmentStart);
      return { ...describe(parts), segmentStart, firstCluster: position, cuesPosition };
    }
    if (bytes === undefined) throw new ProtocolError('An element of unknown size that is no cluster', position);
    if (id === MATROSKA_ID.cues) cuesPosition = position;
    else if (HEAD_PARTS.has(id) && !parts.has(id)) {
      limit(bytes, MAX_HEAD_ELEMENT_BYTES, 'bytes in its head');
      parts.set(id, await readExactly(source, position + headBytes, bytes));
    }
    position += headBytes + bytes;
  }
  throw new ProtocolError('The file has no cluster', position);
}

const HEAD_PARTS: ReadonlySet<number> = new Set([MATROSKA_ID.seekHead, MATROSKA_ID.info, MATROSKA_ID.tracks]);

/** The head of the element at a position. */
export async function headAt(window: ByteWindow, position: number): Promise<ElementHead> {
  return parseElementHead(await window.peek(position, ELEMENT_HEAD_BYTES), position);
}

/** The cues of one track by time; none where they are broken, since one can do without. */
export async function readCues(source: ByteSource, head: MatroskaHead, track: MatroskaTrack): Promise<readonly Cue[]> {
  const { cuesPosition, segmentStart, tickUs } = head;
  if (cuesPosition === undefined || cuesPosition >= source.size) return [];
  try {
    const { id, headBytes, bytes } = parseElementHead(await source.read(cuesPosition, ELEMENT_HEAD_BYTES), cuesPosition);
    if (id !== MATROSKA_ID.cues || bytes === undefined || bytes > MAX_CUES_BYTES) return [];
    const points = childElements(await readExactly(source, cuesPosition + headBytes, bytes));
    const cues = points.flatMap(({ id: pointId, content }) => (pointId === MATROSKA_ID.cuePoint ? parsePoint(content, track.number) : []));
    return cues
      .map(({ ticks, position }) => ({ timeUs: Math.round(ticks * tickUs), position: segmentStart + position }))
      .filter(({ position }) => position >= head.firstCluster && position < source.size)
      .sort((a, b) => a.timeUs - b.timeUs);
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}

function parsePoint(content: Uint8Array, trackNumber: number): { readonly ticks: number; readonly position: number }[] {
  const elements = childElements(content);
  const ticks = uintOf(elements, MATROSKA_ID.cueTime, 0);
  return elements.flatMap(({ id, content: positions }) => {
    if (id !== MATROSKA_ID.cueTrackPositions) return [];
    const facts = childElements(positions);
    const cluster = contentOf(facts, MATROSKA_ID.cueClusterPosition);
    if (uintOf(facts, MATROSKA_ID.cueTrack, 0) !== trackNumber || cluster === undefined) return [];
    return [{ ticks, position: unsigned(cluster) }];
  });
}

function describe(parts: ReadonlyMap<number, Uint8Array>): Pick<MatroskaHead, 'tracks' | 'tickUs' | 'durationUs'> {
  const info = childElements(parts.get(MATROSKA_ID.info) ?? new Uint8Array(0));
  const tickNs = uintOf(info, MATROSKA_ID.timestampScale, DEFAULT_TICK_NS);
  if (tickNs === 0) throw new ProtocolError('A segment whose clock stands still');
  const tickUs = tickNs / 1000;
  const duration = floatOf(info, MATROSKA_ID.duration);
  const tracks = parts.get(MATROSKA_ID.tracks);
  if (tracks === undefined) throw new ProtocolError('A segment without tracks before its first cluster');
  return {
    tickUs,
    durationUs: duration === undefined || duration <= 0 ? undefined : Math.round(duration * tickUs),
    tracks: childElements(tracks).flatMap(({ id, content }) => (id === MATROSKA_ID.trackEntry ? (parseTrackEntry(content) ?? []) : [])),
  };
}

function cuesOf(seekHead: Uint8Array | undefined, segmentStart: number): number | undefined {
  for (const { id, content } of childElements(seekHead ?? new Uint8Array(0))) {
    if (id !== MATROSKA_ID.seek) continue;
    const seek = childElements(content);
    if (unsigned(contentOf(seek, MATROSKA_ID.seekId) ?? new Uint8Array(0)) === MATROSKA_ID.cues) return segmentStart + uintOf(seek, MATROSKA_ID.seekPosition, 0);
  }
  return undefined;
}
