/** What is to be done before a piece of decoded sound is used. */
export type ClockStep =
  /** Use it as it is. */
  | { readonly type: 'go' }
  /** Silence is missing before it, in microseconds. */
  | { readonly type: 'fill'; readonly us: number }
  /** The clock of the source has jumped: what comes is no continuation. */
  | { readonly type: 'restart' };

/** Stamps that are off by no more than this are jitter, or drift that is worked off slowly. */
export const MAX_SLIP_US = 40_000;
/** A hole up to this is filled with silence; a longer one is a jump. */
export const MAX_FILL_US = 2_000_000;
/** Mean slip from which samples are added or left out. */
const DRIFT_START_US = 8000;
const DRIFT_STOP_US = 1000;
/** Of the mean over the last slips. */
const SMOOTHING = 1 / 64;
/** One sample in so many is added or left out while drift is worked off: 2 ms a second, which nobody hears. */
export const DRIFT_STEP_SAMPLES = 500;

const GO: ClockStep = { type: 'go' };
const RESTART: ClockStep = { type: 'restart' };
const US_PER_SECOND = 1_000_000;

/**
 * Compares the stamps of decoded sound with the samples that came. Time is told by counting samples from an anchor, so
 * that no rounding adds up; stamps only say where that count is wrong.
 */
export class SampleClock {
  #anchorUs: number | undefined;
  /** Seconds of sound since the anchor; a sum of exact fractions of one rate between two anchors. */
  #seconds = 0;
  #slipUs = 0;
  #correcting = 0;

  /** Stamp of the next sample by the count; undefined before the first. */
  get nowUs(): number | undefined {
    return this.#anchorUs === undefined ? undefined : this.#anchorUs + this.#seconds * US_PER_SECOND;
  }

  /** +1 while samples are to be added, -1 while they are to be left out: one in `DRIFT_STEP_SAMPLES`. */
  get correction(): -1 | 0 | 1 {
    return this.#correcting as -1 | 0 | 1;
  }

  /** @param ptsUs stamp of a piece of sound that is about to be used */
  next(ptsUs: number): ClockStep {
    const nowUs = this.nowUs;
    if (nowUs === undefined) {
      this.#restart(ptsUs);
      return GO;
    }
    const slipUs = ptsUs - nowUs;
    if (Math.abs(slipUs) <= MAX_SLIP_US) {
      this.#follow(slipUs);
      return GO;
    }
    if (slipUs > 0 && slipUs <= MAX_FILL_US) {
      this.#slipUs = 0;
      this.#correcting = 0;
      return { type: 'fill', us: slipUs };
    }
    this.#restart(ptsUs);
    return RESTART;
  }

  /** That much sound was put out: as it came, filled in, added or left out. */
  advance(samples: number, sampleRateHz: number): void {
    this.#seconds += samples / sampleRateHz;
  }

  #restart(ptsUs: number): void {
    this.#anchorUs = ptsUs;
    this.#seconds = 0;
    this.#slipUs = 0;
    this.#correcting = 0;
  }

  #follow(slipUs: number): void {
    this.#slipUs += (slipUs - this.#slipUs) * SMOOTHING;
    const size = Math.abs(this.#slipUs);
    if (size >= DRIFT_START_US) this.#correcting = Math.sign(this.#slipUs);
    else if (size <= DRIFT_STOP_US) this.#correcting = 0;
  }
}
