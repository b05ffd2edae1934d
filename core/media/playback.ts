/**
 * Steers a stream that is played from a file to one reader. Its publisher provides it with its callbacks; whoever reads the
 * stream for the one viewer finds it as `Stream.playback`, looks it up anew each time and keeps no reference.
 */
export interface Playback {
  /** Length of the whole, microseconds; undefined where the file doesn't say. */
  readonly durationUs: number | undefined;
  /**
   * Time of decoding on the stream's clock minus its position, microseconds, of the frames that are written now; the first frame of
   * the file has position 0. The clock of the stream never runs backwards: a protocol that tells its viewers positions subtracts
   * this from a frame's times as it gets it.
   */
  readonly shiftUs: number;
  readonly paused: boolean;
  /** Stops in front of the next frame; the stream's clock stands still. */
  pause(): void;
  /** Goes on with exactly that frame. */
  resume(): void;
  /**
   * Goes on from the last key frame at or before a position, microseconds, held within the file. The first frame of each track
   * from there is marked as a discontinuity, and is written after the answer.
   *
   * @returns the position of that key frame, microseconds
   * @throws WcsError MEDIA_E_FILE when the file cannot be read any more, MEDIA_E_NOT_FOUND when the stream has ended
   */
  seek(positionUs: number): Promise<number>;
}
