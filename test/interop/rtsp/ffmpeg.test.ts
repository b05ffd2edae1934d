import test from 'ava';
import { peerTest } from '../../support/peers.ts';
import { avCheck, ffmpegPublishes, type RtspTransport } from '../../support/rtsp-peers.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

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

const live = (name: string) => until(() => (server.kernel.parts.media.find(name)?.tracks.length === 2 ? true : undefined), `stream ${name}`, 10_000);
const LIVE = ['--seconds', '6', '--loop', '20', '--skip', '2'];

for (const publish of ['tcp', 'udp'] as const satisfies readonly RtspTransport[]) {
  for (const play of ['tcp', 'udp'] as const satisfies readonly RtspTransport[]) {
    peerTest(`what ffmpeg publishes over ${publish} it plays over ${play} without a gap, sound and picture together`, ['ffmpeg'], async (t) => {
      t.timeout(60_000);
      const name = `${publish}-${play}`;
      ffmpegPublishes(t, `${base}/${name}`, publish);
      await live(name);
      const { status, text } = await avCheck(t, `${base}/${name}`, LIVE, ['-rtsp_transport', play]);
      t.is(status, 0, text);
    });
  }
}

peerTest('RTSP goes out as RTMP, and RTMP as RTSP over TCP and UDP', ['ffmpeg'], async (t) => {
  t.timeout(90_000);
  ffmpegPublishes(t, `${base}/cross`, 'tcp');
  await live('cross');
  const played = await avCheck(t, `${rtmp}/cross`, LIVE);
  t.is(played.status, 0, played.text);
});
