import type { TrackDescriptor } from 'wcs-core';

/** How a recording is written to its file. */
export type ContainerType = 'mp4' | 'webm' | 'mkv' | 'ts';

/** One track of a file. */
export interface PartTrack {
  /** 1 to 126, unique in the file. */
  readonly number: number;
  readonly format: TrackDescriptor;
  /** Shown to who chooses among tracks. */
  readonly name?: string;
}

/** A frame in its place in a file; times in whole microseconds from the file's beginning. */
export interface PartFrame {
  /** Number of its track. */
  readonly track: number;
  readonly kind: 'audio' | 'video';
  readonly dtsUs: number;
  readonly ptsUs: number;
  /** To the next frame of the track, measured or, where there is none yet, estimated. */
  readonly durationUs: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

/** What is written when a file is complete. */
export interface Closing {
  /** Goes to the end. */
  readonly tail: Uint8Array;
  /** Takes the place of the head, in its size. */
  readonly head: Uint8Array;
}

/** Writes frames as pieces of a file; pure: the caller puts the bytes where they belong. */
export interface Container {
  readonly type: ContainerType;
  readonly tracks: readonly PartTrack[];
  /** The beginning of the file for the tracks known now; has the same size every time. Empty where the container has none. */
  head(): Uint8Array;
  /** One more track, whose frames come later; `head` has to be written anew. @throws RangeError when there is no room for it */
  addTrack(track: PartTrack): void;
  /**
   * One whole piece of the file, as runs of bytes that follow each other: a file that ends behind it is playable.
   *
   * @param frames in the order of their decoding times
   * @param at where the piece will be in the file
   */
  encode(frames: readonly PartFrame[], at: number): readonly Uint8Array[];
  /** What a complete file has and one that is being written has not; undefined for nothing. */
  close(fileBytes: number, durationUs: number): Closing | undefined;
  /** Plain data for `openContainer`. */
  exportState(): ContainerState;
}

/** A container in the middle of a file, as plain data. */
export interface ContainerState {
  readonly type: ContainerType;
  readonly tracks: readonly PartTrack[];
  /** Size of the head where it is larger than it need be; 0 otherwise. */
  readonly headBytes: number;
  /** What the container itself remembers. */
  readonly memory: unknown;
}
