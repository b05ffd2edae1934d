import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip, type Clip, type ClipOptions } from '../../support/hls.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';

const run = promisify(execFile);
const SECONDS = 3;

interface Packet {
  readonly codec_type: string;
  readonly pts_time: string;
  readonly dts_time: string;
  readonly flags: string;
}

/** Reads the first seconds of a live list as ffprobe does; fails on anything that it complains of. */
async function readLive(url: string): Promise<Packet[]> {
  const { stdout, stderr } = await run('ffprobe', ['-v', 'error', '-read_intervals', `%+${SECONDS}`, '-show_packets', '-show_entries', 'packet=codec_type,pts_time,dts_time,flags', '-of', 'json', url], { maxBuffer: 64 * 1024 * 1024 });
  if (stderr !== '') throw new Error(stderr);
  return (JSON.parse(stdout) as { packets: Packet[] }).packets;
}

/** Longer than what is read of it, also on a busy machine: its sound begins anew with each round. */
const SECONDS_OF_CLIP = 15;
const PLAIN: ClipOptions = { seconds: SECONDS_OF_CLIP };
const REORDERED: ClipOptions = { seconds: SECONDS_OF_CLIP, bFrames: 2 };
const LONG_GROUPS: ClipOptions = { seconds: SECONDS_OF_CLIP, frameRate: 25, gopFrames: 50 };

const CASES: readonly { readonly title: string; readonly folder: '' | 'ts/'; readonly kinds: readonly string[]; readonly clip: ClipOptions }[] = [
  { title: 'fragmented MP4 with pictures and sound', folder: '', kinds: ['video', 'audio'], clip: PLAIN },
  { title: 'MPEG-TS with pictures and sound', folder: 'ts/', kinds: ['video', 'audio'], clip: PLAIN },
  { title: 'B-frames in fragmented MP4', folder: '', kinds: ['video', 'audio'], clip: REORDERED },
  { title: 'B-frames in MPEG-TS', folder: 'ts/', kinds: ['video', 'audio'], clip: REORDERED },
  { title: 'sound alone in fragmented MP4', folder: '', kinds: ['audio'], clip: PLAIN },
  { title: 'pictures alone in MPEG-TS', folder: 'ts/', kinds: ['video'], clip: LONG_GROUPS },
];

let kernel: TestKernel;
let port = 0;

// One server, and all lists at the same time: they grow at the pace of the clips.
test.before(async () => {
  const [plain = 0, tlsPort = 0] = await freePorts(2);
  port = plain;
  kernel = await startTestKernel({ plugins: { hls: { port, tlsPort } } });
});

test.after.always(() => kernel.stop());

const clips = new Map<ClipOptions, Promise<Clip>>();
/** Clips that are wanted alike are made once. */
function clipOf(options: ClipOptions): Promise<Clip> {
  const clip = clips.get(options) ?? makeClip(options);
  clips.set(options, clip);
  return clip;
}

for (const [index, { title, folder, kinds, clip }] of CASES.entries()) {
  (hasFfmpeg ? test : test.skip)(`ffprobe reads a live list without a complaint and without a hole: ${title}`, async (t) => {
    t.timeout(60_000);
    const name = `cam${index}`;
    const publisher = new LoopPublisher(kernel.kernel.parts.media, name, await clipOf(clip), { kinds, owner: name, leadMs: 1500 });
    t.teardown(() => publisher.stop());
    const packets = await readLive(`http://127.0.0.1:${port}/${name}/${folder}${name}.m3u8`);
    for (const kind of kinds) {
      const own = packets.filter(({ codec_type }) => codec_type === kind);
      const frameS = kind === 'video' ? 1 / (clip.frameRate ?? 30) : 1024 / 48_000;
      t.true(own.length >= (SECONDS - 1) / frameS, `${own.length} packets of ${kind}`);
      t.regex(own[0]!.flags, /K/);
      const steps = own.slice(1).map(({ dts_time }, at) => Number(dts_time) - Number(own[at]!.dts_time));
      // The clip's times are whole milliseconds.
      for (const step of steps) t.true(Math.abs(step - frameS) < 0.012, `${kind}: a step of ${step} s`);
    }
  });
}
