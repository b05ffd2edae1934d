import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../../core/process/child-pool.ts';
import { stampAgeMs, wallStampMs, type JobPacket } from '../../core/process/framing.ts';
import type { LayoutSpec } from '../../plugins/mixer/layout/layout.ts';
import { inputPort, OUTPUT_PORT, type InputTrack, type MixCommand, type MixEvent, type MixFormat, type MixSpec } from '../../plugins/mixer/wire/mix-job.ts';
import { liveCluster, liveHead } from '../../plugins/transcoder/ffmpeg/live-matroska.ts';
import { readMp4Clip, type Clip } from '../support/clip.ts';
import { ffmpeg } from '../support/ffmpeg.ts';
import { openChildPool } from '../support/media-processor.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import type { BenchResult, BenchRow } from './bench.ts';
import { ffmpegCpuMs } from './ffmpeg-cost.ts';
import { cpuMsOf, percentile } from './process-time.ts';

const SECONDS = 2;
/** The engine has compiled by then what is hot: before, a mix costs up to twice as much. */
const WARM_UP_MS = 10_000;
const MEASURED_MS = 2500;
const PARTICIPANTS = 50;
const INPUTS = 9;
/** Packets of participants come one by one, as from a network. */
const FEED_MS = 1;
/** As the plugin has it. */
const GATHER_MS = 5;
const VIDEO = { width: 1280, height: 720, fps: 25, bitrateBps: 2_000_000, keyFrameIntervalFrames: 50, preset: 'veryfast', desktopName: '', desktopAlign: 'TOP', voiceActivity: false, caption: { fontFile: '', sizePx: 20, audioOnlySizePx: 40 } } as const;
const AUDIO = { codec: 'opus', channels: 2, silenceDb: -50, maxDelayMs: 200 } as const;
/** One small place in the middle: the corners, which the grid fills, become black. */
const ALONE: LayoutSpec = { type: 'custom', places: { [INPUTS]: [{ x: 0.4, y: 0.4, width: 0.2, height: 0.2 }] } };

const folder = temporaryFolder();

async function clip(name: string, codec: 'opus' | 'h264', ...args: readonly string[]): Promise<Clip & { readonly file: string }> {
  const file = join(folder, `${name}.mp4`);
  await ffmpeg(...args, '-t', String(SECONDS), file);
  return { ...(await readMp4Clip(file, codec)), file };
}

/** Sends clips over and over, each to its input, at their own pace. */
class Feed {
  readonly #timer: NodeJS.Timeout;

  constructor(job: Pick<Job, 'send'>, inputs: readonly { readonly port: number; readonly clip: Clip; readonly phaseMs: number }[]) {
    const startedAtMs = performance.now();
    const next = inputs.map(() => 0);
    this.#timer = setInterval(() => {
      inputs.forEach(({ port, clip: { frames }, phaseMs }, index) => {
        for (;;) {
          const frame = frames[next[index]! % frames.length]!;
          const loopUs = Math.floor(next[index]! / frames.length) * SECONDS * 1_000_000;
          if (phaseMs + (frame.dtsUs + loopUs) / 1000 > performance.now() - startedAtMs) break;
          next[index]! += 1;
          job.send({ port, key: frame.key, ptsUs: frame.ptsUs + loopUs, dtsUs: frame.dtsUs + loopUs, stampMs: wallStampMs(), data: frame.data });
        }
      });
    }, FEED_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A mix in a child, and all that it made. */
class Mix {
  readonly packets: (JobPacket & { readonly ageMs: number })[] = [];
  readonly formats = new Map<number, MixFormat>();
  readonly job: Job;
  failure: string | undefined;
  readonly #pool: Awaited<ReturnType<typeof openChildPool>>;

  private constructor(opened: Awaited<ReturnType<typeof openChildPool>>, spec: MixSpec) {
    this.#pool = opened;
    this.job = opened.pool.open(spec, {
      onPacket: (packet) => void this.packets.push({ ...packet, data: new Uint8Array(packet.data), ageMs: stampAgeMs(packet.stampMs) }),
      onEvent: (event) => {
        const told = event as MixEvent;
        if (told.type === 'format') this.formats.set(told.port, told.format);
      },
      onEnd: ({ reason }) => (this.failure = reason),
    });
  }

