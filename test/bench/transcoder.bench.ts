import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Acceptance } from '../../core/media/negotiate.ts';
import { ffmpeg } from '../support/ffmpeg.ts';
import { clipOfFlv, LoopPublisher, type Clip } from '../support/hls.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { childrenOf, TimedReader } from '../support/transcoded.ts';
import { until } from '../support/until.ts';
import type { BenchResult, BenchRow } from './bench.ts';
import { ffmpegCpuMs } from './ffmpeg-cost.ts';
import { cpuMsOf, percentile } from './process-time.ts';

/** Whole frames of sound and of pictures: the clip goes on from its end at its beginning without a slip of the clock. */
const SECONDS = 3.2;
/** The engine has compiled by then what is hot: before, a track costs up to twice as much. */
const WARM_UP_MS = 4000;
const MEASURED_MS = 2500;
const SOUNDS = 10;
const RUNGS = [720, 480, 360];
const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-g', '60', '-threads', '1'];
const ONLY_VIDEO: Acceptance = { kind: 'audio', codecs: [] };

interface Source {
  readonly file: string;
  readonly clip: Clip;
}

/** A moving picture with a tone, as an encoder of the field sends it. */
async function source(width: number, height: number, bitrate: string): Promise<Source> {
  const file = join(temporaryFolder(), `${height}.flv`);
  const inputs = ['-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=30`, '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
  await ffmpeg(...inputs, '-t', String(SECONDS), '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-bf', '0', '-pix_fmt', 'yuv420p', '-b:v', bitrate, '-c:a', 'aac', '-ac', '2', '-b:a', '96k', file);
  const clip = clipOfFlv(file, { width, height, frameRate: 30 }, SECONDS);
  // An encoder adds a frame of sound at its end.
  return { file, clip: { ...clip, frames: clip.frames.filter(({ dtsUs }) => dtsUs < clip.durationUs) } };
}

/** What readers cost and wait beyond one that takes the stream as it is. */
async function measure(kernel: TestKernel, clip: Clip, streams: number, readersOf: readonly (readonly Acceptance[])[], kind: 'audio' | 'video') {
  const bus = kernel.kernel.parts.media;
  const publishers = Array.from({ length: streams }, (_, index) => new LoopPublisher(bus, `${kind}${readersOf.length}-${index}`, clip));
  const asItIs: Acceptance = kind === 'audio' ? { kind, codecs: ['aac'] } : { kind, codecs: ['h264'] };
  const direct = new TimedReader(publishers[0]!.publication.stream, [asItIs]);
  const readers = publishers.flatMap(({ publication }) => readersOf.map((accept) => new TimedReader(publication.stream, accept)));
  await until(() => readers.every((reader) => reader.of(kind).length > 10), 'all that is made', 30_000);
  await sleep(WARM_UP_MS);
  const pids = childrenOf('transcoder');
  const before = { child: cpuMsOf(pids), server: process.cpuUsage(), atMs: performance.now() };
  await sleep(MEASURED_MS);
  const elapsedMs = performance.now() - before.atMs;
  const server = process.cpuUsage(before.server);
  const child = cpuMsOf(pids) - before.child;
  // The clip's clock against this one: of direct readers it is the publisher's own lateness.
  const lateMs = (reader: TimedReader): number[] => reader.of(kind, before.atMs).map(({ atMs, frame }) => atMs - frame.ptsUs / 1000);
  const directMs = percentile(lateMs(direct));
  const addedMs = lateMs(readers[0]!).map((ms) => ms - directMs);
  for (const reader of [direct, ...readers]) reader.subscription.close();
  for (const publisher of publishers) {
    publisher.stop();
    publisher.publication.end('done');
  }
  return { childPercent: (child * 100) / elapsedMs, serverPercent: ((server.user + server.system) / 10 / elapsedMs), addedMs, clipSeconds: elapsedMs / 1000 };
}

async function sound(kernel: TestKernel, { file, clip }: Source): Promise<BenchRow[]> {
  // What publishers and readers cost in this process without anything being made.
  const asItIs = await measure(kernel, clip, SOUNDS, [[{ kind: 'audio', codecs: ['aac'] }]], 'audio');
  const { childPercent, serverPercent, addedMs } = await measure(kernel, clip, SOUNDS, [[{ kind: 'audio', codecs: ['opus'] }]], 'audio');
  const alone = await ffmpegCpuMs(['-i', file, '-vn', '-c:a', 'libopus', '-compression_level', '5', '-application', 'lowdelay', '-frame_duration', '20', '-f', 'null', '-']);
  const each = childPercent / SOUNDS;
  const added = (serverPercent - asItIs.serverPercent) / SOUNDS;
  return [
    { what: 'AAC to Opus: added, median (limit 25)', value: percentile(addedMs), unit: 'ms' },
    { what: 'AAC to Opus: added, 95 of 100', value: percentile(addedMs, 0.95), unit: 'ms' },
    { what: 'AAC to Opus: a stream, child process', value: each, unit: '% of a core', ratio: each / (alone / (SECONDS * 10)) },
    { what: 'AAC to Opus: a stream, added in the server', value: added, unit: '% of a core', ratio: serverPercent / asItIs.serverPercent },
    { what: 'AAC to Opus: a stream, both together (limit 2)', value: each + added, unit: '% of a core' },
  ];
}

async function vp8(kernel: TestKernel, { file, clip }: Source): Promise<BenchRow[]> {
  const { childPercent, addedMs } = await measure(kernel, clip, 1, [[{ kind: 'video', codecs: ['vp8'] }, ONLY_VIDEO]], 'video');
  const alone = await ffmpegCpuMs(['-i', file, '-an', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0', '-b:v', '700k', '-threads', '1', '-f', 'null', '-']);
  return [
    { what: 'H.264 to VP8 360p30: added, median (limit 30)', value: percentile(addedMs), unit: 'ms' },
    { what: 'H.264 to VP8 360p30: added, 95 of 100', value: percentile(addedMs, 0.95), unit: 'ms' },
    { what: 'H.264 to VP8 360p30: child process', value: childPercent, unit: '% of a core', ratio: childPercent / (alone / (SECONDS * 10)) },
  ];
}

async function ladder(kernel: TestKernel, { file, clip }: Source): Promise<BenchRow[]> {
  const rungs = RUNGS.map((height) => [{ kind: 'video' as const, codecs: ['h264' as const], target: { height, bitrateBps: height * 2500 } }, ONLY_VIDEO]);
  const { childPercent, addedMs } = await measure(kernel, clip, 1, rungs, 'video');
  const outputs = RUNGS.flatMap((height) => ['-map', '0:v', '-vf', `scale=-2:${height}`, ...X264, '-b:v', String(height * 2500), '-f', 'null', '-']);
  const alone = await ffmpegCpuMs(['-i', file, ...outputs]);
  return [
    { what: 'Three rungs of 720p30: added, median', value: percentile(addedMs), unit: 'ms' },
    { what: 'Three rungs of 720p30: child process (limit 60)', value: childPercent, unit: '% of a core', ratio: childPercent / (alone / (SECONDS * 10)) },
  ];
}

export default {
  name: 'transcoder',
  async run(): Promise<BenchResult> {
    const [kernel, small, large] = await Promise.all([startTestKernel({ plugins: { transcoder: { idleMs: 60_000 } } }), source(640, 360, '800k'), source(1280, 720, '2500k')]);
    try {
      const rows = [...(await sound(kernel, small)), ...(await vp8(kernel, small)), ...(await ladder(kernel, large))];
      return { title: 'Tracks made of others; ratio: against one ffmpeg on one thread that does the same with a file', rows };
    } finally {
      await kernel.stop();
    }
  },
};
