import type * as LibOpusModule from '@evan/opus';
import { WcsError } from '../../errors/wcs-error.ts';
import type { AudioEncoderFormat, SampleEncoder } from './audio-encoder.ts';

type LibOpus = Pick<typeof LibOpusModule, 'Encoder'>;
type LibOpusEncoder = LibOpusModule.Encoder;

const RATE_HZ = 48_000;
/** What the load allows. */
const COMPLEXITY = 5;
/** Samples that the encoder holds back without its speech mode: the first unit begins so long before the first sample. */
const LOOK_AHEAD = 120;

let libOpus: LibOpus | undefined;
/** Their memory is out of the engine's sight and would be given back late: who ends leaves it to who begins. */
const resting = new Map<number, LibOpusEncoder[]>();

/** Loads libopus without FFmpeg around it; false where that package isn't installed. */
export async function loadOpus(): Promise<boolean> {
  libOpus ??= await import('@evan/opus').catch(() => undefined);
  return libOpus !== undefined;
}

/** Opus at 48 kHz in units of 20 ms, without look-ahead for speech: a third cheaper than by way of FFmpeg's frames. */
export class OpusEncoder implements SampleEncoder {
  readonly samplesPerFrame = RATE_HZ / 50;
  readonly #channels: 1 | 2;
  #encoder: LibOpusEncoder | undefined;

  /** @throws WcsError MEDIA_E_PROCESSING where `loadOpus` has not answered true */
  constructor({ channels, bitrateBps }: Pick<AudioEncoderFormat, 'channels' | 'bitrateBps'>) {
    if (libOpus === undefined) throw new WcsError('MEDIA_E_PROCESSING', 'libopus is not loaded');
    this.#channels = channels === 1 ? 1 : 2;
    const encoder = resting.get(this.#channels)?.pop() ?? new libOpus.Encoder({ channels: this.#channels, sample_rate: RATE_HZ, application: 'restricted_lowdelay' });
    encoder.complexity = COMPLEXITY;
    encoder.vbr_constraint = false;
    encoder.bitrate = bitrateBps ?? 'auto';
    this.#encoder = encoder;
  }

  encode(samples: Int16Array, pts: number, onPacket: (data: Uint8Array, pts: number) => void): void {
    if (samples.length !== this.samplesPerFrame * this.#channels) throw new WcsError('MEDIA_E_PROCESSING', `${samples.length} samples for an audio frame of ${this.samplesPerFrame}`);
    if (this.#encoder !== undefined) onPacket(this.#encoder.encode(samples), pts - LOOK_AHEAD);
  }

  close(): void {
    const encoder = this.#encoder;
    this.#encoder = undefined;
    if (encoder === undefined) return;
    encoder.reset();
    const rest = resting.get(this.#channels);
    if (rest === undefined) resting.set(this.#channels, [encoder]);
    else rest.push(encoder);
  }
}
