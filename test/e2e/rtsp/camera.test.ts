import { startBrowserServer } from '../../support/browser-server.ts';
import { Camera } from '../../support/camera.ts';
import { openHlsPage, playUntil } from '../../support/hls-page.ts';
import { peerTest } from '../../support/peers.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';

peerTest('Chromium plays a camera by its RTSP address, over WebRTC and by low-latency HLS, from one pull', ['chromium', 'camera'], async (t) => {
  t.timeout(180_000);
  const [rtsp = 0, hls = 0, hlsTls = 0] = await freePorts(3);
  const server = await startBrowserServer(t, { plugins: { rtsp: { port: rtsp, client: { answerTimeoutMs: 20_000 } }, hls: { port: hls, tlsPort: hlsTls } } });
  const camera = await Camera.start(t, '--clip', 'small.mp4', '--audio', 'opus');
  const name = encodeURIComponent(camera.url());
  const browser = await PeerBrowser.start(t);
  const page = await browser.open('whip-whep');
  t.is((await page.call<HttpOutcome>('whipWhep.play', server.whep(name))).status, 201);
  const first = await page.playing(10);
  const later = await page.playing((first.inVideo?.framesDecoded ?? 0) + 60);
  t.like(later.inVideo, { codec: 'H264', frameWidth: 640, packetsLost: 0 });
  t.is(later.inAudio?.codec, 'opus');

  const player = await openHlsPage(t);
  await player.evaluate(`play('http://127.0.0.1:${hls}/${name}/${name}.m3u8', true)`);
  const state = await playUntil(player, 60);
  t.deepEqual(state.errors.filter((error) => error.includes('fatal')), []);
  t.log(state);
  t.true(state.partsLoaded > 0);
  t.is(((await server.kernel.call('rtsp.find_all')) as unknown[]).length, 1, 'one pull serves all');
  t.is(await page.call('whipWhep.stop'), 200);
});
