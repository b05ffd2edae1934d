import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Clip } from '../../support/clip.ts';
import { readIvfClip, readMp4Clip } from '../../support/clip.ts';
import { ffmpeg, hasFfmpeg } from '../../support/ffmpeg.ts';
import { ChainRecorder, convert, decoded, inputOf, openProcessor, outputFile, pushFrame, tonesOf, type BackEnd, type OpenProcessor } from '../../support/media-processor.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { loadG729 } from '../../../core/process/av/g729-encoder.ts';
import type { MediaProcessor } from '../../../plugins/transcoder/processor/processor.ts';
import type { AudioOutputSpec, VideoOutputSpec } from '../../../plugins/transcoder/processor/chain-spec.ts';

const TONE_HZ = 997;
const SECONDS = 2;
const PICTURES = SECONDS * 25;
const KEY_INTERVAL_US = 500_000;
const H264: VideoOutputSpec = { kind: 'video', codec: 'h264', keyFrameIntervalUs: KEY_INTERVAL_US, preset: 'superfast' };
const AAC_44100 = { sampleRateHz: 44_100, channels: 2, codecConfig: Buffer.from('1210', 'hex').toString('base64') };
const SIZE = { width: 320, height: 180, frameRate: 25 };

/** One of each for all tests, which run side by side. */
const open = new Map<BackEnd, Promise<OpenProcessor>>();

async function processorOf(name: BackEnd): Promise<MediaProcessor> {
  const opening = open.get(name) ?? openProcessor(name);
  open.set(name, opening);
  return (await opening).processor;
}

test.after.always(async () => {
  for (const opening of open.values()) await (await opening).close();
});

const TEST_PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-pix_fmt', 'yuv420p'];
const clips = new Map<string, Promise<Clip>>();

/** A clip, made once. */
function clipOf(codec: 'h264' | 'aac' | 'opus', ...args: readonly string[]): Promise<Clip> {
  const make = async (): Promise<Clip> => {
    const file = join(temporaryFolder(), 'clip.mp4');
    await ffmpeg(...args, '-t', String(SECONDS), file);
    return readMp4Clip(file, codec);
  };
  const key = args.join(' ');
  const clip = clips.get(key) ?? make();
  clips.set(key, clip);
  return clip;
}

const plainPicture = (): Promise<Clip> => clipOf('h264', ...TEST_PICTURE, '-c:v', 'libx264', '-bf', '0', '-g', '25', '-preset', 'ultrafast');
const sound = (): Promise<Clip> => clipOf('aac', '-f', 'lavfi', '-i', `sine=frequency=${TONE_HZ}:sample_rate=44100`, '-ac', '2', '-c:a', 'aac');
const opus = (): Promise<Clip> => clipOf('opus', '-f', 'lavfi', '-i', `sine=frequency=${TONE_HZ}:sample_rate=48000`, '-ac', '2', '-c:a', 'libopus');

function isMonotonic(times: readonly number[]): boolean {
  return times.every((time, index) => index === 0 || time > times[index - 1]!);
}

async function checkSound(t: ExecutionContext, name: BackEnd, clip: Clip, facts: Parameters<typeof inputOf>[1], outputs: readonly AudioOutputSpec[]): Promise<void> {
  const processor = await processorOf(name);
  const made = outputs.filter(({ codec }) => processor.encoders.has(codec));
  const recorder = await convert(processor, inputOf(clip.track, facts), clip.frames, made);
  const tonesHz = await tonesOf(made.map((_, port) => outputFile(recorder, port)));
  made.forEach(({ codec }, port) => {
    const packets = recorder.of(port);
    const seconds = (packets.at(-1)!.ptsUs - packets[0]!.ptsUs) / 1_000_000;
    t.true(isMonotonic(packets.map(({ ptsUs }) => ptsUs)), `${codec} goes forward`);
    const steps = packets.slice(1).map(({ ptsUs }, index) => ptsUs - packets[index]!.ptsUs);
    t.true(Math.max(...steps) - Math.min(...steps) <= 2, `${codec} has a step of ${Math.min(...steps)} to ${Math.max(...steps)} us`);
    t.true(Math.abs(seconds - SECONDS) < 0.2, `${codec}: ${seconds} s`);
    // Both begin on the source's clock; an encoder's lead-in is below this.
    t.true(Math.abs(packets[0]!.ptsUs - clip.frames[0]!.ptsUs) <= 60_000, `${codec} begins at ${packets[0]!.ptsUs} us`);
    const toneHz = tonesHz[port] ?? 0;
    t.true(Math.abs(toneHz / TONE_HZ - 1) < 0.01, `${codec} has a tone of ${toneHz} Hz`);
  });
}

