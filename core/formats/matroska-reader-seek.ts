import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteWindow, type ByteSource } from './byte-source.ts';
import { limit, MAX_SAMPLE_BYTES, timeOf } from './media-file.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { BLOCK_HEAD_BYTES, parseBlockHead } from './matroska-reader-blocks.ts';
import { childElements, contentOf, unsigned } from './matroska-reader-ebml.ts';
import { headAt, readCues, type Cue, type MatroskaHead } from './matroska-reader-head.ts';
import type { MatroskaTrack } from './matroska-reader-tracks.ts';

/** A place in a file from which reading goes on. */
export interface SeekPlace {
  /** Byte of the next element. */
  readonly position: number;
  /** Time of the cluster that the place lies in, in ticks. */
  readonly clusterTicks: number;
}

/** Clusters of a file without cues, at most. */
const MAX_CLUSTERS = 200_000;
/** Elements looked at in one search, at most. */
const MAX_SEARCH_ELEMENTS = 2_000_000;
const WINDOW_BYTES = 16 * 1024;
/** How far behind the wanted time a key frame of an earlier time may still follow. */
const REORDER_TOLERANCE_US = 1_000_000;

/** Finds the last key frame of a track at or before a time; the first one of the file where none is. */
export async function seekCluster(source: ByteSource, head: MatroskaHead, track: MatroskaTrack, wantedUs: number): Promise<{ readonly place: SeekPlace; readonly timeUs: number }> {
  const window = new ByteWindow(source, WINDOW_BYTES);
  const search = { source, window, head, track };
  const cues = await readCues(source, head, track);
  const places = cues.length > 0 ? cues : await listClusters(source, window, head);
  let at = places.findLastIndex(({ timeUs }) => timeUs <= wantedUs);
  for (let step = 1; at >= 0; step *= 2) {
    const found = await keyFrame(search, places[at]?.position ?? head.firstCluster, wantedUs);
    if (found !== undefined) return found;
    at = at > 0 ? Math.max(0, at - step) : -1;
  }
  const start: SeekPlace = { position: head.firstCluster, clusterTicks: 0 };
  const { firstCluster } = head;
  return (await keyFrame(search, firstCluster, wantedUs)) ?? (await keyFrame(search, firstCluster)) ?? { place: start, timeUs: 0 };
}

interface Search {
  readonly source: ByteSource;
  readonly window: ByteWindow;
  readonly head: MatroskaHead;
  readonly track: MatroskaTrack;
}

/** The last key frame from a cluster up to the wanted time, or the first one at all. Undefined when there is none, or no cluster. */
async function keyFrame({ source, window, head, track }: Search, from: number, wantedUs?: number) {
  let found: { readonly place: SeekPlace; readonly timeUs: number } | undefined;
  let position = from;
  let clusterTicks = 0;
  for (let elements = 0; position + 2 <= source.size && elements < MAX_SEARCH_ELEMENTS; elements += 1) {
    const { id, headBytes, bytes } = await headAt(window, position);
    if (elements === 0 && id !== MATROSKA_ID.cluster) return undefined;
    const start = position + headBytes;
    if (id === MATROSKA_ID.cluster) {
      position = start;
      clusterTicks = 0;
      continue;
    }
    if (bytes === undefined) throw new ProtocolError('An element of unknown size that is no cluster', position);
    if (id === MATROSKA_ID.timestamp) clusterTicks = unsigned(await window.take(start, limit(bytes, 8, 'bytes in a time')));
    const block = await lookAt(window, id, start, bytes);
    if (block?.trackNumber === track.number) {
      const timeUs = timeOf(Math.round((clusterTicks + block.ticks) * head.tickUs - track.codecDelayNs / 1000));
      const isKey = block.key || track.kind === 'audio';
      if (wantedUs === undefined && isKey) return { place: { position, clusterTicks }, timeUs };
      if (timeUs > (wantedUs ?? Infinity) + REORDER_TOLERANCE_US) break;
      if (timeUs <= (wantedUs ?? -Infinity) && isKey) found = { place: { position, clusterTicks }, timeUs };
    }
    position = start + bytes;
  }
  return found;
}

/** The head of a block; its frames stay unread, unless it lies in a group. */
async function lookAt(window: ByteWindow, id: number, start: number, bytes: number) {
  if (id === MATROSKA_ID.simpleBlock) return parseBlockHead(await window.peek(start, Math.min(bytes, BLOCK_HEAD_BYTES)));
  if (id !== MATROSKA_ID.blockGroup) return undefined;
  const group = childElements(await window.take(start, limit(bytes, MAX_SAMPLE_BYTES, 'bytes in one block')));
  const block = contentOf(group, MATROSKA_ID.block);
  return block === undefined ? undefined : { ...parseBlockHead(block), key: contentOf(group, MATROSKA_ID.referenceBlock) === undefined };
}

/** The clusters of a file without cues, by walking from head to head. */
async function listClusters(source: ByteSource, window: ByteWindow, head: MatroskaHead): Promise<readonly Cue[]> {
  const clusters: Cue[] = [];
  let position = head.firstCluster;
  let cluster: { readonly position: number; readonly end: number | undefined } | undefined;
  for (let elements = 0; position + 2 <= source.size && elements < MAX_SEARCH_ELEMENTS; elements += 1) {
    const { id, headBytes, bytes } = await headAt(window, position);
    const start = position + headBytes;
    if (id === MATROSKA_ID.cluster) {
      limit(clusters.length, MAX_CLUSTERS, 'clusters');
      cluster = { position, end: bytes === undefined ? undefined : start + bytes };
      position = start;
      continue;
    }
    if (bytes === undefined) throw new ProtocolError('An element of unknown size that is no cluster', position);
    position = start + bytes;
    if (id !== MATROSKA_ID.timestamp || cluster === undefined) continue;
    const ticks = unsigned(await window.take(start, limit(bytes, 8, 'bytes in a time')));
    clusters.push({ timeUs: Math.round(ticks * head.tickUs), position: cluster.position });
    if (cluster.end !== undefined) position = Math.max(position, cluster.end);
  }
  return clusters;
}
