import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { openBrowser } from './test-browser.ts';
import { until } from './until.ts';

/** What the page tells of its player. */
export interface PlayerState {
  readonly frames: number;
  readonly currentTime: number;
  readonly latency: number;
  readonly firstFrameMs: number;
  readonly stalls: number;
  readonly partsLoaded: number;
  readonly errors: readonly string[];
  /** Of the picture that is shown. */
  readonly height: number;
  /** Heights of the variants, lowest first. */
  readonly levels: readonly number[];
}

const PAGE = `<!doctype html><meta charset="utf-8"><video id="video" muted autoplay playsinline></video><script src="/hls.js"></script><script>
  const state = { partsLoaded: 0, stalls: 0, errors: [], firstFrameMs: 0 };
  let hls;
  function play(url, lowLatencyMode) {
    const video = document.getElementById('video');
    const startedMs = performance.now();
    hls = new Hls({ lowLatencyMode });
    hls.on(Hls.Events.ERROR, (_event, data) => {
      if (data.details === 'bufferStalledError') state.stalls++;
      else state.errors.push(data.details + (data.fatal ? ' (fatal)' : '') + ' ' + (data.reason || data.error || ''));
    });
    hls.on(Hls.Events.FRAG_LOADED, (_event, data) => { if (data.part) state.partsLoaded++; });
    video.requestVideoFrameCallback(() => { state.firstFrameMs = performance.now() - startedMs; });
    hls.loadSource(url);
    hls.attachMedia(video);
    window.report = () => ({ ...state, frames: video.getVideoPlaybackQuality().totalVideoFrames, currentTime: video.currentTime, latency: hls.latency, height: video.videoHeight, levels: hls.levels.map(({ height }) => height) });
    window.change = (level) => { hls.loadLevel = level; };
  }
</script>`;

/** A page with hls.js: `play(url, lowLatencyMode)`, `change(level)` and `report()`, which gives a `PlayerState`. Closed when the test ends. */
export async function openHlsPage(t: ExecutionContext): Promise<Page> {
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

/** What the page's player has done so far. */
export const report = (page: Page): Promise<PlayerState> => page.evaluate('window.report()');

/** Waits until that many pictures were shown. */
export async function playUntil(page: Page, frames: number): Promise<PlayerState> {
  return until(async () => {
    const state = await report(page);
    return state.frames >= frames ? state : undefined;
  }, `${frames} frames`, 40_000);
}
