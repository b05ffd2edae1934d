import test from 'ava';
import fc from 'fast-check';
import { acceptanceOfEncoder, encoderSchema } from '../../../plugins/transcoder/managed/encoder-input.ts';
import { acceptanceOfProfile, DEFAULT_PROFILES, isInLadder, profileSchema } from '../../../plugins/transcoder/managed/profiles.ts';
import { audioFormatFor } from '../../../plugins/transcoder/processor/audio-format.ts';
import { defaultBitrateBps, fittedSize } from '../../../plugins/transcoder/processor/picture-size.ts';

const ladder = Object.fromEntries(Object.entries(DEFAULT_PROFILES).map(([name, profile]) => [name, profileSchema.parse(profile)]));

test('a ladder has the profiles that are no higher than the source, and always the lowest', (t) => {
  const of = (height: number | undefined): string[] => Object.keys(ladder).filter((name) => isInLadder(name, ladder, height));
  t.deepEqual(of(1080), ['720p', '480p', '360p', '240p']);
  t.deepEqual(of(480), ['480p', '360p', '240p']);
  t.deepEqual(of(100), ['240p']);
  t.deepEqual(of(undefined), ['720p', '480p', '360p', '240p']);
});

test('a profile becomes what a reader accepts; sound that it says nothing of stays as published', (t) => {
  t.deepEqual(acceptanceOfProfile(profileSchema.parse({ height: 360, bitrate: 650, fps: 25 })), [
    { kind: 'video', codecs: ['h264'], target: { keyFrameIntervalUs: 2_000_000, height: 360, frameRate: 25, bitrateBps: 650_000 } },
    { kind: 'audio', codecs: ['aac'] },
  ]);
  t.deepEqual(acceptanceOfProfile(profileSchema.parse({ audioCodec: 'opus', audioRate: 48_000, audioBitrate: 64 }))[1], { kind: 'audio', codecs: ['opus'], target: { sampleRateHz: 48_000, bitrateBps: 64_000 } });
  t.throws(() => profileSchema.parse({ heigth: 360 }));
});

test('an encoder of REST counts key frames in frames, zero as not said, and bitrates of sound in either unit', (t) => {
  const accept = (encoder: object) => acceptanceOfEncoder(encoderSchema.parse(encoder));
  t.deepEqual(accept({ width: '320', height: 0, fps: 15, keyFrameInterval: 30 })[0]?.target, { width: 320, frameRate: 15, keyFrameIntervalUs: 2_000_000 });
  t.is(accept({ audioCodec: 'aac', audioBitrate: 64 })[1]?.target?.bitrateBps, 64_000);
  t.is(accept({ audioCodec: 'aac', audioBitrate: 64_000 })[1]?.target?.bitrateBps, 64_000);
  t.throws(() => accept({ videoCodec: 'theora' }), { code: 'OPERATION_E_INPUT' });
});

test('a fitted picture is even, no larger than its source or its bounds, and in its shape', (t) => {
  const side = fc.integer({ min: 16, max: 4096 });
  fc.assert(
    fc.property(side, side, fc.option(side, { nil: undefined }), fc.option(side, { nil: undefined }), (width, height, maxWidth, maxHeight) => {
      const size = fittedSize({ width, height }, { width: maxWidth, height: maxHeight });
      const isEven = size.width % 2 === 0 && size.height % 2 === 0;
      const isWithin = size.width <= Math.min(width, maxWidth ?? Infinity) + 1 && size.height <= Math.min(height, maxHeight ?? Infinity) + 1;
      const scale = Math.min(1, (maxWidth ?? Infinity) / width, (maxHeight ?? Infinity) / height);
      return isEven && isWithin && (size.width <= 2 || Math.abs(size.width - width * scale) <= 1) && (size.height <= 2 || Math.abs(size.height - height * scale) <= 1);
    }),
  );
  t.deepEqual(fittedSize({ width: 1280, height: 720 }, { height: 360 }), { width: 640, height: 360 });
  t.true(defaultBitrateBps({ width: 1280, height: 720 }, 30) > defaultBitrateBps({ width: 640, height: 360 }, 30));
});

test('sound is made at a rate that its codec has, in one channel where it has no two', (t) => {
  const source = { sampleRateHz: 44_100, channels: 6 };
  t.like(audioFormatFor({ kind: 'audio', codec: 'opus' }, source), { sampleRateHz: 48_000, channels: 2, samplesPerFrame: 960 });
  t.like(audioFormatFor({ kind: 'audio', codec: 'aac' }, source), { sampleRateHz: 44_100, channels: 2 });
  t.like(audioFormatFor({ kind: 'audio', codec: 'aac', sampleRateHz: 7000 }, source), { sampleRateHz: 48_000 });
  t.like(audioFormatFor({ kind: 'audio', codec: 'pcmu' }, source), { sampleRateHz: 8000, channels: 1, bitrateBps: undefined });
  t.like(audioFormatFor({ kind: 'audio', codec: 'g722' }, source), { sampleRateHz: 16_000, channels: 1 });
});
