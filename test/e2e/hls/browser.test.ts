import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { openHlsPage, playUntil, report } from '../../support/hls-page.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const canRun = hasFfmpeg && existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium');
const inBrowser = canRun ? test.serial : test.serial.skip;

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

inBrowser('hls.js plays the low-latency list by parts, close to the edge and without errors, and goes on when the publisher returns', async (t) => {
  t.timeout(90_000);
  const { kernel, port } = await startKernel(t);
  const page = await openHlsPage(t);
  // In the middle of a group of pictures, however long the browser took to start.
  const publisher = await publish(t, kernel, 3000);
  await page.evaluate(`play('http://127.0.0.1:${port}/cam/cam.m3u8', true)`);
  const state = await playUntil(page, 180);
  t.log(state);
  t.deepEqual(state.errors, []);
  t.true(state.partsLoaded > 5);
  t.true(state.latency < 4, `${state.latency} s behind the edge`);
  t.true(state.firstFrameMs < 4000, `first frame after ${state.firstFrameMs} ms`);

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
  const page = await openHlsPage(t);
  await publish(t, kernel, 3000);
  await page.evaluate(`play('http://127.0.0.1:${port}/cam/ts/cam.m3u8', false)`);
  const state = await playUntil(page, 150);
  t.log(state);
  t.deepEqual(state.errors, []);
  t.is(state.partsLoaded, 0);
});
