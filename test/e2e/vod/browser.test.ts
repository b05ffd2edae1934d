import { startBrowserServer } from '../../support/browser-server.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome } from '../../support/webrtc-page.ts';

for (const [scheme, clip] of [['vod-live', 'vp8-opus.webm'], ['vod', 'vp8-opus.webm']] as const) {
  peerTest(`Chromium plays ${scheme}://${clip} over WebRTC without a loss, and the playback ends with it`, ['chromium'], async (t) => {
    t.timeout(90_000);
    const server = await startBrowserServer(t, { plugins: { vod: { folder: mediaFolder, loop: true } } });
    const browser = await PeerBrowser.start(t);
    const page = await browser.open('whip-whep');
    t.is((await page.call<HttpOutcome>('whipWhep.play', server.whep(encodeURIComponent(`${scheme}://${clip}`)))).status, 201);
    const first = await page.playing(20);
    const later = await page.playing((first.inVideo?.framesDecoded ?? 0) + 90);
    t.log(`first picture after ${later.firstPictureMs?.toFixed(0)} ms`, later.inVideo);
    t.is(later.inVideo?.codec, 'VP8');
    t.is(later.inAudio?.codec, 'opus');
    t.is(later.inVideo?.frameWidth, 640);
    t.is(later.inVideo?.packetsLost, 0);
    t.is(await page.call('whipWhep.stop'), 200);
    if (scheme === 'vod') await until(() => server.kernel.kernel.parts.media.streams().length === 0, 'the end of the copy', 6000);
    t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
  });
}
