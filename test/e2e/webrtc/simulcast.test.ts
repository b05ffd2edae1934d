import { peerTest } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome, type PeerPage, type VideoStats } from '../../support/webrtc-page.ts';
import { startBrowserServer } from '../../support/browser-server.ts';

const ENCODINGS = [
  { rid: 'h', maxBitrate: 1_200_000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 400_000 },
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
];
const CAMERA = { width: 960, height: 540, frameRate: 20 };
/** A viewer goes up only after some seconds without trouble, later after each failure. */
const RETURN_TIMEOUT_MS = 60_000;
/** A change of layer that a viewer would call a freeze. */
const FREEZE_S = 1;

/** Waits until a player shows pictures of that width, and gives its statistics. */
function showing(player: PeerPage, width: number, timeoutMs = 20_000): Promise<VideoStats> {
  return until(
    async () => {
      const video = (await player.stats())?.inVideo;
      return video?.frameWidth === width ? video : undefined;
    },
    `a picture ${width} wide`,
    timeoutMs,
  );
}

/** Waits until a player has decoded that many pictures more. */
async function goesOn(player: PeerPage, frames: number): Promise<VideoStats> {
  const before = (await player.stats())?.inVideo?.framesDecoded ?? 0;
  const { inVideo } = await player.playing(before + frames);
  return inVideo ?? {};
}

for (const codec of ['VP8', 'H264'] as const) {
  peerTest(`viewers of three ${codec} layers get the size they ask for, fall when a layer goes silent, and come back`, ['chromium'], async (t) => {
    t.timeout(240_000);
    const server = await startBrowserServer(t);
    const browser = await PeerBrowser.start(t);
    const publisher = await browser.open('whip-whep');
    t.is((await publisher.call<HttpOutcome>('whipWhep.publish', server.whip('cam'), { codec, ...CAMERA, encodings: ENCODINGS })).status, 201);
    await server.streamIsLive('cam');
    const widthOf = async (): Promise<unknown> => ((await server.kernel.call('stream.find', { name: 'cam' })) as { width?: number }[])[0]?.width;
    const [large, small] = [await browser.open('whip-whep'), await browser.open('whip-whep')];
    t.is((await large.call<HttpOutcome>('whipWhep.play', server.whep('cam'))).status, 201);
    t.is((await small.call<HttpOutcome>('whipWhep.play', `${server.whep('cam')}?maxWidth=480`)).status, 201);
    await showing(large, 960);
    await showing(small, 480);
    t.is(await widthOf(), 960, 'who knows nothing of layers sees the best one');
    const whole = await goesOn(large, 40);
    const before = await goesOn(small, 40);

    await publisher.call('whipWhep.activate', { h: false });
    await showing(large, 480);
    await until(async () => (await widthOf()) === 480, 'the picture of all others in the next size');
    const fallen = await goesOn(large, 20);
    await publisher.call('whipWhep.activate', { h: true });
    await showing(large, 960, RETURN_TIMEOUT_MS);
    const back = await goesOn(large, 40);
    const calm = await goesOn(small, 20);
    const frozenS = (from: VideoStats, to: VideoStats): number => (to.totalFreezesDuration ?? 0) - (from.totalFreezesDuration ?? 0);
    t.log(codec, `frozen for ${frozenS(whole, fallen)} s when the layer went and ${frozenS(fallen, back)} s when it came back, the other viewer for ${frozenS(before, calm)} s`);
    t.true(frozenS(whole, fallen) <= FREEZE_S, 'the layer went');
    t.true(frozenS(fallen, back) <= FREEZE_S, 'the layer came back');
    t.true(frozenS(before, calm) <= FREEZE_S, 'the other viewer');
    t.is(calm.frameWidth, 480, 'the other viewer stays with its size');
    await until(async () => (await widthOf()) === 960, 'the picture of all others in the first size');

    await publisher.call('whipWhep.activate', { m: false });
    await showing(small, 240);
    const least = await goesOn(small, 20);
    await publisher.call('whipWhep.activate', { m: true });
    await showing(small, 480, RETURN_TIMEOUT_MS);
    const last = await goesOn(small, 40);
    t.log(codec, `the other viewer frozen for ${frozenS(calm, least)} s and ${frozenS(least, last)} s`);
    t.true(frozenS(calm, least) <= FREEZE_S, 'its layer went');
    t.true(frozenS(least, last) <= FREEZE_S, 'its layer came back');
  });
}
