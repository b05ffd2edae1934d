import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Clip } from '../../support/clip.ts';
import { readIvfClip, readMp4Clip } from '../../support/clip.ts';
import { ffmpeg, hasFfmpeg, scratchFolder } from '../../support/ffmpeg.ts';
import { ChainRecorder, convert, decoded, inputOf, openProcessor, outputFile, pushFrame, toneOf, type BackEnd } from '../../support/media-processor.ts';
import { until } from '../../support/until.ts';
import type { AudioOutputSpec, VideoOutputSpec } from '../../../plugins/transcoder/processor/chain-spec.ts';

const TONE_HZ = 997;
const H264: VideoOutputSpec = { kind: 'video', codec: 'h264', keyFrameIntervalUs: 1_000_000, preset: 'superfast' };
const AAC_44100 = { sampleRateHz: 44_100, channels: 2, codecConfig: Buffer.from('1210', 'hex').toString('base64') };
const SIZE = { width: 320, height: 180, frameRate: 25 };

async function picture(args: readonly string[]): Promise<Clip> {
  const file = join(scratchFolder(), 'clip.mp4');
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', '4', '-pix_fmt', 'yuv420p', ...args, '-y', file);
  return readMp4Clip(file, 'h264');
}

async function sound(): Promise<Clip> {
  const file = join(scratchFolder(), 'sound.mp4');
  await ffmpeg('-f', 'lavfi', '-i', `sine=frequency=${TONE_HZ}:sample_rate=44100`, '-t', '4', '-ac', '2', '-c:a', 'aac', '-y', file);
  return readMp4Clip(file, 'aac');
}

async function opus(): Promise<Clip> {
  const file = join(scratchFolder(), 'opus.mp4');
  await ffmpeg('-f', 'lavfi', '-i', `sine=frequency=${TONE_HZ}:sample_rate=48000`, '-t', '4', '-ac', '2', '-c:a', 'libopus', '-y', file);
  return readMp4Clip(file, 'opus');
}

function isMonotonic(times: readonly number[]): boolean {
  return times.every((time, index) => index === 0 || time > times[index - 1]!);
}

async function checkSound(t: ExecutionContext, name: BackEnd, clip: Clip, facts: Parameters<typeof inputOf>[1], outputs: readonly AudioOutputSpec[]): Promise<void> {
  const processor = await openProcessor(t, name);
  const made = outputs.filter(({ codec }) => processor.encoders.has(codec));
  const recorder = await convert(processor, inputOf(clip.track, facts), clip.frames, made);
  made.forEach(({ codec }, port) => {
    const packets = recorder.of(port);
    const seconds = (packets.at(-1)!.ptsUs - packets[0]!.ptsUs) / 1_000_000;
    t.true(isMonotonic(packets.map(({ ptsUs }) => ptsUs)), `${codec} goes forward`);
    const steps = packets.slice(1).map(({ ptsUs }, index) => ptsUs - packets[index]!.ptsUs);
    t.true(Math.max(...steps) - Math.min(...steps) <= 2, `${codec} has a step of ${Math.min(...steps)} to ${Math.max(...steps)} us`);
    t.true(Math.abs(seconds - 4) < 0.2, `${codec}: ${seconds} s`);
    // Both begin on the source's clock; an encoder's lead-in is below this.
    t.true(Math.abs(packets[0]!.ptsUs - clip.frames[0]!.ptsUs) <= 60_000, `${codec} begins at ${packets[0]!.ptsUs} us`);
    const toneHz = toneOf(outputFile(recorder, port));
    t.true(Math.abs(toneHz / TONE_HZ - 1) < 0.01, `${codec} has a tone of ${toneHz} Hz`);
  });
}

