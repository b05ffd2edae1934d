import type { TrackDescriptor } from 'wcs-core';
import type { TsMuxerState } from 'wcs-core/formats/mpegts';
import type { CutPart } from './cut.ts';

/** What a successor of a packager of fragmented MP4 continues from; plain data. */
export interface Fmp4State {
  readonly container: 'fmp4';
  readonly tracks: readonly TrackDescriptor[];
  readonly sequenceNumber: number;
}

/** What a successor of a packager of a transport stream continues from; plain data. */
export interface TsState {
  readonly container: 'ts';
  readonly tracks: readonly TrackDescriptor[];
  readonly muxer: TsMuxerState | undefined;
}

/** Packs cut parts into the bytes of one container. */
export interface Packager {
  /**
   * Begins with these tracks, anew when they change.
   *
   * @returns the init segment, where the container has one
   */
  begin(tracks: readonly TrackDescriptor[]): Buffer | undefined;
  /** The bytes of a part that has frames. `startsSegment` says that a player may begin to read here. */
  pack(part: CutPart, startsSegment: boolean): Buffer;
  /** Plain data for a successor of the same container. */
  exportState(): Fmp4State | TsState;
}
