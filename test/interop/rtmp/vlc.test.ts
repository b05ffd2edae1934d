import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { checkPicturesAndSound } from '../../support/av-check.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop } from '../../support/wcs-server.ts';

peerTest('VLC plays a stream by RTMP and by HLS without a flaw', ['ffmpeg', 'cvlc'], async (t) => {
  t.timeout(180_000);
  const [rtmp = 0, hls = 0, hlsTls = 0] = await freePorts(3);
  const server = await startTestKernel({ plugins: { rtmp: { port: rtmp }, hls: { port: hls, tlsPort: hlsTls } } });
  const folder = temporaryFolder(t);
  t.teardown(() => server.stop());
  // VLC runs as nobody.
  chmodSync(folder, 0o777);
  const rtmpUrl = `rtmp://127.0.0.1:${rtmp}/live`;
  publishLoop(t, { rtmpUrl }, 'film', 'small.mp4');
  await until(() => server.kernel.parts.media.find('film')?.tracks.length === 2, 'the stream', 60_000);
  const players = { rtmp: `${rtmpUrl}/film`, hls: `http://127.0.0.1:${hls}/film/film.m3u8` };
  await Promise.all(Object.entries(players).map(async ([name, url]) => {
    const file = join(folder, `${name}.mkv`);
    const { stderr } = await runPeer(t, 'sh', [join(checkout, 'test/support/peers/vlc.sh'), url, file, '7']);
    t.log(name, stderr.split('\n').slice(-4).join('\n'));
    await checkPicturesAndSound(t, file, 6, ['--skip', '1', '--min-duration', '3']);
  }));
});
