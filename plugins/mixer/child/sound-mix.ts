import type { JobOutput } from 'wcs-core/process/child-jobs';
import { wallStampMs } from 'wcs-core/process/framing';
import { OUTPUT_PORT, type MixEvent, type MixSpec } from '../wire/mix-job.ts';
import { Limiter, sumOf, withoutOwn } from './audio-mix.ts';
import type { Input } from './mix-input.ts';
import { formOf, SoundEncoder, type SoundUnit } from './sound-encoder.ts';

/** An encoder of one's own goes on this long after the last word, so that a pause between two sentences starts no other. */
const OWN_ENCODER_MS = 2000;

/** What one participant hears: everybody else. */
interface OwnSound {
  readonly port: number;
  /** Id of the input that is left out. */
  readonly without: string;
  readonly limiter: Limiter;
  /** While its input speaks. */
  encoder: SoundEncoder | undefined;
  /** Whoever is silent hears what all hear: that is sent once for all of them. */
  follows: boolean;
}

/** The sound of a mix: one sum, and for each participant that sum without its own voice. */
export class SoundMix {
  readonly #spec: NonNullable<MixSpec['audio']>;
  readonly #output: JobOutput;
  readonly #encoder: SoundEncoder;
  readonly #limiter = new Limiter();
  readonly #own = new Map<number, OwnSound>();
  readonly #total: Int32Array;
  readonly #rest: Int32Array;
  readonly #mixed: Int16Array;
  /** What all have heard in the last two ticks, the older one first: as much as an encoder looks back. */
  readonly #heard: [Int16Array, Int16Array];

  constructor(spec: NonNullable<MixSpec['audio']>, output: JobOutput) {
    const { samplesPerTick, channels } = formOf(spec);
    this.#spec = spec;
    this.#output = output;
    this.#encoder = new SoundEncoder(spec);
    this.#total = new Int32Array(samplesPerTick * channels);
    this.#rest = new Int32Array(samplesPerTick * channels);
    this.#mixed = new Int16Array(samplesPerTick * channels);
    this.#heard = [new Int16Array(samplesPerTick * channels), new Int16Array(samplesPerTick * channels)];
    this.#tellFormat(OUTPUT_PORT.audio);
  }

  addOwn(port: number, without: string): void {
    this.removeOwn(port);
    this.#own.set(port, { port, without, limiter: new Limiter(), encoder: undefined, follows: false });
    this.#tellFormat(port);
  }

  removeOwn(port: number): void {
    this.#own.get(port)?.encoder?.close();
    this.#own.delete(port);
  }

  /** @param ptsUs time of the tick on the outputs' clock */
  tick(inputs: ReadonlyMap<string, Input>, ptsUs: number, nowMs: number): void {
    const all = [...inputs.values()];
    for (const input of all) input.tick(nowMs);
    // Before this tick is in the limiter, whose gain so far an encoder of one's own begins with.
    for (const own of this.#own.values()) this.#choose(own, inputs.get(own.without), nowMs);
    sumOf(all, this.#total);
    this.#limiter.limit(this.#total, this.#mixed);
    this.#encoder.encode(this.#mixed, ptsUs, (unit) => this.#send(OUTPUT_PORT.audio, unit));
    this.#remember();
    for (const own of this.#own.values()) if (!own.follows) this.#tickOwn(own, inputs.get(own.without), ptsUs);
  }

  close(): void {
    this.#encoder.close();
    for (const port of [...this.#own.keys()]) this.removeOwn(port);
  }

  /** Whether a participant needs an encoder of the own; told before the first packet that it concerns. */
  #choose(own: OwnSound, input: Input | undefined, nowMs: number): void {
    const isNeeded = !this.#encoder.isTickwise || (input !== undefined && (input.speaking || (own.encoder !== undefined && input.quietMs(nowMs) < OWN_ENCODER_MS)));
    if (isNeeded && own.encoder === undefined) this.#part(own);
    if (!isNeeded) {
      own.encoder?.close();
      own.encoder = undefined;
    }
    if (own.follows === !isNeeded) return;
    own.follows = !isNeeded;
    this.#output.event({ type: 'follows', port: own.port, follows: own.follows } satisfies MixEvent);
  }

  /** A participant begins to hear something else than all: the same sound so far. */
  #part(own: OwnSound): void {
    own.encoder = new SoundEncoder(this.#spec);
    own.encoder.prime(this.#heard);
    own.limiter.takeOver(this.#limiter);
  }

  #remember(): void {
    this.#heard.reverse();
    this.#heard[1].set(this.#mixed);
  }

  #tickOwn(own: OwnSound, input: Input | undefined, ptsUs: number): void {
    if (input?.speaking === true) withoutOwn(this.#total, input, this.#rest);
    else this.#rest.set(this.#total);
    own.limiter.limit(this.#rest, this.#mixed);
    own.encoder?.encode(this.#mixed, ptsUs, (unit) => this.#send(own.port, unit));
  }

  #send(port: number, { data, ptsUs }: SoundUnit): void {
    this.#output.packet({ port, key: true, ptsUs, dtsUs: ptsUs, stampMs: wallStampMs(), data });
  }

  #tellFormat(port: number): void {
    this.#output.event({ type: 'format', port, format: this.#encoder.format } satisfies MixEvent);
  }
}
