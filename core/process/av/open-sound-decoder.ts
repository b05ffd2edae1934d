import type { Codec } from '../../media/codecs.ts';
import { DECODERS } from './codec-names.ts';
import type { DecoderFormat } from './decoder.ts';
import { hasOpus } from './lib-opus.ts';
import { isOpusForm, OpusDecoder } from './opus-decoder.ts';
import { ResampledDecoder, type SoundDecoder, type SoundForm } from './sound-decoder.ts';

/** The cheapest decoder of a codec to a form. @throws WcsError MEDIA_E_PROCESSING */
export function openSoundDecoder(codec: Codec, format: Omit<DecoderFormat, 'names'>, form: SoundForm): SoundDecoder {
  if (codec === 'opus' && hasOpus() && isOpusForm(form)) return new OpusDecoder(form);
  return new ResampledDecoder({ ...format, names: DECODERS[codec] ?? [] }, form);
}
