import { WcsError } from '../../errors/wcs-error.ts';
import { OPUS_COMPLEXITY } from '../opus-options.ts';
import type { AudioEncoderFormat, SampleEncoder } from './audio-encoder.ts';
import { opus, Resting, type LibOpusEncoder } from './lib-opus.ts';

const RATE_HZ = 48_000;
/** Samples that the encoder holds back without its speech mode: the first unit begins so long before the first sample. */
const LOOK_AHEAD = 120;

const resting = new Resting<LibOpusEncoder>();

/** Opus at 48 kHz in units of 20 ms, without look-ahead for speech: a third cheaper than by way of FFmpeg's frames. */
export class OpusEncoder implements SampleEncoder {
  readonly samplesPerFrame = RATE_HZ / 50;
  readonly #channels: 1 | 2;
  #encoder: LibOpusEncoder | undefined;

  /** @throws WcsError MEDIA_E_PROCESSING where `loadOpus` has not answered true */
  constructor({ channels, bitrateBps, options }: Pick<AudioEncoderFormat, 'channels' | 'bitrateBps' | 'options'>) {
    this.#channels = channels === 1 ? 1 : 2;
    const encoder = resting.take(this.#form) ?? new (opus().Encoder)({ channels: this.#channels, sample_rate: RATE_HZ, application: 'restricted_lowdelay' });
    encoder.complexity = Number(options?.['compression_level'] ?? OPUS_COMPLEXITY) as LibOpusEncoder['complexity'];
    encoder.vbr_constraint = false;
    encoder.bitrate = bitrateBps ?? 'auto';
    this.#encoder = encoder;
  }

  encode(samples: Int16Array, pts: number, onPacket: (data: Uint8Array, pts: number) => void): void {
    if (samples.length !== this.samplesPerFrame * this.#channels) throw new WcsError('MEDIA_E_PROCESSING', `${samples.length} samples for an audio frame of ${this.samplesPerFrame}`);
    if (this.#encoder !== undefined) onPacket(this.#encoder.encode(samples), pts - LOOK_AHEAD);
  }

  close(): void {
    if (this.#encoder !== undefined) resting.leave(this.#form, this.#encoder);
    this.#encoder = undefined;
  }

  get #form(): string {
    return String(this.#channels);
  }
}
