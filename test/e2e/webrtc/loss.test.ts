import test from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { releaseSecondPeers, SecondPublisher } from '../../support/second-peer.ts';
import { disorder, loseShare, UdpRelay } from '../../support/udp-relay.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser } from '../../support/webrtc-page.ts';
import { startBrowserServer } from '../../support/browser-server.ts';
import { loadRtpClip } from '../../support/webrtc/rtp-clip.ts';

test.after.always(() => releaseSecondPeers());

const SHARE = 0.05;

peerTest('video goes on for a player that loses 5 % in each direction: lost packets are sent again', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(120_000);
  const server = await startBrowserServer(t);
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
  const relay = await UdpRelay.open(t);
  const player = await (await PeerBrowser.start(t)).open('whip-whep');
  await player.rewriteAnswers((answer) => relay.rewriteAnswer(answer));
  relay.toServer = loseShare(SHARE, 1);
  relay.toClient = loseShare(SHARE, 2);
  await player.call('whipWhep.play', server.whep('cam'));
  const before = await player.playing(30);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const after = (await player.stats())?.inVideo;
  const decoded = (after?.framesDecoded ?? 0) - (before.inVideo?.framesDecoded ?? 0);
  t.log({ decoded, dropped: relay.counters.toClient.dropped, ...after });
  t.true(relay.counters.toClient.dropped > 50, 'the relay lost packets');
  t.true((after?.nackCount ?? 0) > 0);
  // 300 pictures in ten seconds: one in ten may be late.
  t.true(decoded >= 270, `${decoded} pictures`);
  const frozenS = (after?.totalFreezesDuration ?? 0) - (before.inVideo?.totalFreezesDuration ?? 0);
  t.true(frozenS < 2, `${frozenS} s of standing picture`);
});

peerTest('a publisher that loses 5 % in each direction is asked for what is missing', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(120_000);
  const server = await startBrowserServer(t);
  const relay = await UdpRelay.open(t);
  relay.toServer = loseShare(SHARE, 3);
  relay.toClient = loseShare(SHARE, 4);
  const browser = await PeerBrowser.start(t);
  const publisher = await browser.open('whip-whep');
  await publisher.rewriteAnswers((answer) => relay.rewriteAnswer(answer));
  await publisher.call('whipWhep.publish', server.whip('cam'), { codec: 'VP8' });
  await server.streamIsLive('cam');
  const player = await browser.open('whip-whep');
  await player.call('whipWhep.play', server.whep('cam'));
  const before = await player.playing(30);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const after = (await player.stats())?.inVideo;
  const decoded = (after?.framesDecoded ?? 0) - (before.inVideo?.framesDecoded ?? 0);
  t.log({ decoded, dropped: relay.counters.toServer.dropped, ...after }, (await publisher.stats())?.outVideo);
  t.true(relay.counters.toServer.dropped > 20, 'the relay lost packets');
  // The fake camera gives 20 pictures a second.
  t.true(decoded >= 170, `${decoded} pictures`);
});

peerTest('packets that come twice or late, behind those after them, do no harm', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(120_000);
  const server = await startBrowserServer(t);
  const relay = await UdpRelay.open(t);
  relay.toServer = disorder({ twice: 0.05, late: 0.1, lateMs: 20 }, 5);
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam'), rewriteAnswer: (answer) => relay.rewriteAnswer(answer) });
  await server.streamIsLive('cam');
  const player = await (await PeerBrowser.start(t)).open('whip-whep');
  await player.call('whipWhep.play', server.whep('cam'));
  const before = await player.playing(30);
  await until(async () => ((await player.stats())?.inVideo?.framesDecoded ?? 0) >= (before.inVideo?.framesDecoded ?? 0) + 150, '150 pictures more', 8000);
  const { inVideo } = (await player.stats()) ?? {};
  t.log(inVideo, relay.counters);
  t.true(relay.counters.toServer.delayed > 50);
  const frozenS = (inVideo?.totalFreezesDuration ?? 0) - (before.inVideo?.totalFreezesDuration ?? 0);
  t.true(frozenS < 2, `${frozenS} s of standing picture`);
});
