import { Transits } from './transits.ts';

/** How sound is bridged over jitter. */
export interface PlayoutOptions {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Upper bound of the delay, in milliseconds. */
  readonly maxDelayMs: number;
}

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
  readonly #transits = new Transits();
  #sinceJudged = 0;
  #delayMs = MIN_DELAY_MS;
  /** In samples of one channel on the input's clock: what is played next, and the end of what came. */
  #position: number | undefined;
  #end = 0;
  /** End of the last piece that was not known to be silence; the ring has zeros alone where it is far enough behind. */
  #soundEnd = -Infinity;
  /** What was played when, by the last tick. */
  #played: { ms: number; atMs: number } | undefined;

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
    this.#begin(ptsMs, nowMs);
    this.#write(samples, samples.length / this.#options.channels);
    this.#soundEnd = this.#end;
  }

  /** The same as samples that are all zero. @param frames samples of each channel */
  pushSilence(ptsMs: number, frames: number, nowMs: number): void {
    this.#begin(ptsMs, nowMs);
    // After two seconds of it there is nothing else left.
    if (this.#end - this.#soundEnd < this.#frames) this.#clear(this.#end, this.#end + frames);
    this.#end += frames;
  }

  /** Where on the input's clock its sound is at a time, so that pictures can be shown with it; undefined while none is played. */
  timeMs(nowMs: number): number | undefined {
    return this.#played === undefined ? undefined : this.#played.ms + nowMs - this.#played.atMs;
  }

  /** Fills one tick. False when there was nothing to play, or silence alone: `out` is silence then. */
  read(out: Int16Array, nowMs: number): boolean {
    const frames = out.length / this.#options.channels;
    const { sampleRateHz } = this.#options;
    const tickMs = (frames * 1000) / sampleRateHz;
    const dueMs = nowMs - this.#transits.fastest;
    if (this.#position === undefined) {
      if (this.#transits.size === 0) return silence(out);
      this.#position = Math.round(((dueMs - this.#delayMs) * sampleRateHz) / 1000);
    }
    const depthMs = dueMs - (this.#position * 1000) / sampleRateHz;
    if (depthMs < this.#delayMs - WAIT_MS) return silence(out);
    if (depthMs > this.#delayMs + SKIP_MS + tickMs) this.#position = Math.round(((dueMs - this.#delayMs) * sampleRateHz) / 1000);
    else if (depthMs > this.#delayMs + SKIP_MS) this.#position += frames;
    this.#note(this.#position, nowMs);
    const has = this.#position < this.#soundEnd && this.#position + this.#frames > this.#end;
    if (has) this.#copy(this.#position, out, frames);
    else out.fill(0);
    this.#position += frames;
    return has;
  }

  /** A piece of sound begins at a stamp. */
  #begin(ptsMs: number, nowMs: number): void {
    this.#noteTransit(nowMs - ptsMs);
    const { sampleRateHz } = this.#options;
    const stamped = Math.round((ptsMs * sampleRateHz) / 1000);
    const isContinuous = Math.abs(stamped - this.#end) <= (SLIP_MS * sampleRateHz) / 1000;
    if (!isContinuous) this.#jumpTo(stamped);
  }

  #note(position: number, atMs: number): void {
    const ms = (position * 1000) / this.#options.sampleRateHz;
    if (this.#played === undefined) this.#played = { ms, atMs };
    else {
      this.#played.ms = ms;
      this.#played.atMs = atMs;
    }
  }

  #noteTransit(transitMs: number): void {
    this.#transits.add(transitMs);
    this.#sinceJudged += 1;
    if (this.#transits.size > JUDGE_EVERY && this.#sinceJudged < JUDGE_EVERY) return;
    this.#sinceJudged = 0;
    const spread = this.#transits.percentile(PERCENTILE) - this.#transits.fastest;
    const target = Math.min(this.#options.maxDelayMs, Math.max(MIN_DELAY_MS, spread + RESERVE_MS));
    this.#delayMs += (target - this.#delayMs) * (target > this.#delayMs ? RISE : FALL);
  }

  /** The input's clock goes on elsewhere: what was kept is of no use. */
  #jumpTo(stamped: number): void {
    const ahead = stamped - this.#end;
    const isNear = ahead < this.#frames && ahead > (-REPEAT_MS * this.#options.sampleRateHz) / 1000;
    if (this.#position !== undefined && isNear) {
      this.#soundEnd = Math.min(this.#soundEnd, stamped);
      this.#clear(this.#end, stamped);
      this.#end = stamped;
      return;
    }
    this.#end = stamped;
    // What is played first may lie before what comes now.
    this.#ring.fill(0);
    this.#soundEnd = -Infinity;
    this.#position = undefined;
    this.#played = undefined;
    // Transits of the old clock say nothing about the new one.
    this.#transits.restart();
  }

  #write(samples: Int16Array, frames: number): void {
    const { channels } = this.#options;
    this.#eachRun(this.#end, frames, (at, count, done) => this.#ring.set(samples.subarray(done * channels, (done + count) * channels), at * channels));
    this.#end += frames;
  }

  #copy(from: number, out: Int16Array, frames: number): void {
    const { channels } = this.#options;
    const has = Math.min(frames, this.#end - from);
    this.#eachRun(from, has, (at, count, done) => out.set(this.#ring.subarray(at * channels, (at + count) * channels), done * channels));
    out.fill(0, has * channels);
  }

  #clear(from: number, to: number): void {
    const { channels } = this.#options;
    this.#eachRun(from, to - from, (at, count) => void this.#ring.fill(0, at * channels, (at + count) * channels));
  }

  /** The places of consecutive samples in the ring: one run, or two where it begins anew. */
  #eachRun(from: number, frames: number, take: (at: number, count: number, done: number) => void): void {
    for (let done = 0; done < frames; ) {
      const at = (((from + done) % this.#frames) + this.#frames) % this.#frames;
      const count = Math.min(frames - done, this.#frames - at);
      take(at, count, done);
      done += count;
    }
  }
}

function silence(out: Int16Array): false {
  out.fill(0);
  return false;
}
