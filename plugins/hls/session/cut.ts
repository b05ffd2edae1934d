import type { MediaFrame } from 'wcs-core';

/** A frame with its time to the next one of its track, in microseconds. */
export interface TimedFrame {
  readonly frame: MediaFrame;
  readonly durationUs: number;
}

/** A part as the segmenter cuts it; without frames it is a gap. */
export interface CutPart {
  readonly type: 'part';
  /** Span on the playlist's time line, in microseconds of the stream's clock. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly video: readonly TimedFrame[];
  readonly audio: readonly TimedFrame[];
  /** Time of the sound after that of the part; undefined where it has not come yet. */
  readonly nextAudioUs: number | undefined;
  /** Holds a frame of the leading track from which decoding can begin. */
  readonly independent: boolean;
}

/** What the segmenter tells, in order. */
export type Cut =
  | CutPart
  /** The open segment is whole. */
  | { readonly type: 'segmentEnd' }
  /** Media begins, or begins anew: what follows is unrelated in time or format to what came before. */
  | { readonly type: 'begin'; readonly startUs: number; readonly receivedAtMs: number };
