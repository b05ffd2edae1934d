import { statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { scratchFolder } from '../../support/ffmpeg.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { avCheck, ffmpegPublishes, gstreamerPublishes, type RtspTransport } from '../../support/rtsp-peers.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const folder = scratchFolder();
const SECONDS = 8;
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

const live = (name: string) => until(() => (server.kernel.parts.media.find(name)?.tracks.length === 2 ? true : undefined), `stream ${name}`, 20_000);

/** Plays with rtspsrc for some seconds into a file. */
async function record(t: ExecutionContext, name: string, transport: RtspTransport): Promise<string> {
  const file = join(folder, `${name}-${transport}.mkv`);
  const video = ['s.', '!', 'application/x-rtp,media=video', '!', 'rtph264depay', '!', 'h264parse', '!', 'queue', '!', 'matroskamux', 'name=m', '!', 'filesink', `location=${file}`];
  const audio = ['s.', '!', 'application/x-rtp,media=audio', '!', 'rtpmp4gdepay', '!', 'aacparse', '!', 'queue', '!', 'm.'];
  const player = new PeerProcess(t, 'gst-launch-1.0', ['-e', 'rtspsrc', `location=${base}/${name}`, `protocols=${transport}`, 'name=s', ...video, ...audio]);
  await new Promise((resolve) => setTimeout(resolve, (SECONDS + 2) * 1000));
  player.child.kill('SIGINT');
  await player.finished;
  if (statSync(file).size === 0) throw new Error(`rtspsrc wrote nothing: ${player.stderr}`);
  return file;
}

for (const transport of ['tcp', 'udp'] as const) {
  peerTest(`rtspsrc plays over ${transport} what ffmpeg publishes`, ['ffmpeg', 'gst-launch-1.0'], async (t) => {
    t.timeout(90_000);
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
    t.timeout(120_000);
    const name = `sink-${transport}-${more.length}`;
    gstreamerPublishes(t, `${base}/${name}`, transport, ...more);
    await live(name);
    const options = ['--seconds', String(SECONDS), '--loop', '60', '--skip', '2'];
    const [overRtsp, overRtmp] = await Promise.all([avCheck(t, `${base}/${name}`, options, ['-rtsp_transport', 'tcp']), avCheck(t, `${rtmp}/${name}`, options)]);
    t.is(overRtsp.status, 0, overRtsp.text);
    t.is(overRtmp.status, 0, overRtmp.text);
  });
}
