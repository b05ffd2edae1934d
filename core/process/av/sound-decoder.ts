import { Decoder, type DecoderFormat, type Frame } from './decoder.ts';
import type { TimedData } from './native.ts';
import { Resampler } from './resampler.ts';

/** Interleaved 16-bit samples of one rate and number of channels. */
export interface SoundForm {
  readonly sampleRateHz: number;
  readonly channels: number;
}

/** Makes samples of one form of the units of a track. */
export interface SoundDecoder {
  /** Samples are valid within the call; a unit that can't be decoded gives none. */
  decode(unit: TimedData, take: (samples: Int16Array, ptsUs: number) => void): void;
  close(): void;
}

/** By FFmpeg, from whatever form it decodes to. */
export class ResampledDecoder implements SoundDecoder {
  readonly #decoder: Decoder;
  readonly #resampler: Resampler;
  #take: ((samples: Int16Array, ptsUs: number) => void) | undefined;

  /** @throws WcsError MEDIA_E_PROCESSING */
  constructor(format: DecoderFormat, form: SoundForm) {
    this.#decoder = new Decoder(format);
    this.#resampler = new Resampler(form.sampleRateHz, form.channels);
  }

  decode(unit: TimedData, take: (samples: Int16Array, ptsUs: number) => void): void {
    this.#take = take;
    this.#decoder.decode(unit, this.#onFrame);
  }

  close(): void {
    this.#decoder.close();
    this.#resampler.close();
  }

  readonly #onFrame = (frame: Frame, ptsUs: number): void => this.#take?.(this.#resampler.resample(frame), ptsUs);
}
