import { peerTest } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';
import { startBrowserServer } from '../../support/browser-server.ts';

for (const codec of ['VP8', 'H264'] as const) {
  peerTest(`Chromium publishes ${codec} by WHIP and plays it by WHEP in a second page`, ['chromium'], async (t) => {
    t.timeout(90_000);
    const server = await startBrowserServer(t);
    const browser = await PeerBrowser.start(t);
    const publisher = await browser.open('whip-whep');
    t.is((await publisher.call<HttpOutcome>('whipWhep.publish', server.whip('cam'), { codec })).status, 201);
    await server.streamIsLive('cam');
    const player = await browser.open('whip-whep');
    t.is((await player.call<HttpOutcome>('whipWhep.play', server.whep('cam'))).status, 201);

    const first = await player.playing(20);
    const later = await player.playing((first.inVideo?.framesDecoded ?? 0) + 60);
    t.log(`first picture after ${later.firstPictureMs?.toFixed(0)} ms`, later.inVideo, later.pair);
    t.is(later.inVideo?.codec, codec);
    t.is(later.inAudio?.codec, 'opus');
    t.true((later.inAudio?.packetsReceived ?? 0) >= (first.inAudio?.packetsReceived ?? 0) + 100, 'sound goes on');
    t.is(later.inVideo?.packetsLost, 0);
    t.is(later.inVideo?.freezeCount, 0);
    t.is((await publisher.stats())?.outVideo?.codec, codec);

    t.is(await player.call('whipWhep.stop'), 200);
    t.is(await publisher.call('whipWhep.stop'), 200);
    await until(async () => ((await server.kernel.call('session.list', {})) as unknown[]).length === 0, 'both sessions to end');
  });
}

peerTest("the server's estimate lets a publisher send at its full rate", ['chromium'], async (t) => {
  t.timeout(60_000);
  const server = await startBrowserServer(t, { webrtc: { maxBitrateBps: 2_500_000 } });
  const publisher = await (await PeerBrowser.start(t)).open('whip-whep');
  await publisher.call('whipWhep.publish', server.whip('cam'), { codec: 'VP8', width: 1280, height: 720 });
  const bps = await until(async () => {
    const available = (await publisher.stats())?.pair?.availableOutgoingBps ?? 0;
    return available > 2_000_000 ? available : undefined;
  }, 'an estimate over 2 Mb/s');
  t.true(bps <= 2_600_000, `${bps} b/s`);
});

peerTest('a page that is closed without a word leaves no session behind', ['chromium'], async (t) => {
  t.timeout(60_000);
  const server = await startBrowserServer(t, { webrtc: { iceKeepAliveMs: 5000 } });
  const browser = await PeerBrowser.start(t);
  const publisher = await browser.open('whip-whep');
  await publisher.call('whipWhep.publish', server.whip('cam'));
  await server.streamIsLive('cam');
  const player = await browser.open('whip-whep');
  await player.call('whipWhep.play', server.whep('cam'));
  await player.playing(10);
  const sessions = async (): Promise<number> => ((await server.kernel.call('session.list', {})) as unknown[]).length;
  t.is(await sessions(), 2);
  await player.page.close();
  await until(async () => (await sessions()) === 1, 'the end of the player', 12_000);
  await publisher.page.close();
  await until(async () => (await sessions()) === 0, 'the end of the publisher', 12_000);
});
