import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { MediaFrame } from '../../../core/media/frame.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { aacLcConfig, encodeAdtsHeader, encodeAudioSpecificConfig } from '../../../core/formats/aac.ts';
import { PushSound } from '../../../plugins/rtmp/bridge/push-sound.ts';
import { MAX_SOUND_BYTES, readSound } from '../../../plugins/rtmp/bridge/sound-file.ts';
import { ffmpeg, hasFfmpeg } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const real = hasFfmpeg ? test : test.skip;
const config = aacLcConfig(48_000, 2);
const video: TrackDescriptor = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 0 };
const audio: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 44_100, revision: 0, codecConfig: encodeAudioSpecificConfig(aacLcConfig(44_100, 1)) };
const frame = (track: TrackDescriptor, ms: number): MediaFrame => ({ track, ptsUs: ms * 1000, dtsUs: ms * 1000, key: true, data: Uint8Array.of(ms), receivedAtMs: 0 });

/** An ADTS file whose frames are their numbers. */
function adts(frames: number): Buffer {
  return Buffer.concat(Array.from({ length: frames }, (_, index) => [encodeAdtsHeader(config, 1), Uint8Array.of(index)]).flat());
}

async function soundOf(frames: number): Promise<Awaited<ReturnType<typeof readSound>>> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.aac'), adts(frames));
  return readSound(folder, 'a.aac');
}

test('mute replaces each frame of the sound by silence and leaves pictures alone', (t) => {
  const sound = new PushSound(() => undefined);
  t.true(sound.passes);
  sound.muted = true;
  t.false(sound.passes);
  const [silent] = sound.filter(frame(audio, 5));
  t.like(silent, { dtsUs: 5000, track: audio });
  t.deepEqual(silent?.data, Uint8Array.of(0, 0, 0, 7));
  t.deepEqual(sound.filter(frame(video, 6)), [frame(video, 6)]);
});

test('a file is heard at its own pace on the clock of the stream, over again where it is repeated', async (t) => {
  const sound = new PushSound(() => t.fail('it has no end'));
  sound.muted = true;
  sound.play(await soundOf(3), true);
  t.is(sound.trackFor([video, audio])?.sampleRateHz, 48_000);
  const heard: [number, number | undefined][] = [];
  for (let ms = 1000; ms <= 1200; ms += 40) {
    for (const each of sound.filter(frame(video, ms))) if (each.track.kind === 'audio') heard.push([each.dtsUs, each.data[0]]);
    t.deepEqual(sound.filter(frame(audio, ms)), [], 'the stream itself is not heard');
  }
  t.deepEqual(heard.map(([, number]) => number), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  t.deepEqual(heard.map(([timeUs]) => timeUs), heard.map((_, index) => Math.round(1_000_000 + (index * 1024 * 1e6) / 48_000)));
});

test('a file that is not repeated gives way to the stream, also in the next version of the plugin', async (t) => {
  let ends = 0;
  let sound = new PushSound(() => (ends += 1));
  sound.play(await soundOf(2), false);
  t.is(sound.filter(frame(audio, 0)).length, 1);
  sound = new PushSound(() => (ends += 1), structuredClone(sound.exportState()));
  t.deepEqual(sound.filter(frame(audio, 100)).map(({ data }) => data[0]), [1]);
  t.is(ends, 0, 'its last frames go out first');
  t.deepEqual(sound.filter(frame(audio, 120)), [frame(audio, 120)]);
  t.is(ends, 1);
  t.true(sound.passes);
});

real('the sound of MP4, Matroska, FLV and ADTS files is read, and other codecs are refused by name', async (t) => {
  const folder = temporaryFolder();
  const tone = ['-f', 'lavfi', '-i', 'sine=f=500:d=1'];
  await ffmpeg(...tone, '-ac', '2', '-ar', '44100', '-c:a', 'aac', join(folder, 'a.flv'));
  await ffmpeg(...tone, '-ac', '1', '-ar', '48000', '-c:a', 'aac', join(folder, 'a.aac'));
  for (const name of ['a.mp4', 'a.mkv', 'a.m4a']) await ffmpeg('-i', join(folder, 'a.flv'), '-c', 'copy', join(folder, name));
  await ffmpeg(...tone, '-c:a', 'libopus', join(folder, 'opus.mp4'));
  await ffmpeg(...tone, '-ar', '44100', '-c:a', 'libmp3lame', '-f', 'flv', join(folder, 'mp3.flv'));
  const flv = await readSound(folder, 'a.flv');
  t.like(flv, { track: { codec: 'aac', sampleRateHz: 44_100, channels: 2 } });
  for (const name of ['a.mp4', 'a.mkv', 'a.m4a']) t.deepEqual((await readSound(folder, name)).frames, flv.frames, name);
  await t.throwsAsync(readSound(folder, 'opus.mp4'), { code: 'OPERATION_E_INPUT', message: /opus/ });
  const { track, frames, frameUs } = await readSound(folder, 'a.aac');
  t.like(track, { sampleRateHz: 48_000, channels: 1 });
  t.true(frames.length * frameUs > 0.95e6 && frames.length * frameUs < 1.2e6);
  await t.throwsAsync(readSound(folder, 'mp3.flv'), { code: 'OPERATION_E_INPUT', message: /mp3/ });
});

test('files elsewhere, of other kinds, too great or none at all are refused', async (t) => {
  const outside = temporaryFolder();
  const folder = join(outside, 'media');
  mkdirSync(folder);
  writeFileSync(join(outside, 'a.aac'), adts(1));
  symlinkSync(join(outside, 'a.aac'), join(folder, 'link.aac'));
  writeFileSync(join(folder, 'empty.aac'), '');
  writeFileSync(join(folder, 'text.aac'), 'this is no sound');
  writeFileSync(join(folder, 'huge.aac'), '');
  truncateSync(join(folder, 'huge.aac'), MAX_SOUND_BYTES + 1);
  for (const name of ['../a.aac', '/etc/passwd', 'link.aac', 'a\0.aac']) await t.throwsAsync(readSound(folder, name), { code: 'ACCESS_E_REFUSED' }, name);
  for (const name of ['empty.aac', 'text.aac', 'huge.aac']) await t.throwsAsync(readSound(folder, name), { code: 'OPERATION_E_INPUT' }, name);
  for (const name of ['nothing.aac', '.']) await t.throwsAsync(readSound(folder, name), { code: 'MEDIA_E_NOT_FOUND' }, name);
});