for (const name of ['node-av', 'ffmpeg'] as const) {
  const run = hasFfmpeg ? test.serial : test.serial.skip;

  run(`${name} makes pictures in decoding order of pictures with B frames, key frames on the grid`, async (t) => {
    t.timeout(60_000);
    const clip = await picture(['-c:v', 'libx264', '-bf', '3', '-g', '50', '-preset', 'veryfast']);
    const processor = await openProcessor(t, name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
    const packets = recorder.of(0);
    t.true(packets.length >= 80, `${packets.length} of 100 pictures`);
    t.true(isMonotonic(packets.map(({ ptsUs }) => ptsUs)));
    t.true(packets.every(({ ptsUs, dtsUs }) => ptsUs === dtsUs), 'no picture waits for another');
    const keys = packets.filter(({ key }) => key).map(({ ptsUs }) => Math.floor(ptsUs / 1_000_000));
    t.deepEqual(keys, [...new Set(keys)], 'one key frame a second');
    t.true(keys.length >= 4);
    const { frames, errors } = decoded(outputFile(recorder, 0));
    t.is(errors, '');
    t.is(frames, packets.length);
    t.like(recorder.formatOf(0), { codec: 'h264', width: 320, height: 180 });
  });

  run(`${name} makes several sizes and codecs of one track, none larger than it, with their key frames at the same pictures`, async (t) => {
    t.timeout(60_000);
    const clip = await picture(['-c:v', 'libx264', '-bf', '0', '-g', '25', '-preset', 'ultrafast']);
    const processor = await openProcessor(t, name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [{ ...H264, maxHeight: 720 }, { ...H264, maxHeight: 90 }, { ...H264, codec: 'vp8', maxWidth: 160, bitrateBps: 200_000 }]);
    t.deepEqual([0, 1, 2].map((port) => [recorder.formatOf(port)?.width, recorder.formatOf(port)?.height]), [[320, 180], [160, 90], [160, 90]]);
    const keysOf = (port: number): number[] => recorder.of(port).filter(({ key }) => key).map(({ ptsUs }) => Math.round(ptsUs / 1000));
    t.deepEqual(keysOf(1), keysOf(0));
    t.deepEqual(keysOf(2), keysOf(0));
    for (const port of [0, 1, 2]) t.is(decoded(outputFile(recorder, port)).errors, '');
  });

  run(`${name} makes H.264 of VP8`, async (t) => {
    t.timeout(60_000);
    const file = join(scratchFolder(), 'clip.ivf');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', '3', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-y', file);
    const clip = readIvfClip(file, 'vp8', 25);
    const processor = await openProcessor(t, name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
    const { frames, errors } = decoded(outputFile(recorder, 0));
    t.is(errors, '');
    t.true(frames >= 70, `${frames} of 75`);
  });

  run(`${name} makes sound of AAC at 44.1 kHz in every other codec, with regular times and the right tone`, async (t) => {
    t.timeout(90_000);
    await checkSound(t, name, await sound(), AAC_44100, [
      { kind: 'audio', codec: 'opus' },
      { kind: 'audio', codec: 'pcmu' },
      { kind: 'audio', codec: 'pcma' },
      { kind: 'audio', codec: 'g722' },
      { kind: 'audio', codec: 'mp3' },
      { kind: 'audio', codec: 'speex' },
    ]);
  });

  run(`${name} makes AAC of Opus, and of what it made before`, async (t) => {
    t.timeout(90_000);
    await checkSound(t, name, await opus(), { sampleRateHz: 48_000, channels: 2 }, [{ kind: 'audio', codec: 'aac' }, { kind: 'audio', codec: 'aac', sampleRateHz: 44_100, channels: 1 }]);
  });

  run(`${name} says which output can't be made, and goes on with the others`, async (t) => {
    t.timeout(60_000);
    const clip = await picture(['-c:v', 'libx264', '-bf', '0', '-g', '25', '-preset', 'ultrafast']);
    const processor = await openProcessor(t, name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [{ ...H264, preset: 'no-such-preset' }, H264]);
    t.deepEqual(recorder.failures.map(({ port }) => port), [0]);
    t.is(decoded(outputFile(recorder, 1)).errors, '');
    t.is(recorder.end, undefined);
  });
}

test.serial('a killed child ends its chains as lost, and another chain works at once', async (t) => {
  t.timeout(60_000);
  const clip = await picture(['-c:v', 'libx264', '-bf', '0', '-g', '25', '-preset', 'ultrafast']);
  const processor = await openProcessor(t, 'node-av');
  const recorder = new ChainRecorder();
  const chain = processor.openChain(inputOf(clip.track, SIZE), recorder, false);
  chain.addOutput(0, H264);
  for (const frame of clip.frames.slice(0, 20)) pushFrame(chain, frame);
  await until(() => recorder.packets.length > 5);
  process.kill((processor as unknown as { pids: number[] }).pids[0]!, 'SIGKILL');
  await until(() => recorder.end !== undefined, 'the end of the chain', 2000);
  t.is(recorder.end?.type, 'lost');
  const again = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
  t.is(decoded(outputFile(again, 0)).errors, '');
});
