import { parseAudioSpecificConfig } from './aac.ts';
import { parseMp3Header } from './mp3.ts';
import { opusPacketDurationUs } from './opus.ts';

/** What is known of a track of sound; `codecConfig` as in MP4. */
export interface AudioFormat {
  readonly codec: string;
  readonly codecConfig?: Uint8Array;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** Gives the duration of a frame of sound in ticks; undefined when the codec doesn't tell or the frame is broken. */
export type FrameTicks = (data: Uint8Array) => number | undefined;

const AAC_SAMPLES = 1024;
const G711_RATE_HZ = 8000;
const US_PER_S = 1_000_000;

/** How the frames of a track of sound tell their own duration, on a clock of `rateHz`. */
export function audioFrameTicks(format: AudioFormat, rateHz: number): FrameTicks {
  const { codec, sampleRateHz = G711_RATE_HZ, channels = 1 } = format;
  switch (codec) {
    case 'aac': {
      const ticks = aacFrameTicks(format, rateHz);
      return () => ticks;
    }
    case 'opus':
      return guarded((data) => (opusPacketDurationUs(data) * rateHz) / US_PER_S);
    case 'mp3':
      return guarded((data) => {
        const header = parseMp3Header(data);
        return (header.samplesPerFrame * rateHz) / header.sampleRateHz;
      });
    case 'pcma':
    case 'pcmu':
      return (data) => Math.round((data.length / channels) * (rateHz / sampleRateHz));
    default:
      return () => undefined;
  }
}

/** The rate of the core decoder counts: with SBR it is half of the output's. */
function aacFrameTicks({ codecConfig, sampleRateHz: statedHz }: AudioFormat, rateHz: number): number | undefined {
  if (codecConfig === undefined) return statedHz === undefined ? undefined : Math.round((AAC_SAMPLES * rateHz) / statedHz);
  try {
    const { samplesPerFrame, sampleRateHz } = parseAudioSpecificConfig(codecConfig);
    return Math.round((samplesPerFrame * rateHz) / sampleRateHz);
  } catch {
    return undefined;
  }
}

/** Broken bytes of a publisher are no reason to stop: the time stamps decide. */
function guarded(ticksOf: FrameTicks): FrameTicks {
  return (data) => {
    try {
      return Math.round(ticksOf(data) ?? 0);
    } catch {
      return undefined;
    }
  };
}
