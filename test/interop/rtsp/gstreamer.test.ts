import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PeerProcess, peerTestsSideBySide } from '../../support/peers.ts';
import { avCheck, ffmpegPlays, ffmpegPublishes, gstreamerPublishes, type RtspTransport } from '../../support/rtsp-peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const folder = temporaryFolder();
const peerTest = peerTestsSideBySide(5);
/** Some seven seconds of the clip, of which the first four are left out. */
const RECORDED_BYTES = 1_500_000;
let server: TestKernel;
let base: string;
let rtmp: string;

test.before(async () => {
  const [port, rtmpPort] = await freePorts(2);
  server = await startTestKernel({ plugins: { rtsp: { port }, rtmp: { port: rtmpPort } } });
  base = `rtsp://127.0.0.1:${port}`;
  rtmp = `rtmp://127.0.0.1:${rtmpPort}/live`;
});
test.after.always(() => server.stop());

const live = (name: string) => until(() => (server.kernel.parts.media.find(name)?.tracks.length === 2 ? true : undefined), `stream ${name}`, 60_000);

/** Plays with rtspsrc into a file until that is long enough, by the times of RTP alone: its own smoothing of arrivals would show how busy the machine is. */
async function record(t: ExecutionContext, name: string, transport: RtspTransport): Promise<string> {
  const file = join(folder, `${name}-${transport}.mkv`);
  const video = ['s.', '!', 'application/x-rtp,media=video', '!', 'rtph264depay', '!', 'h264parse', '!', 'queue', '!', 'matroskamux', 'name=m', '!', 'filesink', `location=${file}`];
  const audio = ['s.', '!', 'application/x-rtp,media=audio', '!', 'rtpmp4gdepay', '!', 'aacparse', '!', 'queue', '!', 'm.'];
  const player = new PeerProcess(t, 'gst-launch-1.0', ['-e', 'rtspsrc', `location=${base}/${name}`, `protocols=${transport}`, 'buffer-mode=none', 'name=s', ...video, ...audio]);
  await until(() => player.child.exitCode !== null || (existsSync(file) && statSync(file).size >= RECORDED_BYTES), `the recording: ${player.stderr}`, 120_000);
  player.child.kill('SIGINT');
  await player.finished;
  if (statSync(file).size < RECORDED_BYTES) throw new Error(`rtspsrc gave up: ${player.stderr}`);
  return file;
}

for (const transport of ['tcp', 'udp'] as const) {
  peerTest(`rtspsrc plays over ${transport} what ffmpeg publishes`, ['ffmpeg', 'gst-launch-1.0'], async (t) => {
    t.timeout(180_000);
    const name = `gst-${transport}`;
    ffmpegPublishes(t, `${base}/${name}`, 'tcp');
    await live(name);
    const { status, text } = await avCheck(t, await record(t, name, transport), ['--loop', '20', '--skip', '4', '--min-duration', '2']);
    t.is(status, 0, text);
  });
}

const PUBLISHERS = [
  { what: 'picture first over TCP', transport: 'tcp', more: [] },
  { what: 'sound first over UDP', transport: 'udp', more: ['--audio-first'] },
  { what: 'AAC as LATM over TCP', transport: 'tcp', more: ['--aac', 'latm'] },
] as const;

for (const { what, transport, more } of PUBLISHERS) {
  peerTest(`rtspclientsink publishes, ${what}, and ffmpeg plays it by RTSP and RTMP`, ['ffmpeg', 'gst-launch-1.0'], async (t) => {
    t.timeout(180_000);
    const name = `sink-${transport}-${more.length}`;
    gstreamerPublishes(t, `${base}/${name}`, transport, ...more);
    await live(name);
    // GStreamer's first report, by which the picture is moved to the sound, comes up to five seconds into the stream.
    const options = ['--seconds', '11', '--loop', '60', '--skip', '6', '--min-duration', '2'];
    const file = join(folder, `${name}.mkv`);
    const [overRtmp] = await Promise.all([avCheck(t, `${rtmp}/${name}`, options), ffmpegPlays(t, `${base}/${name}`, 'tcp', 11, file)]);
    const overRtsp = await avCheck(t, file, options);
    t.is(overRtsp.status, 0, overRtsp.text);
    t.is(overRtmp.status, 0, overRtmp.text);
  });
}
