import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type PeerPage } from '../../support/webrtc-page.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';

/** What the SDK would send, were it not for the codecs taken out of its offer. */
const STRIPPED = { VP8: 'H264,VP9,AV1', H264: 'VP8,VP9,AV1' } as const;

async function connected(browser: PeerBrowser, server: BrowserServer, options: Readonly<Record<string, unknown>> = {}): Promise<PeerPage> {
  const page = await browser.open('web-sdk');
  const { status } = await page.call<{ status: string }>('webSdk.connect', server.webSocketUrl, options);
  if (status !== 'ESTABLISHED') throw new Error(`The session is ${status}`);
  return page;
}

async function publisherAndPlayer(t: ExecutionContext): Promise<{ server: BrowserServer; browser: PeerBrowser; publisher: PeerPage; player: PeerPage }> {
  t.timeout(90_000);
  const server = await startBrowserServer(t);
  const browser = await PeerBrowser.start(t);
  const publisher = await connected(browser, server);
  await publisher.call('webSdk.publish', 'cam');
  await publisher.logged(/^stream cam PUBLISHING/);
  const player = await connected(browser, server);
  await player.call('webSdk.play', 'cam');
  await player.logged(/^stream cam PLAYING/);
  return { server, browser, publisher, player };
}

for (const codec of ['VP8', 'H264'] as const) {
  peerTest(`the unmodified Web SDK publishes ${codec} and plays it in a second page`, ['chromium'], async (t) => {
    t.timeout(90_000);
    const server = await startBrowserServer(t);
    const browser = await PeerBrowser.start(t);
    const publisher = await connected(browser, server);
    await publisher.call('webSdk.publish', 'cam', { stripCodecs: STRIPPED[codec] });
    await publisher.logged(/^stream cam PUBLISHING/);
    const player = await connected(browser, server);
    await player.call('webSdk.play', 'cam');
    await player.logged(/^stream cam PLAYING/);
    const first = await player.playing(20);
    const later = await player.playing((first.inVideo?.framesDecoded ?? 0) + 60);
    t.log(`first picture after ${later.firstPictureMs?.toFixed(0)} ms`, later.inVideo);
    t.is(later.inVideo?.codec, codec);
    t.true((later.inAudio?.packetsReceived ?? 0) >= (first.inAudio?.packetsReceived ?? 0) + 100, 'sound goes on');
    await until(async () => (await player.read<{ type: string; payload?: { streamerVideoWidth: number } }[]>('webSdk.received')).some(({ type, payload }) => type === 'resize' && payload?.streamerVideoWidth === 640), 'the size of the picture');

    await player.call('webSdk.stop', 'cam');
    await player.logged(/^stream cam STOPPED/);
    await publisher.call('webSdk.stop', 'cam');
    await publisher.logged(/^stream cam UNPUBLISHED/);
    t.deepEqual((await publisher.read<string[]>('webSdk.log')).filter((line) => line.includes('FAILED')), []);
  });
}

peerTest('players hear that the publisher stopped', ['chromium'], async (t) => {
  const { publisher, player } = await publisherAndPlayer(t);
  await player.playing(10);
  await publisher.call('webSdk.stop', 'cam');
  t.is(await player.logged(/^stream cam FAILED/), 'stream cam FAILED: Stopped by publisher stop');
});

peerTest('a name in use and an unknown name fail with their documented texts', ['chromium'], async (t) => {
  const { server, browser } = await publisherAndPlayer(t);
  const other = await connected(browser, server);
  await other.call('webSdk.publish', 'cam');
  t.is(await other.logged(/^stream cam FAILED/), 'stream cam FAILED: Stream name is already in use');
  await other.call('webSdk.play', 'nobody');
  t.is(await other.logged(/^stream nobody FAILED/), 'stream nobody FAILED: Stream not found');
});

peerTest('available() tells whether a stream is there', ['chromium'], async (t) => {
  const { player } = await publisherAndPlayer(t);
  t.true(await player.call('webSdk.available', 'cam'));
  t.false(await player.call('webSdk.available', 'nobody'));
});

peerTest('data and mute events of a publisher reach its players', ['chromium'], async (t) => {
  const { publisher, player } = await publisherAndPlayer(t);
  await player.playing(5);
  await publisher.call('webSdk.sendToStream', 'cam', { score: 3 });
  await publisher.call('webSdk.mute', 'cam', 'audio');
  await player.logged(/^event cam audioMuted/);
  const received = await player.read<{ type: string; payload?: unknown }[]>('webSdk.received');
  t.deepEqual(received.find(({ type }) => type === 'data')?.payload, { score: 3 });
});

peerTest('three members of a room see one another come, speak, publish and go', ['chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t);
  const browser = await PeerBrowser.start(t);
  const [ann, ben, eve] = [await browser.open('web-sdk-room'), await browser.open('web-sdk-room'), await browser.open('web-sdk-room')];
  t.deepEqual(await ann.call('room.enter', server.webSocketUrl, 'ann', 'r1'), []);
  t.deepEqual(await ben.call('room.enter', server.webSocketUrl, 'ben', 'r1'), ['ann']);
  t.deepEqual(await eve.call('room.enter', server.webSocketUrl, 'eve', 'r1'), ['ann', 'ben']);
  await ann.logged(/^joined eve/, 'room.log');

  await ann.call('room.say', 'ben', 'good morning');
  t.is(await ben.logged(/^message/, 'room.log'), 'message ann: good morning');
  t.is(await ann.call('room.publish'), 'PUBLISHING');
  await ben.logged(/^published ann/, 'room.log');
  t.is(await ben.call('room.play', 'ann'), 'PLAYING');
  t.true(((await ben.playing(20)).inVideo?.framesDecoded ?? 0) >= 20);

  await eve.call('room.leave');
  await ann.logged(/^left eve/, 'room.log');
  await ann.page.close();
  await ben.logged(/^left ann/, 'room.log');
});

peerTest('MSE plays an H.264 and AAC stream over the second socket', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t);
  const input = ['-re', '-stream_loop', '-1', '-i', join(mediaFolder, 'avc.mp4')];
  const publisher = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', ...input, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${server.ports.rtmp}/live/cam`]);
  await server.streamIsLive('cam');
  const player = await (await PeerBrowser.start(t)).open('web-sdk', { preferredMediaProviders: ['MSE'] });
  await player.call('webSdk.connect', server.webSocketUrl);
  await player.call('webSdk.play', 'cam', { mediaProvider: 'MSE' });
  await player.logged(/^stream cam PLAYING/);
  const state = await until(async () => {
    const playback = await player.read<{ currentTime: number; frames: number; width: number } | null>('webSdk.playback() ?? null');
    return playback !== null && playback.frames >= 60 ? playback : undefined;
  }, '60 pictures', 30_000);
  t.log(state);
  t.true(state.currentTime > 1);
  t.is(publisher.stderr, '');
});
