/** Matroska and WebM, mostly their writing: a head, then clusters, and at the end an index. @see RFC 8794, RFC 9559 */
export { MATROSKA_ID, type MatroskaId } from './matroska-ids.ts';
export { parseElementHead, type ElementHead } from './matroska-reader-ebml.ts';
export { isMatroskaCodec, type MatroskaAudioTrack, type MatroskaTrack, type MatroskaVideoTrack } from './matroska-tracks.ts';
export {
  CLUSTER_SPAN_TICKS, encodeCluster, encodeCues, encodeMatroskaHead, MATROSKA_MAX_TRACKS, segmentContentAt,
  type MatroskaBlock, type MatroskaClosing, type MatroskaCue, type MatroskaHead,
} from './matroska-writer.ts';
