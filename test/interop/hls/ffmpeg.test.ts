import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip, type ClipOptions } from '../../support/hls.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';

const run = promisify(execFile);
const SECONDS = 4;

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

const CASES: readonly { readonly title: string; readonly path: string; readonly kinds: readonly string[]; readonly clip: ClipOptions }[] = [
  { title: 'fragmented MP4 with pictures and sound', path: 'cam/cam.m3u8', kinds: ['video', 'audio'], clip: {} },
  { title: 'MPEG-TS with pictures and sound', path: 'cam/ts/cam.m3u8', kinds: ['video', 'audio'], clip: {} },
  { title: 'B-frames in fragmented MP4', path: 'cam/cam.m3u8', kinds: ['video', 'audio'], clip: { bFrames: 2 } },
  { title: 'B-frames in MPEG-TS', path: 'cam/ts/cam.m3u8', kinds: ['video', 'audio'], clip: { bFrames: 2 } },
  { title: 'sound alone in fragmented MP4', path: 'cam/cam.m3u8', kinds: ['audio'], clip: {} },
  { title: 'pictures alone in MPEG-TS', path: 'cam/ts/cam.m3u8', kinds: ['video'], clip: { frameRate: 25, gopFrames: 50 } },
];

for (const { title, path, kinds, clip } of CASES) {
  (hasFfmpeg ? test.serial : test.serial.skip)(`ffprobe reads a live list without a complaint and without a hole: ${title}`, async (t) => {
    const [port = 0, tlsPort = 0] = await freePorts(2);
    const kernel = await startTestKernel({ plugins: { hls: { port, tlsPort } } });
    const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', await makeClip(clip), { kinds, leadMs: 1500 });
    t.teardown(async () => {
      publisher.stop();
      await kernel.stop();
    });
    const packets = await readLive(`http://127.0.0.1:${port}/${path}`);
    for (const kind of kinds) {
      const own = packets.filter(({ codec_type }) => codec_type === kind);
      const frameS = kind === 'video' ? 1 / (clip.frameRate ?? 30) : 1024 / 48_000;
      t.true(own.length >= (SECONDS - 1) / frameS, `${own.length} packets of ${kind}`);
      t.regex(own[0]!.flags, /K/);
      const steps = own.slice(1).map(({ dts_time }, index) => Number(dts_time) - Number(own[index]!.dts_time));
      // The clip's times are whole milliseconds; its sound begins anew with each round.
      for (const step of steps) t.true(Math.abs(step - frameS) < 0.012, `${kind}: a step of ${step} s`);
    }
  });
}