  static async open(spec: MixSpec): Promise<Mix> {
    return new Mix(await openChildPool('plugins/mixer/child/mixer.child.ts', { gatherMs: GATHER_MS }), spec);
  }

  tell(command: MixCommand): void {
    this.job.command(command);
  }

  add(index: number, kind: 'audio' | 'video', track: InputTrack): void {
    this.tell({ type: 'addInput', id: `in${index}`, port: index, name: `in${index}` });
    this.tell({ type: 'track', id: `in${index}`, kind, track });
  }

  /** Shares of a core that the child and this process use, once they are warm. */
  async percent(): Promise<{ readonly child: number; readonly own: number }> {
    await until(() => this.failure !== undefined || this.packets.length > 10, 'the mix', 30_000);
    if (this.failure !== undefined) throw new Error(this.failure);
    await sleep(WARM_UP_MS);
    const { pids } = this.#pool.pool;
    const beforeMs = cpuMsOf(pids);
    const { own, elapsedMs } = await ownPercent();
    return { child: ((cpuMsOf(pids) - beforeMs) * 100) / elapsedMs, own };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

async function ownPercent(): Promise<{ readonly own: number; readonly elapsedMs: number }> {
  const [before, atMs] = [process.cpuUsage(), performance.now()];
  await sleep(MEASURED_MS);
  const [{ user, system }, elapsedMs] = [process.cpuUsage(before), performance.now() - atMs];
  return { own: (user + system) / 10 / elapsedMs, elapsedMs };
}

/** What sending the packets of all costs this process, without anybody to send them to. */
async function feeding(clip: Clip): Promise<number> {
  const feed = new Feed({ send: () => undefined }, Array.from({ length: PARTICIPANTS }, (_, index) => ({ port: inputPort(index, 'audio'), clip, phaseMs: index % 20 })));
  const { own } = await ownPercent();
  feed.stop();
  return own;
}

/** Shares of a core; `own` has what the feeding costs in it. */
async function sound(talking: number, { talk, rest }: { readonly talk: Clip; readonly rest: Clip }): Promise<{ readonly child: number; readonly own: number }> {
  const mix = await Mix.open({ audio: AUDIO, layout: { type: 'grid' }, originUs: 0 });
  const inputs = Array.from({ length: PARTICIPANTS }, (_, index) => ({ port: inputPort(index, 'audio'), clip: index < talking ? talk : rest, phaseMs: index % 20 }));
  inputs.forEach((_, index) => {
    mix.add(index, 'audio', { codec: 'opus', sampleRateHz: 48_000, channels: 1 });
    mix.tell({ type: 'addSound', port: OUTPUT_PORT.firstOwn + index, without: `in${index}` });
  });
  const feed = new Feed(mix.job, inputs);
  const percent = await mix.percent();
  feed.stop();
  await mix.close();
  return percent;
}

async function sounds(talk: Clip & { readonly file: string }): Promise<BenchRow[]> {
  const [silence, room] = await Promise.all([
    clip('silence', 'opus', '-f', 'lavfi', '-i', 'anullsrc=r=48000:cl=mono', '-c:a', 'libopus', '-b:a', '32k'),
    clip('room', 'opus', '-f', 'lavfi', '-i', 'anoisesrc=r=48000:a=0.001', '-c:a', 'libopus', '-b:a', '32k', '-application', 'voip'),
  ]);
  const encoder = await ffmpegCpuMs(['-i', talk.file, '-c:a', 'libopus', '-ac', '2', '-application', 'lowdelay', '-compression_level', '5', '-f', 'null', '-']);
  const encodersPercent = (PARTICIPANTS * encoder) / (SECONDS * 10);
  const feedPercent = await feeding(talk);
  const row = (what: string, { child, own }: { readonly child: number; readonly own: number }): BenchRow => {
    const value = child + own - feedPercent;
    return { what: `${PARTICIPANTS} participants, ${what}`, value, unit: `% of a core, of it ${(own - feedPercent).toFixed(1)} in the server`, ratio: value / encodersPercent };
  };
  return [
    row('3 talking (limit 10)', await sound(3, { talk, rest: silence })),
    row('3 talking, the others in quiet rooms', await sound(3, { talk, rest: room })),
    row('all talking (limit 60)', await sound(PARTICIPANTS, { talk, rest: talk })),
  ];
}

async function pictures(camera: Clip & { readonly file: string }): Promise<BenchRow[]> {
  const mix = await Mix.open({ video: VIDEO, layout: { type: 'grid' }, originUs: 0 });
  const codecConfig = Buffer.from(camera.track.codecConfig ?? []).toString('base64');
  const inputs = Array.from({ length: INPUTS }, (_, index) => ({ port: inputPort(index, 'video'), clip: camera, phaseMs: (index * 40) / INPUTS }));
  inputs.forEach((_, index) => mix.add(index, 'video', { codec: 'h264', codecConfig }));
  const feed = new Feed(mix.job, inputs);
  const { child: percent } = await mix.percent();
  const agesMs = mix.packets.slice(-50).map(({ ageMs }) => ageMs);
  const sentAfter = mix.packets.length;
  mix.tell({ type: 'layout', layout: ALONE });
  await until(() => mix.packets.length > sentAfter + 10, 'pictures after the change', 20_000);
  feed.stop();
  await mix.close();
  const late = (await firstWithDarkCorner(mix)) - sentAfter;
  const stacked = Array.from({ length: INPUTS }, (_, index) => `[${index}]scale=424:240[s${index}]`).join(';');
  const cells = Array.from({ length: INPUTS }, (_, index) => `${(index % 3) * 424}_${Math.floor(index / 3) * 240}`).join('|');
  const graph = `${stacked};${Array.from({ length: INPUTS }, (_, index) => `[s${index}]`).join('')}xstack=inputs=${INPUTS}:layout=${cells},scale=1280:720`;
  const files = Array.from({ length: INPUTS }, () => ['-i', camera.file]).flat();
  const alone = await ffmpegCpuMs([...files, '-filter_complex', graph, '-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-g', '50', '-b:v', '2M', '-f', 'null', '-']);
  return [
    { what: '9 x 360p25 to 720p25: child process (limit 100)', value: percent, unit: '% of a core', ratio: percent / (alone / (SECONDS * 10)) },
    { what: 'oldest new picture to mixed packet, median (limit 60)', value: percentile(agesMs), unit: 'ms' },
    { what: 'oldest new picture to mixed packet, 95 of 100', value: percentile(agesMs, 0.95), unit: 'ms' },
    { what: 'change of layout: pictures that still have the old one (limit 1)', value: late, unit: 'pictures' },
  ];
}

/** Index of the first picture whose upper left corner is dark, by a decoder. */
async function firstWithDarkCorner(mix: Mix): Promise<number> {
  const [file, raw, side] = [join(folder, 'mix.mkv'), join(folder, 'corner.gray'), 16];
  const clusters = mix.packets.map(({ data, ptsUs, key }) => liveCluster(data, ptsUs, key));
  writeFileSync(file, Buffer.concat([liveHead({ kind: 'video', ...mix.formats.get(OUTPUT_PORT.video)! }), ...clusters]));
  await ffmpeg('-i', file, '-vf', `crop=iw/4:ih/4:0:0,scale=${side}:${side}`, '-fps_mode', 'passthrough', '-pix_fmt', 'gray', '-f', 'rawvideo', raw);
  const bytes = readFileSync(raw);
  const means = Array.from({ length: bytes.length / (side * side) }, (_, index) => bytes.subarray(index * side * side, (index + 1) * side * side).reduce((sum, value) => sum + value, 0) / (side * side));
  // The first pictures are dark too: the inputs have not come yet.
  return means.findLastIndex((mean) => mean > 24) + 1;
}

export default {
  name: 'mixer',
  async run(): Promise<BenchResult> {
    const [talk, camera] = await Promise.all([
      clip('talk', 'opus', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-c:a', 'libopus', '-b:a', '32k'),
      clip('camera', 'h264', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '50', '-pix_fmt', 'yuv420p', '-b:v', '700k'),
    ]);
    return { title: 'Mixes; ratio: against one ffmpeg on one thread that does the same with files (sound: fifty that encode)', rows: [...(await sounds(talk)), ...(await pictures(camera))] };
  },
};
