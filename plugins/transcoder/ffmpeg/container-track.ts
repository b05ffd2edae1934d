import type { Codec } from 'wcs-core';
import { isMatroskaCodec, type MatroskaTrack } from 'wcs-core/formats/matroska';
import type { ChainInput } from '../processor/chain-spec.ts';

/** Number of the only track of a file that is handed to ffmpeg. */
export const TRACK_NUMBER = 1;
const DEFAULT_SAMPLE_RATE_HZ = 8000;
const OPUS_SAMPLE_RATE_HZ = 48_000;

/** The codecs that can be handed to ffmpeg. */
export function canCarry(codec: Codec): boolean {
  return isMatroskaCodec(codec);
}

/** The track of an input as Matroska describes it. @throws RangeError for a codec that it has no place for */
export function containerTrackOf({ kind, codec, codecConfig, width, height, sampleRateHz, channels }: ChainInput): MatroskaTrack {
  if (!isMatroskaCodec(codec)) throw new RangeError(`${codec} can't be handed to ffmpeg`);
  const common = { number: TRACK_NUMBER, ...(codecConfig === undefined ? {} : { codecConfig: Buffer.from(codecConfig, 'base64') }) };
  if (kind === 'video') return { ...common, kind, codec, width: width ?? 0, height: height ?? 0 } as MatroskaTrack;
  const rateHz = sampleRateHz ?? (codec === 'opus' ? OPUS_SAMPLE_RATE_HZ : DEFAULT_SAMPLE_RATE_HZ);
  return { ...common, kind, codec, sampleRateHz: rateHz, channels: channels ?? 1 } as MatroskaTrack;
}