for (const name of ['node-av', 'ffmpeg'] as const) {
  const run = hasFfmpeg ? test : test.skip;

  run(`${name} makes pictures in decoding order of pictures with B frames, key frames on the grid`, async (t) => {
    t.timeout(240_000);
    const clip = await clipOf('h264', ...TEST_PICTURE, '-c:v', 'libx264', '-bf', '3', '-g', '50', '-preset', 'veryfast');
    const processor = await processorOf(name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
    const packets = recorder.of(0);
    t.true(packets.length >= 0.8 * PICTURES, `${packets.length} of ${PICTURES} pictures`);
    t.true(isMonotonic(packets.map(({ ptsUs }) => ptsUs)));
    t.true(packets.every(({ ptsUs, dtsUs }) => ptsUs === dtsUs), 'no picture waits for another');
    const keys = packets.filter(({ key }) => key).map(({ ptsUs }) => Math.floor(ptsUs / KEY_INTERVAL_US));
    t.deepEqual(keys, [...new Set(keys)], 'one key frame in each interval');
    t.true(keys.length >= 4);
    const { frames, errors } = await decoded(outputFile(recorder, 0));
    t.is(errors, '');
    t.deepEqual(frames, [packets.length]);
    t.like(recorder.formatOf(0), { codec: 'h264', width: 320, height: 180 });
  });

  run(`${name} makes several sizes and codecs of one track, none larger than it, with their key frames at the same pictures`, async (t) => {
    t.timeout(240_000);
    const clip = await plainPicture();
    const processor = await processorOf(name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [{ ...H264, maxHeight: 720 }, { ...H264, maxHeight: 90 }, { ...H264, codec: 'vp8', maxWidth: 160, bitrateBps: 200_000 }]);
    t.deepEqual([0, 1, 2].map((port) => [recorder.formatOf(port)?.width, recorder.formatOf(port)?.height]), [[320, 180], [160, 90], [160, 90]]);
    const keysOf = (port: number): number[] => recorder.of(port).filter(({ key }) => key).map(({ ptsUs }) => Math.round(ptsUs / 1000));
    t.deepEqual(keysOf(1), keysOf(0));
    t.deepEqual(keysOf(2), keysOf(0));
    t.is((await decoded(...[0, 1, 2].map((port) => outputFile(recorder, port)))).errors, '');
  });

  run(`${name} turns pictures and puts a watermark on them`, async (t) => {
    t.timeout(240_000);
    const halves = 'color=red:size=80x120:rate=25[left];color=blue:size=80x120:rate=25[right];[left][right]hstack';
    const clip = await clipOf('h264', '-f', 'lavfi', '-i', halves, '-c:v', 'libx264', '-bf', '0', '-g', '25', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p');
    const watermarkFile = join(temporaryFolder(), 'a green.png');
    await ffmpeg('-f', 'lavfi', '-i', 'color=green:size=40x40', '-frames:v', '1', watermarkFile);
    const processor = await processorOf(name);
    const recorder = await convert(processor, inputOf(clip.track, { width: 160, height: 120, frameRate: 25 }), clip.frames, [{ ...H264, rotationDegrees: 90, watermarkFile }, { ...H264, rotationDegrees: 180 }, { ...H264, rotationDegrees: 270, maxWidth: 60 }, { ...H264, watermarkFile }]);
    t.deepEqual([0, 1, 2, 3].map((port) => [recorder.formatOf(port)?.width, recorder.formatOf(port)?.height]), [[120, 160], [160, 120], [60, 80], [160, 120]]);
    /** Colours at the upper left corner, the upper right one, and the lower left one. */
    const coloursOf = async (port: number): Promise<unknown[]> => {
      const { width = 0, height = 0 } = recorder.formatOf(port) ?? {};
      const raw = join(temporaryFolder(), 'raw');
      await ffmpeg('-i', outputFile(recorder, port), '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', raw);
      const bytes = readFileSync(raw);
      return [[8, 8], [width - 8, 8], [8, height - 8]].map(([x = 0, y = 0]) => ['red', 'green', 'blue'][[0, 1, 2].sort((a, b) => bytes[(y * width + x) * 3 + b]! - bytes[(y * width + x) * 3 + a]!)[0]!]);
    };
    t.deepEqual(await Promise.all([0, 1, 2, 3].map(coloursOf)), [['green', 'red', 'blue'], ['blue', 'red', 'blue'], ['blue', 'blue', 'red'], ['green', 'blue', 'red']]);
  });

  run(`${name} makes H.264 of VP8`, async (t) => {
    t.timeout(240_000);
    const file = join(temporaryFolder(), 'clip.ivf');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', String(SECONDS), '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-y', file);
    const clip = readIvfClip(file, 'vp8', 25);
    const processor = await processorOf(name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
    const { frames, errors } = await decoded(outputFile(recorder, 0));
    t.is(errors, '');
    t.true(frames[0]! >= PICTURES - 5, `${frames[0]} of ${PICTURES}`);
  });

  run(`${name} makes sound of AAC at 44.1 kHz in every other codec, with regular times and the right tone`, async (t) => {
    t.timeout(240_000);
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
    t.timeout(240_000);
    await checkSound(t, name, await opus(), { sampleRateHz: 48_000, channels: 2 }, [{ kind: 'audio', codec: 'aac' }, { kind: 'audio', codec: 'aac', sampleRateHz: 44_100, channels: 1 }]);
  });

  run(`${name} says which output can't be made, and goes on with the others`, async (t) => {
    t.timeout(240_000);
    const clip = await plainPicture();
    const processor = await processorOf(name);
    const recorder = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [{ ...H264, preset: 'no-such-preset' }, H264]);
    t.deepEqual(recorder.failures.map(({ port }) => port), [0]);
    t.is((await decoded(outputFile(recorder, 1))).errors, '');
    t.is(recorder.end, undefined);
  });
}

(hasFfmpeg ? test : test.skip)('node-av makes G.729 where libbcg729 is installed, two frames of it at a time', async (t) => {
  t.timeout(240_000);
  const clip = await sound();
  const processor = await processorOf('node-av');
  const isThere = await loadG729();
  t.is(processor.encoders.has('g729'), isThere);
  if (!isThere) { t.log('libbcg729 is not installed'); return; }
  const recorder = await convert(processor, inputOf(clip.track, AAC_44100), clip.frames, [{ kind: 'audio', codec: 'g729' }]);
  t.like(recorder.formatOf(0), { codec: 'g729', sampleRateHz: 8000, channels: 1 });
  const packets = recorder.of(0);
  t.true(packets.length >= SECONDS * 50 - 5 && packets.every(({ data }) => data.length === 20));
  t.true(packets.slice(1).every(({ ptsUs }, index) => ptsUs - packets[index]!.ptsUs === 20_000));
  const [file, wave] = [join(temporaryFolder(), 'made.g729'), join(temporaryFolder(), 'made.wav')];
  writeFileSync(file, Buffer.concat(packets.map(({ data }) => data)));
  await ffmpeg('-f', 'g729', '-i', file, wave);
  const [toneHz = 0] = await tonesOf([wave]);
  t.true(Math.abs(toneHz / TONE_HZ - 1) < 0.01, `a tone of ${toneHz} Hz`);
});

(hasFfmpeg ? test : test.skip)('a clock that jumps ahead, back and stands still leaves sound at the stamps of its source', async (t) => {
  t.timeout(240_000);
  const clip = await sound();
  const shifted = (us: number, part: Clip['frames']): Clip['frames'] => part.map((frame) => ({ ...frame, ptsUs: frame.ptsUs + us, dtsUs: frame.dtsUs + us }));
  const [third, stuck] = [clip.frames.slice(0, 25), clip.frames[10]!];
  const parts = [third, shifted(600_000_000, third), shifted(1_000_000, third), Array.from({ length: 5 }, () => stuck), shifted(900_000_000, third)];
  const recorder = await convert(await processorOf('node-av'), inputOf(clip.track, AAC_44100), parts.flat(), [{ kind: 'audio', codec: 'opus' }, { kind: 'audio', codec: 'aac' }]);
  const begins = [third, parts[1]!, parts[2]!, parts[4]!].map(([first]) => first!.ptsUs);
  for (const port of [0, 1]) {
    const packets = recorder.of(port);
    for (const beginUs of begins) {
      const near = packets.filter(({ ptsUs }) => ptsUs > beginUs - 100_000 && ptsUs < beginUs + 700_000);
      t.true(near.length > 15, `${near.length} units after ${beginUs} us`);
    }
    const stamps = parts.flat().map(({ ptsUs }) => ptsUs);
    t.true(packets.every(({ ptsUs }) => stamps.some((us) => Math.abs(us - ptsUs) < 100_000)), 'nothing has a time that its source has not');
  }
});

(hasFfmpeg ? test : test.skip)('a killed child ends its chains as lost, and another chain works at once', async (t) => {
  t.timeout(240_000);
  const clip = await plainPicture();
  // Not the one of the others, who would be lost with it.
  const opened = await openProcessor('node-av');
  const { processor } = opened;
  t.teardown(() => opened.close());
  const recorder = new ChainRecorder();
  const chain = processor.openChain(inputOf(clip.track, SIZE), recorder, false);
  chain.addOutput(0, H264);
  for (const frame of clip.frames.slice(0, 20)) pushFrame(chain, frame);
  await until(() => recorder.packets.length > 5);
  process.kill((processor as unknown as { pids: number[] }).pids[0]!, 'SIGKILL');
  await until(() => recorder.end !== undefined, 'the end of the chain');
  t.is(recorder.end?.type, 'lost');
  const again = await convert(processor, inputOf(clip.track, SIZE), clip.frames, [H264]);
  t.is((await decoded(outputFile(again, 0))).errors, '');
});
