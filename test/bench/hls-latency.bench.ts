import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { closeBrowsers, openBrowser } from '../support/browser.ts';
import { mediaFolder } from '../support/media-folder.ts';
import { freePorts } from '../support/test-kernel.ts';
import type { Bench } from './bench.ts';
import { withServer } from './server-folder.ts';

const PLAY_MS = 15_000;

/** What hls.js says after a while: how far the shown picture is behind its arrival at the server. */
interface Playback {
  readonly latencyMs: number;
  readonly firstFrameMs: number;
  readonly frames: number;
  readonly stalls: number;
}

/** Runs in the page; the names are those of hls.js. */
const PLAY = `(url, lowLatencyMode) => new Promise((resolve) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const startedAt = performance.now();
  let firstFrameMs = 0;
  let stalls = 0;
  const hls = new Hls({ lowLatencyMode, maxLiveSyncPlaybackRate: 1.1 });
  hls.on(Hls.Events.ERROR, (_event, data) => { if (data.details === 'bufferStalledError') stalls++; });
  video.requestVideoFrameCallback(() => { firstFrameMs = performance.now() - startedAt; });
  hls.loadSource(url);
  hls.attachMedia(video);
  void video.play();
  setTimeout(() => {
    const latencyMs = Date.now() - hls.playingDate.getTime();
    resolve({ latencyMs, firstFrameMs, frames: video.getVideoPlaybackQuality().totalVideoFrames, stalls });
    hls.destroy();
  }, ${PLAY_MS});
})`;

function play(page: Page, url: string, lowLatency: boolean): Promise<Playback> {
  return page.evaluate(`(${PLAY})(${JSON.stringify(url)}, ${lowLatency})`);
}

/** RTMP publisher to hls.js in Chromium, low latency against classic HLS of the same stream. */
const bench: Bench = {
  name: 'hls-latency',
  async run() {
    const [rtmpPort = 0, port = 0, tlsPort = 0] = await freePorts(3);
    return withServer({ rtmp: { port: rtmpPort }, hls: { port, tlsPort } }, rtmpPort, async () => {
      const publisher = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, 'avc60.mp4'), '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${rtmpPort}/live/bench`], { stdio: 'ignore' });
      const browser = await openBrowser();
      try {
        await sleep(3000);
        const page = await browser.context.newPage();
        await page.addScriptTag({ path: createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js') });
        const classic = await play(page, `http://127.0.0.1:${port}/bench/ts/bench.m3u8`, false);
        const low = await play(page, `http://127.0.0.1:${port}/bench/bench.m3u8`, true);
        return {
          title: 'RTMP publisher to hls.js in Chromium, parts of 0.3 s, key frame each second',
          rows: [
            { what: 'classic HLS: latency', value: classic.latencyMs, unit: 'ms', ratio: 1 },
            { what: 'low-latency HLS: latency', value: low.latencyMs, unit: 'ms', ratio: low.latencyMs / classic.latencyMs },
            { what: 'low-latency HLS: first picture', value: low.firstFrameMs, unit: 'ms' },
            { what: 'low-latency HLS: pictures shown', value: low.frames, unit: '' },
            { what: 'low-latency HLS: stalls', value: low.stalls, unit: '' },
          ],
        };
      } finally {
        await closeBrowsers();
        publisher.kill('SIGKILL');
      }
    });
  },
};

export default bench;
