import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { avCheck, ffmpegPlays, ffmpegPublishes, type RtspTransport } from '../../support/rtsp-peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop } from '../../support/wcs-server.ts';

const peerTest = peerTestsSideBySide(3);
const folder = temporaryFolder();
const PLAYED_S = 5;
/** ffmpeg corrects its clock within the first seconds. */
const LIVE = ['--seconds', String(PLAYED_S), '--loop', '20', '--skip', '2'];
let server: TestKernel;
let base: string;
let rtmpUrl: string;
let hlsUrl: string;

test.before(async () => {
  const [port, rtmpPort, hlsPort, hlsTls] = await freePorts(4);
  server = await startTestKernel({ plugins: { rtsp: { port }, rtmp: { port: rtmpPort }, hls: { port: hlsPort, tlsPort: hlsTls } } });
  base = `rtsp://127.0.0.1:${port}`;
  rtmpUrl = `rtmp://127.0.0.1:${rtmpPort}/live`;
  hlsUrl = `http://127.0.0.1:${hlsPort}`;
});
test.after.always(() => server.stop());

const live = (name: string) => until(() => (server.kernel.parts.media.find(name)?.tracks.length === 2 ? true : undefined), `stream ${name}`, 60_000);

/** Judges what ffmpeg plays by RTSP. */
async function judge(t: ExecutionContext, name: string, transport: RtspTransport): Promise<void> {
  const file = join(folder, `${name}-over-${transport}.mkv`);
  await ffmpegPlays(t, `${base}/${name}`, transport, PLAYED_S, file);
  const { status, text } = await avCheck(t, file, [...LIVE, '--min-duration', '2']);
  t.is(status, 0, text);
}

for (const publish of ['tcp', 'udp'] as const satisfies readonly RtspTransport[]) {
  for (const play of ['tcp', 'udp'] as const satisfies readonly RtspTransport[]) {
    peerTest(`what ffmpeg publishes over ${publish} it plays over ${play} without a gap, sound and picture together`, ['ffmpeg'], async (t) => {
      t.timeout(180_000);
      const name = `${publish}-${play}`;
      ffmpegPublishes(t, `${base}/${name}`, publish);
      await live(name);
      await judge(t, name, play);
    });
  }
}

peerTest('what ffmpeg publishes by RTSP it plays by RTMP and by HLS, whose list offers parts', ['ffmpeg'], async (t) => {
  t.timeout(180_000);
  ffmpegPublishes(t, `${base}/crossing`, 'tcp');
  await live('crossing');
  const list = `${hlsUrl}/crossing/crossing.m3u8`;
  for (const { status, text } of await Promise.all([`${rtmpUrl}/crossing`, list].map((url) => avCheck(t, url, LIVE)))) t.is(status, 0, text);
  t.regex(await (await fetch(list)).text(), /^#EXT-X-PART:/m);
});

peerTest('what ffmpeg publishes by RTMP it plays by RTSP over TCP and UDP', ['ffmpeg'], async (t) => {
  t.timeout(180_000);
  publishLoop(t, { rtmpUrl }, 'from-rtmp');
  await live('from-rtmp');
  await Promise.all((['tcp', 'udp'] as const).map((play) => judge(t, 'from-rtmp', play)));
});
