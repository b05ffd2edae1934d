import { peerTest } from '../../support/peers.ts';
import { PeerBrowser } from '../../support/webrtc-page.ts';
import { startBrowserServer } from '../../support/browser-server.ts';

/** Leaves a browser no way but TCP. */
function withoutUdp(answer: string): string {
  return answer
    .split('\r\n')
    .filter((line) => !/^a=candidate:\S+ \d udp /i.test(line))
    .join('\r\n');
}

peerTest('Chromium publishes and plays over ICE-TCP alone', ['chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t);
  const browser = await PeerBrowser.start(t);
  const publisher = await browser.open('whip-whep');
  await publisher.rewriteAnswers(withoutUdp);
  await publisher.call('whipWhep.publish', server.whip('cam'), { codec: 'H264' });
  await server.streamIsLive('cam');
  const player = await browser.open('whip-whep');
  await player.rewriteAnswers(withoutUdp);
  await player.call('whipWhep.play', server.whep('cam'));
  const stats = await player.playing(60);
  t.log(stats.pair, `first picture after ${stats.firstPictureMs?.toFixed(0)} ms`);
  t.is(stats.pair?.protocol, 'tcp');
  t.is((await publisher.stats())?.pair?.protocol, 'tcp');
  t.is(stats.inVideo?.packetsLost, 0);
});

peerTest('the Web SDK gets TCP when it asks for it', ['chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t);
  const browser = await PeerBrowser.start(t);
  const publisher = await browser.open('web-sdk');
  await publisher.call('webSdk.connect', server.webSocketUrl);
  await publisher.call('webSdk.publish', 'cam', { transport: 'TCP' });
  await publisher.logged(/^stream cam PUBLISHING/);
  t.is((await publisher.stats())?.pair?.protocol, 'tcp');
  const player = await browser.open('web-sdk');
  await player.call('webSdk.connect', server.webSocketUrl);
  await player.call('webSdk.play', 'cam', { transport: 'UDP' });
  t.is((await player.playing(30)).pair?.protocol, 'udp');
});
