import { startBrowserServer } from '../../support/browser-server.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';

const CLIP = 'vp8-opus.webm';

peerTest('Chromium plays a file, shared and as a copy of its own, over WebRTC without a loss, and the copy ends with it', ['chromium'], async (t) => {
  t.timeout(90_000);
  const server = await startBrowserServer(t, { plugins: { vod: { folder: mediaFolder, loop: true } } });
  const browser = await PeerBrowser.start(t);
  const play = async (scheme: string): Promise<void> => {
    const page = await browser.open('whip-whep');
    t.is((await page.call<HttpOutcome>('whipWhep.play', server.whep(encodeURIComponent(`${scheme}://${CLIP}`)))).status, 201);
    const first = await page.playing(20);
    const later = await page.playing((first.inVideo?.framesDecoded ?? 0) + 60);
    t.log(scheme, `first picture after ${later.firstPictureMs?.toFixed(0)} ms`, later.inVideo);
    t.is(later.inVideo?.codec, 'VP8');
    t.is(later.inAudio?.codec, 'opus');
    t.is(later.inVideo?.frameWidth, 640);
    t.is(later.inVideo?.packetsLost, 0);
    t.is(await page.call('whipWhep.stop'), 200);
  };
  await Promise.all([play('vod-live'), play('vod')]);
  const names = (): string[] => server.kernel.kernel.parts.media.streams().map(({ name }) => name);
  await until(() => !names().some((name) => name.startsWith('vod://')), 'the end of the copy', 6000);
  t.true(names().every((name) => name === `vod-live://${CLIP}`), 'the shared one waits for its next reader');
  t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
});
