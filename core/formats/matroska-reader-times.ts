import { DecodeTimes, type DecodeTimesState } from './decode-times.ts';
import type { FileTrack } from './media-file.ts';

/** Plain data of a `SampleTimes`. */
export interface SampleTimesState {
  readonly decode: DecodeTimesState;
  readonly lastUs: number;
}

/** H.264 and HEVC reorder at most so many pictures. */
const MAX_REORDERED = 16;
/** For a file that doesn't say how far it reorders. */
const DEFAULT_REORDER_DEPTH = 2;
const DEFAULT_FRAME_US = 40_000;
/** Keeps the times before the first picture from being negative, which `DecodeTimes` doesn't know. */
const LIFT_US = 60_000_000;

/** Gives decoding times to the frames of one track, of which a Matroska file tells presentation alone. */
export class SampleTimes {
  readonly #reorders: boolean;
  readonly #decode: DecodeTimes;
  #lastUs: number;

  /** @param frameUs duration of a picture; 0 where it isn't known */
  constructor({ codec, hasBFrames, reorderDepth, frameRate }: FileTrack, frameUs: number, state?: SampleTimesState) {
    this.#reorders = codec === 'h264' || codec === 'hevc';
    const depth = reorderDepth ?? (hasBFrames === false ? 0 : DEFAULT_REORDER_DEPTH);
    const ownUs = frameUs > 0 ? frameUs : frameRate === undefined ? DEFAULT_FRAME_US : 1_000_000 / frameRate;
    this.#decode = new DecodeTimes({ depth, maxDepth: MAX_REORDERED, frameUs: Math.round(ownUs) }, state?.decode);
    this.#lastUs = state?.lastUs ?? -Infinity;
  }

  exportState(): SampleTimesState {
    return { decode: this.#decode.exportState(), lastUs: this.#lastUs };
  }

  /** Times of the next frame in the order of the file. */
  next(ptsUs: number): { readonly ptsUs: number; readonly dtsUs: number } {
    const dtsUs = this.#reorders ? this.#decode.next(ptsUs + LIFT_US) - LIFT_US : ptsUs;
    this.#lastUs = Math.max(this.#lastUs, dtsUs);
    return { ptsUs: Math.max(ptsUs, this.#lastUs), dtsUs: this.#lastUs };
  }
}
