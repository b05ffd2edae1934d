import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/test-browser.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { peerTest } from '../../support/peers.ts';
import { checkout } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer, type ServerOptions } from '../../support/wcs-server.ts';

const MAX_LATENCY_S = 4;
/** Two seconds of the clip. */
const ENOUGH_FRAMES = 60;

/** What the player page needs of the server; the dashboard shows all of it. */
const PLAYER = ['http', 'rtmp', 'hls'];

interface Playback {
  readonly timeS: number;
  readonly frames: number;
  readonly width: number;
  readonly latencyS: number;
}

async function playback(page: Page): Promise<Playback> {
  return page.evaluate<Playback>(`(() => {
    const video = document.getElementById('video');
    const { totalVideoFrames } = video.getVideoPlaybackQuality();
    return { timeS: video.currentTime, frames: totalVideoFrames, width: video.videoWidth, latencyS: parseFloat(document.getElementById('fact-latency').textContent) };
  })()`);
}

/** Waits until `frames` more pictures than now have been decoded and the time has grown with them. */
async function advances(page: Page, frames = ENOUGH_FRAMES): Promise<Playback> {
  const from = await playback(page);
  const seen = await until(async () => {
    const now = await playback(page);
    return now.frames >= from.frames + frames && now.timeS > from.timeS + frames / 60 ? now : undefined;
  }, `${frames} pictures more than ${JSON.stringify(from)}`);
  return seen;
}

async function setUp(t: ExecutionContext, options: ServerOptions = {}): Promise<{ readonly server: WcsServer; readonly page: Page; readonly complaints: string[] }> {
  const server = await WcsServer.start(t, options);
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const browser = await openBrowser({ height: 800, ignoreCertificateErrors: true });
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  return { server, page, complaints };
}

/** With `WCS_SCREENSHOTS` set to a folder, pictures for the documentation are taken there. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['WCS_SCREENSHOTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

peerTest('The player page plays with low latency and goes on through a reload of hls', ['ffmpeg', 'chromium'], async (t) => {
  const plugin = new PluginUnderTest('hls', join(checkout, 'plugins/hls/hls.plugin.ts'));
  t.teardown(() => plugin.remove());
  const { server, page, complaints } = await setUp(t, { only: PLAYER, plugins: { hls: { path: plugin.folder } } });
  await page.goto(`http://127.0.0.1:${server.ports.http}/player?name=demo&via=hls`);
  await advances(page);
  const { width, latencyS } = await until(async () => {
    const now = await playback(page);
    return now.latencyS < MAX_LATENCY_S ? now : undefined;
  }, `a latency below ${MAX_LATENCY_S} s`);
  t.is(width, 1280);
  t.true(latencyS > 0 && latencyS < MAX_LATENCY_S, `${latencyS} s`);
  t.log(`latency ${latencyS} s`);
  plugin.writeGood();
  t.like((await server.call('plugin.reload', { name: 'hls' })).body, { outcome: 'swapped' });
  const after = await advances(page, 2 * ENOUGH_FRAMES);
  t.true(after.latencyS < MAX_LATENCY_S + 1, `${after.latencyS} s`);
  t.is(await page.locator('#state').textContent(), 'live');
  await shoot(page, 'player');
  t.true(await page.locator('#curtain').isHidden(), 'nobody was told of a stop');
  t.deepEqual(complaints, []);
});

peerTest('The player page plays over HTTPS', ['ffmpeg', 'chromium'], async (t) => {
  const { server, page, complaints } = await setUp(t, { only: PLAYER });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`https://127.0.0.1:${server.ports.httpTls}/player?name=demo&via=hls`);
  await advances(page);
  t.true(asked.some((url) => url.startsWith(`https://127.0.0.1:${server.ports.hlsTls}/demo/`)));
  t.deepEqual(asked.filter((url) => !/^(?:https:\/\/127\.0\.0\.1:|blob:|data:)/.test(url)), []);
  t.deepEqual(complaints, []);
});

peerTest('hls.js plays the classic list of MPEG-TS segments', ['ffmpeg', 'chromium'], async (t) => {
  const { server, page, complaints } = await setUp(t, { only: PLAYER });
  // The player page without a name brings hls.js and a video, and plays nothing by itself.
  await page.goto(`http://127.0.0.1:${server.ports.http}/player`);
  await page.evaluate(`(() => {
    const video = document.getElementById('video');
    video.muted = true;
    const hls = new Hls();
    hls.on(Hls.Events.MANIFEST_PARSED, () => void video.play());
    hls.loadSource('http://127.0.0.1:${server.ports.hls}/demo/ts/demo.m3u8');
    hls.attachMedia(video);
  })()`);
  const { width } = await advances(page, 2 * ENOUGH_FRAMES);
  t.is(width, 1280);
  t.deepEqual(complaints, []);
});

peerTest('The dashboard shows the stream and its viewer, and swaps a plugin by its button under them', ['ffmpeg', 'chromium'], async (t) => {
  const plugin = new PluginUnderTest('rtmp', join(checkout, 'plugins/rtmp/rtmp.plugin.ts'));
  t.teardown(() => plugin.remove());
  const { server, page, complaints } = await setUp(t, { plugins: { rtmp: { path: plugin.folder } } });
  publishLoop(t, server, 'camera-2', 'small.mp4');
  const viewer = await page.context().newPage();
  await viewer.goto(`http://127.0.0.1:${server.ports.http}/player?name=demo&via=hls`);
  await advances(viewer);
  await page.bringToFront();
  await page.goto(`http://127.0.0.1:${server.ports.http}/`);
  await page.getByLabel('Password').fill(server.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  const row = page.locator('#rows-streams tr', { has: page.getByRole('link', { name: 'demo', exact: true }) });
  await until(async () => /live.*rtmp.*H264 · 1280×720 · 30 fps.*AAC · 48 kHz/.test((await row.textContent()) ?? ''), 'the stream\'s facts');
  await until(async () => (await row.locator('td').nth(6).textContent()) === '1', 'the viewer');
  await page.getByRole('link', { name: 'camera-2' }).waitFor();
  plugin.writeGood();
  await page.getByRole('button', { name: 'Reload rtmp' }).click();
  await page.getByText('Plugin rtmp is up to date.').waitFor();
  await page.getByRole('cell', { name: /^rtmp@2/ }).waitFor();
  await shoot(page, 'dashboard');
  await viewer.bringToFront();
  await advances(viewer);
  t.is((await server.stream('demo'))?.status, 'PUBLISHING');
  t.deepEqual(complaints, []);
});
