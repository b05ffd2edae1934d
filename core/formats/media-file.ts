import { ProtocolError, WcsError } from '../errors/wcs-error.ts';
import type { CodecFormat, MediaCodec } from './codec-format.ts';

/** Samples that the index of one file may have. */
export const MAX_FILE_SAMPLES = 2_000_000;
/** Largest sample of a file, bytes. */
export const MAX_SAMPLE_BYTES = 16 * 1024 * 1024;

/** Largest distance of a time from 0, microseconds: some thirty years, so that sums of a few times stay exact. */
const MAX_TIME_US = 1e15;

/** One track of a file, as the bus describes it. */
export interface FileTrack extends CodecFormat {
  readonly kind: 'audio' | 'video';
  readonly codec: MediaCodec;
}

/** One access unit of a file, in the form that the bus carries. */
export interface FileSample {
  /** Place of its track in `tracks`. */
  readonly track: number;
  /** Position in the file, microseconds; 0 is where its presentation begins. What lies before is decoded and not shown. */
  readonly ptsUs: number;
  /** Never decreases within a track, never later than `ptsUs`. */
  readonly dtsUs: number;
  /** Zero where the file doesn't tell. */
  readonly durationUs: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

/** Bounds of one step of reading; what is read reaches the first of them, and is never nothing before the end. */
export interface ReadBounds {
  readonly bytes: number;
  /** Of decoding time. */
  readonly spanUs: number;
}

/** Reads the samples of a media file, a step at a time. Its methods are called one after another. */
export interface MediaReader {
  /** The first track of each kind that can be carried: picture, then sound. */
  readonly tracks: readonly FileTrack[];
  /** Length of the presentation, microseconds; undefined where the file doesn't say. */
  readonly durationUs: number | undefined;
  /** The next samples, of each track in order of decoding; none at the end. @throws ProtocolError */
  next(bounds: ReadBounds): Promise<readonly FileSample[]>;
  /**
   * Goes on from the last key frame at or before a position (held within the file), or the first one.
   *
   * @returns presentation time of that frame, microseconds
   */
  seek(positionUs: number): Promise<number>;
  /** Plain data from which a reader of the same file goes on with the next sample. */
  exportPosition(): unknown;
  restorePosition(position: unknown): void;
}

/** What one track of a file is: to be played, of no interest (subtitles), or of a codec that cannot be carried. */
export type Candidate<T> = { readonly kind: 'audio' | 'video'; readonly playable: T } | { readonly kind: 'audio' | 'video'; readonly unknownCodec: string };

/**
 * Chooses the first playable track of each kind, picture first.
 *
 * @throws WcsError MEDIA_E_NO_COMMON_CODEC when a kind is there in unknown codecs alone, ProtocolError when nothing is there
 */
export function chooseTracks<T>(candidates: readonly Candidate<T>[]): T[] {
  const chosen: T[] = [];
  for (const kind of ['video', 'audio'] as const) {
    const ofKind = candidates.filter((candidate) => candidate.kind === kind);
    const playable = ofKind.find((candidate) => 'playable' in candidate);
    if (playable !== undefined) {
      chosen.push(playable.playable);
      continue;
    }
    const [unknown] = ofKind;
    if (unknown === undefined || !('unknownCodec' in unknown)) continue;
    const { unknownCodec } = unknown;
    const better = kind === 'audio' ? 'AAC or Opus' : 'H.264 or VP8';
    throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `The ${kind} of the file is in ${unknownCodec}, which is not carried; convert it to ${better}.`, { details: { kind, codec: unknownCodec } });
  }
  if (chosen.length === 0) throw new ProtocolError('The file has neither picture nor sound');
  return chosen;
}

/** A time of a file, microseconds. @throws ProtocolError for one that nobody can mean */
export function timeOf(us: number): number {
  if (!(Math.abs(us) <= MAX_TIME_US)) throw new ProtocolError(`A time of ${us} microseconds`);
  return us;
}

/** @throws WcsError PROTOCOL_E_LIMIT */
export function limit(value: number, max: number, what: string): number {
  if (value > max) throw new WcsError('PROTOCOL_E_LIMIT', `The file has ${value} ${what}; ${max} are allowed.`, { details: { max } });
  return value;
}
