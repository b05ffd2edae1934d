import type { Codec } from 'wcs-core';
import { opusOptions } from 'wcs-core/process/opus-options';
import type { AudioOutputSpec } from './chain-spec.ts';

/** How sound of a codec is made. */
export interface AudioFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly bitrateBps: number | undefined;
  /** For codecs that leave it open. */
  readonly samplesPerFrame: number;
  readonly options: Readonly<Record<string, string>>;
}

/** The one form in which telephone codecs, and Opus, are carried. @see RFC 3551 section 4.5, RFC 7587 section 4.1 */
const FIXED: Readonly<Partial<Record<Codec, { readonly sampleRateHz: number; readonly channels?: number }>>> = {
  opus: { sampleRateHz: 48_000 },
  pcma: { sampleRateHz: 8000, channels: 1 },
  pcmu: { sampleRateHz: 8000, channels: 1 },
  g722: { sampleRateHz: 16_000, channels: 1 },
  g729: { sampleRateHz: 8000, channels: 1 },
  speex: { sampleRateHz: 16_000, channels: 1 },
};
const AAC_RATES: readonly number[] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const MP3_RATES: readonly number[] = [16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const DEFAULT_RATE_HZ = 48_000;
const BITRATE_PER_CHANNEL_BPS: Readonly<Partial<Record<Codec, number>>> = { opus: 48_000, aac: 64_000, mp3: 64_000 };
const FRAME_MS = 20;

/** What is made for an output, of sound with the given rate and channels. */
export function audioFormatFor({ codec, sampleRateHz, channels, bitrateBps, opusComplexity }: AudioOutputSpec, source: { readonly sampleRateHz: number; readonly channels: number }): AudioFormat {
  const fixed = FIXED[codec];
  const rates = codec === 'mp3' ? MP3_RATES : AAC_RATES;
  const wantedHz = sampleRateHz ?? source.sampleRateHz;
  const rateHz = fixed?.sampleRateHz ?? (rates.includes(wantedHz) ? wantedHz : DEFAULT_RATE_HZ);
  const count = fixed?.channels ?? Math.max(1, Math.min(2, channels ?? source.channels));
  const perChannel = BITRATE_PER_CHANNEL_BPS[codec];
  return {
    sampleRateHz: rateHz,
    channels: count,
    bitrateBps: perChannel === undefined ? undefined : (bitrateBps ?? perChannel * count),
    samplesPerFrame: (rateHz * FRAME_MS) / 1000,
    options: codec === 'opus' ? opusOptions(opusComplexity) : {},
  };
}
