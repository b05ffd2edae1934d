/** How sound is bridged over jitter. */
export interface PlayoutOptions {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Upper bound of the delay, in milliseconds. */
  readonly maxDelayMs: number;
}

/** Transit times that the delay is chosen from. */
const TRANSITS = 250;
const MIN_DELAY_MS = 20;
/** Pieces of sound after which the delay is thought over. */
const JUDGE_EVERY = 10;
/** Kept over the worst transit of the usual ones. */
const RESERVE_MS = 10;
/** Of the transits that are to be in time. */
const PERCENTILE = 0.97;
/** Up fast, down slowly, each time. */
const RISE = 0.8;
const FALL = 0.1;
/** Behind the target by this: wait a tick. The threshold hugs the target; a looser one lets sound come too late. */
const WAIT_MS = 2;
/** Ahead of the target by this: leave a tick out. */
const SKIP_MS = 30;
/** Stamps that differ by less from the count of samples are rounded ones; by more, a piece was lost. */
const SLIP_MS = 8;
/** Stamps that step back by no more than this repeat a piece; by more, the clock has jumped. */
const REPEAT_MS = 200;
const BUFFER_MS = 2000;

/**
 * Plays one input's sound at the pace of the mixer, whatever the pace at which it comes: pieces go in with their stamps,
 * a tick's worth comes out. The delay follows what the network does; nothing here reads a clock.
 */
export class Playout {
  readonly #options: PlayoutOptions;
  readonly #ring: Int16Array;
  readonly #frames: number;
  readonly #transitsMs: number[] = [];
  #fastestMs = 0;
  #sinceJudged = 0;
  #delayMs = MIN_DELAY_MS;
  /** In samples of one channel on the input's clock: what is played next, and the end of what came. */
  #position: number | undefined;
  #end = 0;

  constructor(options: PlayoutOptions) {
    this.#options = options;
    this.#frames = Math.ceil((options.sampleRateHz * BUFFER_MS) / 1000);
    this.#ring = new Int16Array(this.#frames * options.channels);
  }

  /** Delay that is aimed at, in milliseconds. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** @param samples interleaved; copied */
  push(ptsMs: number, samples: Int16Array, nowMs: number): void {
    this.#noteTransit(nowMs - ptsMs);
    const { sampleRateHz, channels } = this.#options;
    const stamped = Math.round((ptsMs * sampleRateHz) / 1000);
    const isContinuous = Math.abs(stamped - this.#end) <= (SLIP_MS * sampleRateHz) / 1000;
    if (!isContinuous) this.#jumpTo(stamped);
    this.#write(samples, samples.length / channels);
  }

  /** Fills one tick. False when there was nothing to play: `out` is silence then. */
  read(out: Int16Array, nowMs: number): boolean {
    const frames = out.length / this.#options.channels;
    const { sampleRateHz } = this.#options;
    const tickMs = (frames * 1000) / sampleRateHz;
    const dueMs = nowMs - this.#fastestMs;
    if (this.#position === undefined) {
      if (this.#transitsMs.length === 0) return silence(out);
      this.#position = Math.round(((dueMs - this.#delayMs) * sampleRateHz) / 1000);
    }
    const depthMs = dueMs - (this.#position * 1000) / sampleRateHz;
    if (depthMs < this.#delayMs - WAIT_MS) return silence(out);
    if (depthMs > this.#delayMs + SKIP_MS + tickMs) this.#position = Math.round(((dueMs - this.#delayMs) * sampleRateHz) / 1000);
    else if (depthMs > this.#delayMs + SKIP_MS) this.#position += frames;
    const has = this.#position < this.#end && this.#position + this.#frames > this.#end;
    if (has) this.#copy(this.#position, out, frames);
    else out.fill(0);
    this.#position += frames;
    return has;
  }

  #noteTransit(transitMs: number): void {
    this.#transitsMs.push(transitMs);
    if (this.#transitsMs.length > TRANSITS) this.#transitsMs.shift();
    this.#fastestMs = Math.min(...this.#transitsMs);
    // Sorting for each piece of each input would cost more than mixing them.
    this.#sinceJudged += 1;
    if (this.#transitsMs.length > JUDGE_EVERY && this.#sinceJudged < JUDGE_EVERY) return;
    this.#sinceJudged = 0;
    const sorted = [...this.#transitsMs].sort((a, b) => a - b);
    const spread = (sorted[Math.floor((sorted.length - 1) * PERCENTILE)] ?? 0) - (sorted[0] ?? 0);
    const target = Math.min(this.#options.maxDelayMs, Math.max(MIN_DELAY_MS, spread + RESERVE_MS));
    this.#delayMs += (target - this.#delayMs) * (target > this.#delayMs ? RISE : FALL);
  }

  /** The input's clock goes on elsewhere: what was kept is of no use. */
  #jumpTo(stamped: number): void {
    const ahead = stamped - this.#end;
    const isNear = ahead < this.#frames && ahead > (-REPEAT_MS * this.#options.sampleRateHz) / 1000;
    if (this.#position !== undefined && isNear) {
      this.#clear(this.#end, stamped);
      this.#end = stamped;
      return;
    }
    this.#end = stamped;
    this.#position = undefined;
    // Transits of the old clock say nothing about the new one.
    this.#transitsMs.splice(0, this.#transitsMs.length - 1);
    this.#fastestMs = this.#transitsMs[0] ?? 0;
  }

  #write(samples: Int16Array, frames: number): void {
    const { channels } = this.#options;
    for (let frame = 0; frame < frames; frame += 1) {
      const at = this.#slot(this.#end + frame) * channels;
      for (let channel = 0; channel < channels; channel += 1) this.#ring[at + channel] = samples[frame * channels + channel] ?? 0;
    }
    this.#end += frames;
  }

  #copy(from: number, out: Int16Array, frames: number): void {
    const { channels } = this.#options;
    for (let frame = 0; frame < frames; frame += 1) {
      const has = from + frame < this.#end;
      const at = this.#slot(from + frame) * channels;
      for (let channel = 0; channel < channels; channel += 1) out[frame * channels + channel] = has ? (this.#ring[at + channel] ?? 0) : 0;
    }
  }

  #clear(from: number, to: number): void {
    const { channels } = this.#options;
    for (let frame = from; frame < to; frame += 1) this.#ring.fill(0, this.#slot(frame) * channels, (this.#slot(frame) + 1) * channels);
  }

  #slot(frame: number): number {
    return ((frame % this.#frames) + this.#frames) % this.#frames;
  }
}

function silence(out: Int16Array): false {
  out.fill(0);
  return false;
}
