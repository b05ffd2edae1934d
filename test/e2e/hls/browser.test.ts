import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const canRun = hasFfmpeg && existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium');
const inBrowser = canRun ? test.serial : test.serial.skip;

/** What the page tells of its player. */
interface PlayerState {
  readonly frames: number;
  readonly currentTime: number;
  readonly latency: number;
  readonly firstFrameMs: number;
  readonly stalls: number;
  readonly partsLoaded: number;
  readonly errors: readonly string[];
}

const PAGE = `<!doctype html><meta charset="utf-8"><video id="video" muted autoplay playsinline></video><script src="/hls.js"></script><script>
  const state = { partsLoaded: 0, stalls: 0, errors: [], firstFrameMs: 0 };
  function play(url, lowLatencyMode) {
    const video = document.getElementById('video');
    const startedMs = performance.now();
    const hls = new Hls({ lowLatencyMode });
    hls.on(Hls.Events.ERROR, (_event, data) => {
      if (data.details === 'bufferStalledError') state.stalls++;
      else state.errors.push(data.details + (data.fatal ? ' (fatal)' : '') + ' ' + (data.reason || data.error || ''));
    });
    hls.on(Hls.Events.FRAG_LOADED, (_event, data) => { if (data.part) state.partsLoaded++; });
    video.requestVideoFrameCallback(() => { state.firstFrameMs = performance.now() - startedMs; });
    hls.loadSource(url);
    hls.attachMedia(video);
    window.report = () => ({ ...state, frames: video.getVideoPlaybackQuality().totalVideoFrames, currentTime: video.currentTime, latency: hls.latency });
  }
</script>`;

async function openPage(t: ExecutionContext): Promise<Page> {
  const library = readFileSync(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'));
  const server = createServer((request, response) => {
    const isLibrary = request.url === '/hls.js';
    response.setHeader('Content-Type', isLibrary ? 'text/javascript' : 'text/html');
    response.end(isLibrary ? library : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await openBrowser();
  t.teardown(async () => {
    await browser.close();
    server.close();
  });
  const page = await browser.context.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return page;
}

async function startKernel(t: ExecutionContext): Promise<{ kernel: TestKernel; port: number }> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { hls: { port, tlsPort } } });
  t.teardown(() => kernel.stop());
  return { kernel, port };
}

async function publish(t: ExecutionContext, kernel: TestKernel, leadMs: number): Promise<LoopPublisher> {
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', await makeClip({ gopFrames: 60 }), { leadMs });
  t.teardown(() => publisher.stop());
  return publisher;
}

const report = (page: Page): Promise<PlayerState> => page.evaluate('window.report()');

async function playUntil(page: Page, frames: number): Promise<PlayerState> {
  return until(async () => {
    const state = await report(page);
    return state.frames >= frames ? state : undefined;
  }, `${frames} frames`, 40_000);
}

inBrowser('hls.js plays the low-latency list by parts, close to the edge and without errors, and goes on when the publisher returns', async (t) => {
  t.timeout(90_000);
  const { kernel, port } = await startKernel(t);
  const page = await openPage(t);
  // In the middle of a group of pictures, however long the browser took to start.
  const publisher = await publish(t, kernel, 3000);
  await page.evaluate(`play('http://127.0.0.1:${port}/cam/cam.m3u8', true)`);
  const state = await playUntil(page, 180);
  t.log(state);
  t.deepEqual(state.errors, []);
  t.true(state.partsLoaded > 5);
  t.true(state.latency < 4, `${state.latency} s behind the edge`);
  t.true(state.firstFrameMs < 2000, `first frame after ${state.firstFrameMs} ms`);

  publisher.publication.suspend('gone');
  publisher.stop();
  await until(async () => (await report(page)).currentTime > state.currentTime, 'the rest of the buffer');
  await publish(t, kernel, 0);
  const before = (await report(page)).frames;
  const after = await playUntil(page, before + 120);
  t.log(after);
  t.deepEqual(after.errors.filter((error) => error.includes('fatal')), []);
});

inBrowser('hls.js plays classic MPEG-TS', async (t) => {
  t.timeout(90_000);
  const { kernel, port } = await startKernel(t);
  const page = await openPage(t);
  await publish(t, kernel, 3000);
  await page.evaluate(`play('http://127.0.0.1:${port}/cam/ts/cam.m3u8', false)`);
  const state = await playUntil(page, 150);
  t.log(state);
  t.deepEqual(state.errors, []);
  t.is(state.partsLoaded, 0);
});
