import test from 'ava';
import type { Page } from 'playwright-core';
import { FakeMediaServer, problem, WEBRTC_FLAGS } from '../../support/fake-media-server.ts';
import { fakeHls, openHttpPage, shoot, type HttpPage, type HttpPageOptions } from '../../support/http-page.ts';
import { until } from '../../support/until.ts';

interface Setup extends HttpPage {
  readonly media: FakeMediaServer;
  readonly hls: Awaited<ReturnType<typeof fakeHls>>;
}

async function setUp(teardown: (work: () => unknown) => void, options: HttpPageOptions = {}): Promise<Setup> {
  const hls = await fakeHls(404);
  teardown(() => hls.server.close());
  const http = await openHttpPage((work) => teardown(work), { hlsPort: hls.port, flags: WEBRTC_FLAGS, ...options });
  return { ...http, hls, media: await FakeMediaServer.start(http.server, http.context) };
}

async function isLive(page: Page): Promise<void> {
  await page.getByRole('status').getByText('live', { exact: true }).waitFor({ timeout: 30_000 });
}

const framesShown = (page: Page) => page.evaluate<number>("document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames");

test.serial('The player plays in real time, tells its figures, and ends its session when it leaves', async (t) => {
  const { base, page, complaints, media, hls } = await setUp((work) => t.teardown(work));
  await page.goto(`${base}/player?name=${encodeURIComponent('front/door')}&token=abc&seat=4`);
  await isLive(page);
  const before = await framesShown(page);
  await until(async () => (await framesShown(page)) > before + 25, 'the picture goes on');
  await page.locator('#fact-protocol').getByText('WebRTC over UDP').waitFor();
  await page.locator('#fact-resolution').getByText('640×360').waitFor();
  await page.locator('#fact-codec').getByText('VP8 · Opus').waitFor();
  await page.locator('#fact-buffer').getByText(/^\d+ ms$/).waitFor();
  await page.locator('#fact-roundTrip').getByText(/^\d+ ms$/).waitFor();
  await shoot(page, 'player-realtime');
  const [offer] = media.requests;
  t.is(offer?.path, '/whep/front%2Fdoor');
  t.is(offer?.headers.authorization, 'Bearer abc');
  t.is(String(offer?.query), 'seat=4');
  t.false(await page.locator('#note').isVisible());
  t.true(await page.getByRole('radio', { name: 'Real time' }).isChecked());
  t.deepEqual(hls.asked, []);
  await page.goto('about:blank');
  await until(() => media.asked('DELETE').length === 1, 'the session is ended');
  t.deepEqual(media.asked('DELETE'), ['/whep/front%2Fdoor/session-1']);
  t.deepEqual(complaints, []);
});

