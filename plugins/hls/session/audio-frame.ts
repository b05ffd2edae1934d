import type { MediaFrame, TrackDescriptor } from 'wcs-core';
import { parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import { parseMp3Header } from 'wcs-core/formats/mp3';
import { opusPacketDurationUs } from 'wcs-core/formats/opus';

/** Gives the duration of a frame of sound in ticks; undefined when the codec doesn't tell or the frame is broken. */
export type FrameTicks = (frame: MediaFrame) => number | undefined;

const AAC_SAMPLES = 1024;
const US_PER_S = 1_000_000;

/** How the frames of a track of sound tell their own duration, on a clock of `rateHz`. */
export function audioFraming(track: TrackDescriptor, rateHz: number): FrameTicks {
  switch (track.codec) {
    case 'aac': {
      const ticks = aacFrameTicks(track.codecConfig, rateHz);
      return () => ticks;
    }
    case 'opus':
      return guarded((frame) => (opusPacketDurationUs(frame.data) * rateHz) / US_PER_S);
    case 'mp3':
      return guarded((frame) => {
        const header = parseMp3Header(frame.data);
        return (header.samplesPerFrame * rateHz) / header.sampleRateHz;
      });
    default:
      return () => undefined;
  }
}

/** The rate of the core decoder counts: with SBR it is half of the output's. */
function aacFrameTicks(config: Uint8Array | undefined, rateHz: number): number {
  if (config === undefined) return AAC_SAMPLES;
  const { samplesPerFrame, sampleRateHz } = parseAudioSpecificConfig(config);
  return Math.round((samplesPerFrame * rateHz) / sampleRateHz);
}

/** Broken bytes of a publisher are no reason to stop: the time stamps decide. */
function guarded(ticksOf: (frame: MediaFrame) => number): FrameTicks {
  return (frame) => {
    try {
      return Math.round(ticksOf(frame));
    } catch {
      return undefined;
    }
  };
}
