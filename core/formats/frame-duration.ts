import { ProtocolError } from '../errors/wcs-error.ts';
import { parseAudioSpecificConfig } from './aac.ts';
import type { FileTrack } from './media-file.ts';
import { parseMp3Header } from './mp3.ts';
import { opusPacketDurationUs } from './opus.ts';

const US_PER_SECOND = 1_000_000;

/** How long a frame of sound sounds, microseconds, as its codec says; 0 for pictures and for frames that make no sense. */
export function frameDurationUs({ codec, codecConfig, sampleRateHz, channels = 1 }: FileTrack, frame: Uint8Array): number {
  try {
    switch (codec) {
      case 'opus':
        return opusPacketDurationUs(frame);
      case 'aac': {
        if (codecConfig === undefined) return 0;
        const { samplesPerFrame, sampleRateHz: rateHz } = parseAudioSpecificConfig(codecConfig);
        return (samplesPerFrame * US_PER_SECOND) / rateHz;
      }
      case 'mp3': {
        const { samplesPerFrame, sampleRateHz: rateHz } = parseMp3Header(frame);
        return (samplesPerFrame * US_PER_SECOND) / rateHz;
      }
      case 'pcma':
      case 'pcmu':
        return sampleRateHz === undefined ? 0 : (frame.length * US_PER_SECOND) / (sampleRateHz * channels);
      default:
        return 0;
    }
  } catch (error) {
    if (error instanceof ProtocolError) return 0;
    throw error;
  }
}