test.serial('The viewer chooses by keyboard between real time and HLS, and the address keeps the choice', async (t) => {
  const { base, page, complaints, media, hls } = await setUp((work) => t.teardown(work));
  await page.goto(`${base}/player?name=live`);
  await isLive(page);
  await page.getByRole('radio', { name: 'Real time' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  t.is(new URL(page.url()).search, '?name=live&via=hls');
  t.is(hls.asked[0], '/live/live.m3u8');
  await until(() => media.asked('DELETE').length === 1, 'the session in real time is ended');
  await page.reload();
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  t.true(await page.getByRole('radio', { name: 'HLS' }).isChecked());
  t.is(media.asked('POST').length, 1);
  await page.getByRole('radio', { name: 'Real time' }).click();
  await isLive(page);
  t.is(new URL(page.url()).search, '?name=live&via=webrtc');
  t.deepEqual(complaints, []);
});

test.serial('The player waits for the publisher, says when it has gone, and is refused where it may not watch', async (t) => {
  const { base, page, complaints, media, hls } = await setUp((work) => t.teardown(work));
  media.refusal = () => problem(404, 'Stream not found', 'MEDIA_E_NOT_FOUND');
  await page.goto(`${base}/player?name=live`);
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  media.refusal = undefined;
  await isLive(page);
  await page.getByRole('status').getByText('live', { exact: true }).waitFor();
  media.refusal = () => problem(404, 'Stream not found', 'MEDIA_E_NOT_FOUND');
  await media.hangUp();
  await page.getByRole('heading', { name: 'The stream has stopped' }).waitFor();
  media.refusal = () => problem(403, 'No.', 'ACCESS_E_REFUSED');
  await page.getByRole('heading', { name: "You aren't allowed to watch this stream" }).waitFor();
  media.refusal = undefined;
  await page.getByRole('button', { name: 'Try again' }).click();
  await isLive(page);
  t.deepEqual(hls.asked, []);
  t.deepEqual(complaints, []);
});

test.serial('The player falls back to HLS and says why', async (t) => {
  const { base, page, complaints, media, hls } = await setUp((work) => t.teardown(work));
  const expectFallBack = async (reason: RegExp) => {
    const asked = hls.asked.length;
    await page.goto(`${base}/player?name=live&via=webrtc`);
    await page.locator('#note').getByText(reason).waitFor();
    await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
    t.true(await page.getByRole('radio', { name: 'HLS' }).isChecked());
    t.true(hls.asked.length > asked);
  };
  media.refusal = () => ({ status: 404, body: '{"error":{"code":"OPERATION_E_UNKNOWN","message":"There is nothing at /whep/live."}}' });
  await expectFallBack(/the plugin webrtc is off\. Playing by HLS instead/);
  await shoot(page, 'player-fallback');
  media.refusal = () => problem(422, 'Transcoding required, but disabled', 'MEDIA_E_NO_COMMON_CODEC');
  await expectFallBack(/WebRTC can't carry this stream to this browser: Transcoding required, but disabled\./);
  media.refusal = () => problem(503, 'Too many sessions are open.', 'NET_E_PORT_EXHAUSTED');
  await expectFallBack(/Too many sessions are open\. Playing by HLS/);
  media.refusal = () => ({ status: 201, headers: { 'Content-Type': 'application/sdp' }, body: 'nonsense' });
  await expectFallBack(/couldn't take the server's answer/);
  media.refusal = undefined;
  media.silent = true;
  await expectFallBack(/didn't answer within 5 s/);
  media.silent = false;
  await page.getByRole('button', { name: 'Try real time again' }).click();
  await isLive(page);
  t.false(await page.locator('#note').isVisible());
  t.deepEqual(complaints, []);
});

test.serial('The player falls back to HLS when media finds no way', async (t) => {
  const { base, page, complaints, media } = await setUp((work) => t.teardown(work));
  await page.goto(`${base}/player?name=live`);
  await isLive(page);
  // The same answer without an address at which anybody could be reached.
  await page.addInitScript(`{
    const apply = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
      return apply.call(this, { type: description.type, sdp: description.sdp.replace(/^a=candidate.*\\r\\n/gm, '') });
    };
  }`);
  await page.reload();
  await page.locator('#note').getByText(/No way for media was found/).waitFor({ timeout: 30_000 });
  await until(() => media.asked('DELETE').length === 2, 'the session is ended');
  t.deepEqual(complaints, []);
});

test.serial('The player tells in the dark and on a narrow screen that real time lacks the sound', async (t) => {
  const { base, page, complaints, media, hls } = await setUp((work) => t.teardown(work), { colorScheme: 'dark' });
  media.kinds = ['video'];
  await page.goto(`${base}/player?name=live`);
  await isLive(page);
  await page.getByText(/This stream's sound can't come in real time/).waitFor();
  await page.locator('#fact-bitrate').getByText(/bit\/s/).waitFor();
  await shoot(page, 'player-no-sound-dark');
  await page.setViewportSize({ width: 390, height: 800 });
  await shoot(page, 'player-no-sound-narrow');
  t.is(await page.evaluate<number>('document.documentElement.scrollWidth'), 390, 'the page does not scroll sideways');
  media.headers = { Warning: '299 - "The sound is AAC; enable the \\"transcoder\\" plugin."' };
  await page.reload();
  await page.getByText('The sound is AAC; enable the "transcoder" plugin.').waitFor();
  await page.getByRole('button', { name: 'Watch by HLS' }).click();
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  t.true(hls.asked.length > 0);
  t.deepEqual(complaints, []);
});
