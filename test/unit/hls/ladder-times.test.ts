import test from 'ava';
import fc from 'fast-check';
import type { MediaFrame } from '../../../core/media/frame.ts';
import type { CutPart } from '../../../plugins/hls/session/cut.ts';
import { Fmp4Packager } from '../../../plugins/hls/session/fmp4-packager.ts';
import { Segmenter } from '../../../plugins/hls/session/segmenter.ts';
import { timingFor } from '../../../plugins/hls/session/timing.ts';
import { AUDIO, frameOf, VIDEO } from '../../support/hls-frames.ts';
import { readFragment } from '../../support/mp4-walk.ts';

const [VIDEO_ID, AUDIO_ID] = [1, 2];
const PICTURE_US = 40_000;
const SOUND_US = (1024 * 1_000_000) / 48_000;
const SECONDS = 12;

/** How the sound of a source is stamped, and when its pictures come. */
interface Source {
  /** Stamps are whole milliseconds, as those of RTMP. */
  readonly isRounded: boolean;
  readonly ppm: number;
  /** Each second the stamps step back by so much, or, below zero, sound is missing. */
  readonly slipUs: number;
  /** Pictures are made of others and come so long after sound of the same time. */
  readonly lateUs: number;
}

/** Pictures with a key frame each second, and sound whose bytes are its number, in order of arrival. */
function framesOf({ isRounded, ppm, slipUs, lateUs }: Source): MediaFrame[] {
  const pictures = Array.from({ length: (SECONDS * 1_000_000) / PICTURE_US }, (_, index) => frameOf(VIDEO, index * PICTURE_US, (index * PICTURE_US) % 1_000_000 === 0));
  const sound = Array.from({ length: Math.floor((SECONDS * 1_000_000) / SOUND_US) }, (_, index) => {
    const exactUs = index * SOUND_US * (1 + ppm / 1e6) - Math.floor((index * SOUND_US) / 1_000_000) * slipUs;
    const dtsUs = isRounded ? Math.round(exactUs / 1000) * 1000 : Math.round(exactUs);
    return frameOf(AUDIO, Math.max(0, dtsUs), true, { data: Uint8Array.of(index >> 8, index & 0xff) });
  });
  const arrivalUs = (frame: MediaFrame): number => frame.dtsUs + (frame.track.kind === 'video' ? lateUs : 0);
  return [...pictures, ...sound].sort((a, b) => arrivalUs(a) - arrivalUs(b));
}

interface Fragment {
  readonly segment: number;
  readonly video: { readonly dts: bigint; readonly duration: number } | undefined;
  readonly sound: readonly { readonly number: number; readonly dts: number; readonly duration: number }[];
  readonly nextSoundKnown: boolean;
}

/** What a variant that is begun at a key frame has, fragment by fragment. */
function variant(frames: readonly MediaFrame[], fromUs: number): Fragment[] {
  const segmenter = new Segmenter(timingFor({ segmentMs: 2000, partMs: 300, maxSegmentMs: 10_000 }, { frameIntervalUs: PICTURE_US, keyIntervalUs: 1_000_000 }));
  segmenter.setTracks(VIDEO, 'audio');
  const packager = new Fmp4Packager({ container: 'fmp4', tracks: [VIDEO, AUDIO], sequenceNumber: 1 });
  let segment = 0;
  const fragmentOf = (part: CutPart): Fragment => {
    const tracks = readFragment(packager.pack(part, false));
    const [first] = tracks.get(VIDEO_ID) ?? [];
    const sound = (tracks.get(AUDIO_ID) ?? []).map(({ data, dts, duration }) => ({ number: data.readUInt16BE(0), dts: Number(dts), duration }));
    return { segment, video: first === undefined ? undefined : { dts: first.dts, duration: first.duration }, sound, nextSoundKnown: part.nextAudioUs !== undefined };
  };
  return frames.filter(({ dtsUs }) => dtsUs >= fromUs).flatMap((frame) => segmenter.push(frame)).flatMap((cut) => {
    if (cut.type === 'segmentEnd') segment += 1;
    return cut.type === 'part' ? [fragmentOf(cut)] : [];
  });
}

const sources = fc.record({
  isRounded: fc.boolean(),
  ppm: fc.integer({ min: -500, max: 500 }),
  slipUs: fc.constantFrom(0, 0, 5000, 16_000, -16_000, -70_000),
  lateUs: fc.integer({ min: 60_000, max: 400_000 }),
});

test('variants that were begun at different moments have the same fragments from where their segments meet on', (t) => {
  fc.assert(
    fc.property(sources, fc.integer({ min: 1, max: 5 }), (source, laterS) => {
      const frames = framesOf(source);
      const [early, late] = [variant(frames, 0), variant(frames, laterS * 1_000_000)];
      // Key frames come each second, segments last two: from the next even second on they are the same ones, all but the first with its short first part.
      const meetsTicks = BigInt((Math.floor(laterS / 2) * 2 + 2) * 90_000);
      const from = (fragments: readonly Fragment[]): unknown[] => {
        const at = fragments.findIndex(({ video }) => video?.dts === meetsTicks);
        const first = fragments[at]?.segment ?? 0;
        return fragments.slice(at).map((fragment) => ({ ...fragment, segment: fragment.segment - first }));
      };
      t.true(from(early).length > 15);
      t.deepEqual(from(late), from(early));
    }),
    { numRuns: 60 },
  );
});

test('sound lies end to end, however its stamps are rounded or drift, and no part of it is off its stamp', (t) => {
  fc.assert(
    fc.property(sources, (source) => {
      const frames = framesOf(source);
      const stamps = frames.filter(({ track }) => track.kind === 'audio').map(({ dtsUs }) => Math.round((dtsUs * 48_000) / 1_000_000));
      const fragments = variant(frames, 0).filter(({ sound }) => sound.length > 0);
      fragments.forEach(({ sound, nextSoundKnown }, index) => {
        t.is(sound[0]!.dts, stamps[sound[0]!.number]!);
        sound.slice(1).forEach(({ dts }, at) => t.is(dts, sound[at]!.dts + sound[at]!.duration));
        const [last, next] = [sound.at(-1)!, fragments[index + 1]?.sound[0]];
        const isHole = source.slipUs < -20_000;
        if (next !== undefined && nextSoundKnown && !isHole) t.is(next.dts, last.dts + last.duration);
      });
      const numbers = fragments.flatMap(({ sound }) => sound.map(({ number }) => number));
      t.deepEqual(numbers, numbers.map((_, index) => numbers[0]! + index));
    }),
    { numRuns: 40 },
  );
});
