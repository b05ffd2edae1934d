import fc from 'fast-check';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';

export const VIDEO: TrackDescriptor = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 1, width: 320, height: 180 };
export const AUDIO: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 1, sampleRateHz: 48_000, channels: 2 };

const AUDIO_FRAME_US = 21_333;

export function frameOf(track: TrackDescriptor, dtsUs: number, key: boolean, more: Partial<MediaFrame> = {}): MediaFrame {
  return { track, dtsUs, ptsUs: dtsUs, key, data: Uint8Array.of(1, 2, 3), receivedAtMs: dtsUs / 1000, ...more };
}

/** Keeps hundreds of frames out of the report of a counter-example: the seed and path that it names bring them back. */
function quiet(stream: AnyStream): AnyStream {
  return Object.defineProperty(stream, fc.toStringMethod, { value: () => `${stream.frames.length} frames, ${stream.frameIntervalUs} us apart` });
}

/** A stream as publishers send them: any frame rate, jitter, key frames as they like, pauses, with or without sound. */
export interface AnyStream {
  readonly frames: readonly MediaFrame[];
  readonly hasVideo: boolean;
  readonly frameIntervalUs: number;
}

/** Streams of some seconds; frames in order of arrival. */
export const anyStream: fc.Arbitrary<AnyStream> = fc
  .record({
    kinds: fc.constantFrom('both', 'video', 'audio'),
    frameRate: fc.integer({ min: 1, max: 60 }),
    jitter: fc.double({ min: 0, max: 0.4, noNaN: true }),
    seconds: fc.integer({ min: 2, max: 20 }),
    keyEvery: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 }),
    pauses: fc.array(fc.record({ atFrame: fc.nat(200), us: fc.integer({ min: 0, max: 4_000_000 }) }), { maxLength: 2 }),
    soundAheadUs: fc.integer({ min: -400_000, max: 400_000 }),
    seed: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 7, maxLength: 13 }),
  })
  .map(({ kinds, frameRate, jitter, seconds, keyEvery, pauses, soundAheadUs, seed }) => {
    const intervalUs = Math.round(1_000_000 / frameRate);
    const frames: (MediaFrame & { readonly arrivalUs: number })[] = [];
    const endUs = seconds * 1_000_000;
    if (kinds !== 'audio') {
      let atUs = 1_000_000;
      let toKey = 0;
      let group = 0;
      for (let index = 0; atUs < endUs; index++) {
        frames.push({ ...frameOf(VIDEO, atUs, toKey === 0), arrivalUs: atUs });
        if (toKey-- === 0) toKey = (keyEvery[group++ % keyEvery.length] ?? 1) - 1;
        const pauseUs = pauses.find(({ atFrame }) => atFrame === index)?.us ?? 0;
        atUs += Math.max(1000, Math.round(intervalUs * (1 + jitter * (seed[index % seed.length] ?? 0)))) + pauseUs;
      }
    }
    if (kinds !== 'video') {
      for (let atUs = 1_000_000; atUs < endUs; atUs += AUDIO_FRAME_US) frames.push({ ...frameOf(AUDIO, atUs, true), arrivalUs: atUs - soundAheadUs });
    }
    frames.sort((a, b) => a.arrivalUs - b.arrivalUs);
    return quiet({ frames: frames.map(({ arrivalUs: _arrivalUs, ...frame }) => frame), hasVideo: kinds !== 'audio', frameIntervalUs: kinds === 'audio' ? AUDIO_FRAME_US : intervalUs });
  });
