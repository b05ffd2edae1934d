import type { Codec } from '../../media/codecs.ts';
import { AudioEncoder, type AudioEncoderFormat, type SampleEncoder } from './audio-encoder.ts';
import { ENCODERS } from './codec-names.ts';
import { G729Encoder, loadG729 } from './g729-encoder.ts';
import { hasOpus, loadOpus } from './lib-opus.ts';
import { OpusEncoder } from './opus-encoder.ts';

/**
 * Loads the encoders that are not FFmpeg's, as far as they are installed.
 *
 * @returns the codecs that can be made by them alone
 */
export async function loadAudioEncoders(): Promise<readonly Codec[]> {
  const [, g729] = await Promise.all([loadOpus(), loadG729()]);
  return g729 ? ['g729'] : [];
}

/** The best encoder of a codec. @throws WcsError MEDIA_E_PROCESSING */
export function openAudioEncoder(codec: Codec, format: Omit<AudioEncoderFormat, 'names'>): SampleEncoder {
  if (codec === 'g729') return new G729Encoder();
  if (codec === 'opus' && hasOpus()) return new OpusEncoder(format);
  return new AudioEncoder({ ...format, names: ENCODERS[codec] ?? [] });
}
