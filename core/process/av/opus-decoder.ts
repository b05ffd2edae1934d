import type { TimedData } from './native.ts';
import { opus, Resting, type LibOpusDecoder } from './lib-opus.ts';
import type { SoundDecoder, SoundForm } from './sound-decoder.ts';

/** Rates that libopus puts out. @see RFC 6716 section 2.1.1 */
const RATES_HZ = [8000, 12_000, 16_000, 24_000, 48_000] as const;

const resting = new Resting<LibOpusDecoder>();

/** True for a form that libopus decodes to without a resampler. */
export function isOpusForm({ sampleRateHz, channels }: SoundForm): boolean {
  return RATES_HZ.some((rateHz) => rateHz === sampleRateHz) && (channels === 1 || channels === 2);
}

/** Opus by libopus alone: half the price of the way through FFmpeg's packets and frames. */
export class OpusDecoder implements SoundDecoder {
  readonly #form: string;
  #decoder: LibOpusDecoder | undefined;

  /** @throws WcsError MEDIA_E_PROCESSING where `loadOpus` has not answered true */
  constructor({ sampleRateHz, channels }: SoundForm) {
    this.#form = `${sampleRateHz} ${channels}`;
    this.#decoder = resting.take(this.#form) ?? new (opus().Decoder)({ channels: channels === 1 ? 1 : 2, sample_rate: RATES_HZ.find((rateHz) => rateHz === sampleRateHz) ?? 48_000 });
  }

  decode({ data, ptsUs }: TimedData, take: (samples: Int16Array, ptsUs: number) => void): void {
    const bytes = this.#decode(data);
    if (bytes !== undefined) take(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2), ptsUs);
  }

  close(): void {
    if (this.#decoder !== undefined) resting.leave(this.#form, this.#decoder);
    this.#decoder = undefined;
  }

  /** Undefined for what is no Opus packet. */
  #decode(data: Uint8Array): Uint8Array | undefined {
    try {
      return this.#decoder?.decode(data);
    } catch {
      return undefined;
    }
  }
}
