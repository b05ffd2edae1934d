import type { FileSample, FileTrack } from 'wcs-core/formats/media-file';

/** A sample with its times on the stream's clock, microseconds. */
export interface PlacedSample extends Omit<FileSample, 'durationUs'> {
  readonly discontinuity: boolean;
}

/** What is remembered of a track. */
interface TrackTime {
  /** Last time given out, on the stream's clock. */
  lastUs: number;
  /** First picture or sound of a round after the first, on the file's clock. */
  startUs: number;
  /** Of the last sample, on the file's clock. */
  lastDtsUs: number;
  /** Greatest end of presentation, on the file's clock. */
  endUs: number;
  lastStepUs: number;
  discontinuity: boolean;
}

/** Plain data of a `PlaybackClock`. */
export interface ClockState {
  readonly shiftUs: number;
  readonly leadUs: number;
  readonly round: number;
  readonly tracks: readonly TrackTime[];
}

/** Shortest round: a file of one picture is no loop without a pause. */
const MIN_ROUND_US = 40_000;
/** Sound that ends no later than this after the start of a round is lead-in. */
const LEAD_IN_TOLERANCE_US = 500;
/** Step to the first frame after a jump: about one picture. */
const JUMP_GAP_US = 40_000;
const NEW: TrackTime = { lastUs: -Infinity, startUs: Infinity, lastDtsUs: -Infinity, endUs: -Infinity, lastStepUs: 0, discontinuity: false };

/**
 * Maps the times of a file, played round after round or from where its viewer wants, to one clock that only runs forward.
 * Pure: samples in, the same samples with other times out.
 */
export class PlaybackClock {
  readonly #kinds: readonly FileTrack['kind'][];
  readonly #tracks: TrackTime[];
  #shiftUs: number;
  /** How much earlier than its presentation the file is decoded. */
  #leadUs: number;
  #round: number;

  constructor(tracks: readonly Pick<FileTrack, 'kind'>[], state?: ClockState) {
    this.#kinds = tracks.map(({ kind }) => kind);
    this.#tracks = tracks.map((_track, index) => ({ ...(state?.tracks[index] ?? NEW) }));
    this.#shiftUs = state?.shiftUs ?? 0;
    this.#leadUs = state?.leadUs ?? 0;
    this.#round = state?.round ?? 0;
  }

  /** Stream time minus position, for times of decoding: the first frame of the file has position 0. */
  get shiftUs(): number {
    return this.#shiftUs - this.#leadUs;
  }

  exportState(): ClockState {
    return { shiftUs: this.#shiftUs, leadUs: this.#leadUs, round: this.#round, tracks: this.#tracks.map((track) => ({ ...track })) };
  }

  /** Takes the first samples of all: their earliest becomes time 0. */
  begin(samples: readonly FileSample[]): void {
    this.#leadUs = this.#shiftUs = -earliestOf(samples);
  }

  /** Takes the first samples after a jump: their earliest follows the last frame that was written. */
  jump(samples: readonly FileSample[], writtenUs: number): void {
    this.#shiftUs = writtenUs + JUMP_GAP_US - earliestOf(samples);
    for (const track of this.#tracks) {
      track.lastUs = writtenUs;
      track.discontinuity = true;
    }
  }

  /** Begins the next round, so that its sound goes on where the last one ended. */
  nextRound(): void {
    this.#shiftUs += this.#roundUs();
    this.#round += 1;
    for (const track of this.#tracks) track.lastDtsUs = track.endUs = -Infinity;
  }

  /** The sample on the stream's clock; undefined for lead-in that a later round has no use for. */
  place(sample: FileSample): PlacedSample | undefined {
    const { track: index, ptsUs, dtsUs, durationUs, key, data } = sample;
    const track = this.#tracks[index];
    if (track === undefined) return undefined;
    const isLeadIn = this.#kinds[index] === 'audio' && ptsUs < 0 && ptsUs + durationUs <= LEAD_IN_TOLERANCE_US;
    if (isLeadIn && this.#round > 0) return undefined;
    if (!isLeadIn) track.startUs = Math.min(track.startUs, ptsUs);
    const stepUs = dtsUs - track.lastDtsUs;
    if (Number.isFinite(stepUs)) track.lastStepUs = stepUs;
    track.lastDtsUs = dtsUs;
    track.endUs = Math.max(track.endUs, ptsUs + (durationUs > 0 ? durationUs : track.lastStepUs));
    const placedUs = Math.max(dtsUs + this.#shiftUs, track.lastUs);
    track.lastUs = placedUs;
    const { discontinuity } = track;
    track.discontinuity = false;
    return { track: index, ptsUs: Math.max(ptsUs + this.#shiftUs, placedUs), dtsUs: placedUs, key, data, discontinuity };
  }

  /**
   * Length of the round that has just ended. Where sound and picture end together, but for one picture, the sound decides, since
   * a hole in it is heard and a picture that stands a little longer isn't seen.
   */
  #roundUs(): number {
    const [sound] = this.#tracks.filter((_track, index) => this.#kinds[index] === 'audio');
    const [picture] = this.#tracks.filter((_track, index) => this.#kinds[index] === 'video');
    const startUs = Math.min(...this.#tracks.map((track) => track.startUs));
    const endUs = Math.max(...this.#tracks.map((track) => track.endUs));
    const soundEnds = sound !== undefined && (picture === undefined || sound.endUs >= picture.endUs - picture.lastStepUs);
    const lengthUs = soundEnds && sound.startUs - startUs <= MIN_ROUND_US ? sound.endUs - sound.startUs : endUs - startUs;
    return Number.isFinite(lengthUs) ? Math.max(lengthUs, MIN_ROUND_US) : MIN_ROUND_US;
  }
}

function earliestOf(samples: readonly FileSample[]): number {
  let earliestUs = Infinity;
  for (const { dtsUs } of samples) earliestUs = Math.min(earliestUs, dtsUs);
  return Number.isFinite(earliestUs) ? earliestUs : 0;
}
