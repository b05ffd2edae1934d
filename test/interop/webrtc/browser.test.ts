import test from 'ava';
import { PeerBrowser } from '../../support/webrtc-page.ts';
import { startWhipServer } from '../../support/whip-server.ts';

test.serial('a browser publishes by WHIP, and another page plays it by WHEP', async (t) => {
  const server = await startWhipServer(t);
  const browser = await PeerBrowser.start(t);
  const publisher = await browser.open('whip-whep');
  const published = await publisher.call<{ status: number; body: string }>('whipWhep.publish', server.whip('camera'), { codec: 'VP8' });
  t.is(published.status, 201, published.body);
  const viewer = await browser.open('whip-whep');
  const played = await viewer.call<{ status: number; body: string }>('whipWhep.play', server.whep('camera'));
  t.is(played.status, 201, played.body);
  try {
    const stats = await viewer.playing(60);
    t.log(JSON.stringify(stats));
    t.like(stats, { state: 'connected', inVideo: { codec: 'VP8' }, inAudio: { codec: 'opus' } });
  } catch (error) {
    t.log(JSON.stringify(await publisher.stats()), JSON.stringify(await viewer.stats()), server.logLines.slice(-30).join('\n'));
    throw error;
  }
});
