import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { WEBRTC_FLAGS } from '../../support/fake-media-server.ts';
import { openHttpPage, shoot, type HttpPage } from '../../support/http-page.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

interface Setup extends HttpPage {
  readonly rtmpUrl: string;
}

/** The pages, and all that they play and publish by. */
async function setUp(t: ExecutionContext): Promise<Setup> {
  const [media = 0, hls = 0, rtmp = 0] = await freePorts(3);
  const plugins = { webrtc: { port: media }, hls: { port: hls, tlsPort: 0 }, rtmp: { port: rtmp } };
  const http = await openHttpPage((work) => t.teardown(work), { hlsPort: hls, plugins, flags: WEBRTC_FLAGS });
  t.teardown(() => {
    if (!t.passed) t.log(http.server.logLines.slice(-40).join(''));
  });
  return { ...http, rtmpUrl: `rtmp://127.0.0.1:${rtmp}/live` };
}

async function stateIs(page: Page, state: string): Promise<void> {
  await page.locator('#state').getByText(state, { exact: true }).waitFor({ timeout: 30_000 });
}

/** Waits until the player has shown so many more pictures than now. */
async function advances(page: Page, frames = 50): Promise<void> {
  const shown = () => page.evaluate<number>("document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames");
  const before = await shown();
  await until(async () => (await shown()) >= before + frames, `${frames} pictures more`, 30_000);
}

async function publishFromPage({ base, page }: Setup, name: string, codec: string): Promise<void> {
  await page.goto(`${base}/publish?name=${name}`);
  await page.getByRole('button', { name: 'Show the preview' }).click();
  await page.locator('#preview').waitFor();
  await page.locator('#codec').selectOption(codec);
  await page.getByRole('button', { name: 'Start publishing' }).click();
  await stateIs(page, 'live');
}

for (const codec of ['H264', 'VP8']) {
  peerTest(`What the publishing page sends in ${codec} plays in real time in the player page, with sound`, ['chromium'], async (t) => {
    const setup = await setUp(t);
    const { base, page, context, complaints } = setup;
    await publishFromPage(setup, 'studio', codec);
    const viewer = await context.newPage();
    viewer.on('pageerror', (error) => complaints.push(error.message));
    await viewer.goto(`${base}/player?name=studio`);
    await stateIs(viewer, 'live');
    await advances(viewer);
    await viewer.locator('#fact-protocol').getByText('WebRTC over UDP').waitFor();
    await viewer.locator('#fact-codec').getByText(`${codec} · Opus`).waitFor();
    t.false(await viewer.locator('#note').isVisible());
    await shoot(viewer, `webrtc-player-${codec}`);
    await shoot(page, `webrtc-publish-${codec}`);
    await page.getByRole('button', { name: 'Stop publishing' }).click();
    await viewer.getByRole('heading', { name: /The stream (?:has stopped|isn't there yet)/ }).waitFor();
    await page.getByRole('button', { name: 'Start publishing' }).click();
    await stateIs(page, 'live');
    await stateIs(viewer, 'live');
    await advances(viewer);
    t.deepEqual(complaints, []);
  });
}

peerTest('What the publishing page sends in H264 plays by HLS too', ['chromium'], async (t) => {
  const setup = await setUp(t);
  await publishFromPage(setup, 'studio', 'H264');
  const viewer = await setup.context.newPage();
  await viewer.goto(`${setup.base}/player?name=studio&via=hls`);
  await stateIs(viewer, 'live');
  await advances(viewer);
  await viewer.locator('#fact-protocol').getByText('HLS').waitFor();
  t.deepEqual(setup.complaints, []);
});

peerTest('A stream with AAC plays its picture in real time, says where the sound is, and has it by HLS', ['ffmpeg', 'chromium'], async (t) => {
  const { base, page, complaints, rtmpUrl } = await setUp(t);
  new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, 'avc.mp4'), '-c', 'copy', '-f', 'flv', `${rtmpUrl}/camera`]);
  await page.goto(`${base}/player?name=camera&via=webrtc`);
  await stateIs(page, 'live');
  await advances(page);
  await page.locator('#note').getByText("This stream's sound is AAC, which WebRTC can't carry to this viewer. Enable the transcoder plugin.").waitFor();
  await shoot(page, 'webrtc-player-aac');
  await page.getByRole('button', { name: 'Watch by HLS' }).click();
  await stateIs(page, 'live');
  await page.locator('#fact-codec').getByText(/AAC/).waitFor();
  t.false(await page.locator('#note').isVisible());
  t.deepEqual(complaints, []);
});

peerTest('A name in use is told to the publisher, and a stream that the server ends stops', ['ffmpeg', 'chromium'], async (t) => {
  const setup = await setUp(t);
  const { base, page, complaints, rtmpUrl, server } = setup;
  new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, 'avc.mp4'), '-c', 'copy', '-f', 'flv', `${rtmpUrl}/camera`]);
  await until(async () => ((await server.call('stream.find', {}).catch(() => [])) as unknown[]).length === 1, 'the publisher over RTMP');
  await page.goto(`${base}/publish?name=camera`);
  await page.getByRole('button', { name: 'Start publishing' }).click();
  await page.getByText('Somebody else publishes camera already.').waitFor();
  await page.getByLabel('Stream name').fill('studio');
  await page.getByRole('button', { name: 'Start publishing' }).click();
  await stateIs(page, 'live');
  await server.call('stream.terminate', { name: 'studio' });
  await page.getByText('The server has ended this stream.').waitFor();
  t.deepEqual(complaints, []);
});
