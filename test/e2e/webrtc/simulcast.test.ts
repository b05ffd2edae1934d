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
    t.timeout(120_000);
    const server = await startBrowserServer(t);
    const browser = await PeerBrowser.start(t);
    const publisher = await browser.open('whip-whep');
    t.is((await publisher.call<HttpOutcome>('whipWhep.publish', server.whip('cam'), { codec, ...CAMERA, encodings: ENCODINGS })).status, 201);
    await server.streamIsLive('cam');
    const [large, small] = [await browser.open('whip-whep'), await browser.open('whip-whep')];
    t.is((await large.call<HttpOutcome>('whipWhep.play', server.whep('cam'))).status, 201);
    t.is((await small.call<HttpOutcome>('whipWhep.play', `${server.whep('cam')}?maxWidth=480`)).status, 201);
    await showing(large, 960);
    await showing(small, 480);
    t.is((await server.kernel.call<{ tracks: unknown[] }>('stream.get', { name: 'cam' })).tracks.length, 2);
    await goesOn(large, 40);
    const before = await goesOn(small, 40);

    await publisher.call('whipWhep.activate', { h: false });
    await showing(large, 480);
    await goesOn(large, 20);
    await publisher.call('whipWhep.activate', { h: true });
    await showing(large, 960);
    const after = await goesOn(large, 40);
    const calm = await goesOn(small, 20);
    t.log(codec, 'large', after, 'small', calm);
    t.true((after.totalFreezesDuration ?? 0) <= FREEZE_S * Math.max(1, after.freezeCount ?? 0), `frozen for ${after.totalFreezesDuration} s`);
    t.is(calm.frameWidth, 480, 'the other one has noticed nothing');
    t.is(calm.freezeCount, before.freezeCount);
  });
}
