import { avChannelLayoutDefault, SoftwareResampleContext, type Frame } from 'node-av/lib';
import { AV_SAMPLE_FMT_S16 } from 'node-av/constants';
import { failure } from './native.ts';

/** Turns decoded sound of any form into interleaved 16-bit samples of one rate and number of channels. */
export class Resampler {
  readonly #sampleRateHz: number;
  readonly #channels: number;
  #context: SoftwareResampleContext | undefined;
  #source = '';
  #out = Buffer.alloc(0);

  constructor(sampleRateHz: number, channels: number) {
    this.#sampleRateHz = sampleRateHz;
    this.#channels = channels;
  }

  /** Valid until the next call. */
  resample(frame: Frame): Int16Array {
    const context = this.#contextFor(frame);
    const capacity = Math.ceil((frame.nbSamples * this.#sampleRateHz) / frame.sampleRate) + 256;
    const bytes = capacity * this.#channels * 2;
    if (this.#out.length < bytes) this.#out = Buffer.alloc(bytes);
    const count = context.convertSync([this.#out], capacity, frame.extendedData ?? frame.data, frame.nbSamples);
    if (count < 0) throw failure('Sound could not be resampled', count);
    return new Int16Array(this.#out.buffer, this.#out.byteOffset, count * this.#channels);
  }

  close(): void {
    this.#context?.free();
    this.#context = undefined;
  }

  #contextFor(frame: Frame): SoftwareResampleContext {
    const source = `${frame.sampleRate} ${frame.channels} ${frame.format}`;
    if (this.#context !== undefined && source === this.#source) return this.#context;
    this.close();
    const context = new SoftwareResampleContext();
    const layout = avChannelLayoutDefault(frame.channels);
    const code = context.allocSetOpts2(avChannelLayoutDefault(this.#channels), AV_SAMPLE_FMT_S16, this.#sampleRateHz, layout, frame.format as typeof AV_SAMPLE_FMT_S16, frame.sampleRate);
    const opened = code < 0 ? code : context.init();
    if (opened < 0) {
      context.free();
      throw failure(`Sound of ${source} could not be resampled`, opened);
    }
    this.#source = source;
    this.#context = context;
    return context;
  }
}
