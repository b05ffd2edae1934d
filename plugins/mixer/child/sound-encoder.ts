import type { SampleEncoder } from 'wcs-core/process/av/audio-encoder';
import { openAudioEncoder } from 'wcs-core/process/av/open-audio-encoder';
import { audioConfigOf } from 'wcs-core/process/av/output-config';
import { opusOptions } from 'wcs-core/process/opus-options';
import type { MixFormat, MixSpec } from '../wire/mix-job.ts';

type SoundSpec = NonNullable<MixSpec['audio']>;

/** One encoded unit of sound. */
export interface SoundUnit {
  readonly data: Uint8Array;
  readonly ptsUs: number;
}

/** Length of a tick of the mix. */
export const TICK_MS = 20;
const US_PER_SECOND = 1_000_000;
const BITRATE_PER_CHANNEL_BPS = { opus: 48_000, aac: 64_000 } as const;

/** The form that sound of a codec is mixed in. */
export function formOf({ codec, channels }: SoundSpec): { readonly sampleRateHz: number; readonly channels: number; readonly samplesPerTick: number } {
  const isTelephone = codec === 'pcma' || codec === 'pcmu';
  const sampleRateHz = isTelephone ? 8000 : 48_000;
  return { sampleRateHz, channels: isTelephone ? 1 : channels, samplesPerTick: (sampleRateHz * TICK_MS) / 1000 };
}

/** Encodes ticks of mixed sound; units are as long as the codec wants them. */
export class SoundEncoder {
  readonly format: MixFormat;
  readonly #encoder: SampleEncoder;
  readonly #channels: number;
  readonly #sampleRateHz: number;
  readonly #waiting: Int16Array;
  #count = 0;
  /** Time of the first sample that was encoded, and samples since then. */
  #anchorUs: number | undefined;
  #encoded = 0;

  /** @throws WcsError MEDIA_E_PROCESSING */
  constructor(spec: SoundSpec) {
    const { sampleRateHz, channels, samplesPerTick } = formOf(spec);
    const { codec } = spec;
    const bitrateBps = spec.bitrateBps ?? (codec === 'opus' || codec === 'aac' ? BITRATE_PER_CHANNEL_BPS[codec] * channels : undefined);
    this.#encoder = openAudioEncoder(codec, { sampleRateHz, channels, bitrateBps, samplesPerFrame: samplesPerTick, options: codec === 'opus' ? opusOptions(spec.opusComplexity) : {} });
    this.#channels = channels;
    this.#sampleRateHz = sampleRateHz;
    this.#waiting = new Int16Array((this.#encoder.samplesPerFrame + samplesPerTick) * channels);
    this.format = { codec, sampleRateHz, channels, ...audioConfigOf(codec, sampleRateHz, channels) };
  }

  /** True where a tick makes exactly one unit, so that one encoder can stand in for another. */
  get isTickwise(): boolean {
    return this.#encoder.samplesPerFrame === (this.#sampleRateHz * TICK_MS) / 1000;
  }

  /** @param ptsUs of the first sample; a jump is a hole in what comes out */
  encode(samples: Int16Array, ptsUs: number, take: (unit: SoundUnit) => void): void {
    const ahead = (this.#count / this.#channels / this.#sampleRateHz) * US_PER_SECOND;
    const expectedUs = (this.#anchorUs ?? ptsUs) + (this.#encoded / this.#sampleRateHz) * US_PER_SECOND + ahead;
    if (this.#anchorUs === undefined || Math.abs(ptsUs - expectedUs) > TICK_MS * 500) {
      this.#anchorUs = ptsUs - (this.#encoded / this.#sampleRateHz) * US_PER_SECOND;
      this.#count = 0;
    }
    this.#waiting.set(samples, this.#count);
    this.#count += samples.length;
    const length = this.#encoder.samplesPerFrame * this.#channels;
    if (this.#count < length) return;
    const anchorUs = this.#anchorUs;
    this.#encoder.encode(this.#waiting.subarray(0, length), this.#encoded, (data, pts) => take({ data, ptsUs: Math.round(anchorUs + (pts / this.#sampleRateHz) * US_PER_SECOND) }));
    this.#encoded += this.#encoder.samplesPerFrame;
    this.#waiting.copyWithin(0, length, this.#count);
    this.#count -= length;
  }

  /** Hears what its listener heard before the first tick: what is made of that tick then goes on from there, without a click. */
  prime(before: readonly Int16Array[]): void {
    if (!this.isTickwise) return;
    const { samplesPerFrame } = this.#encoder;
    before.forEach((samples, index) => this.#encoder.encode(samples, (index - before.length) * samplesPerFrame, () => undefined));
  }

  close(): void {
    this.#encoder.close();
  }
}
