import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { openHlsPage, type PlayerState } from '../../support/hls-page.ts';
import { peerTest } from '../../support/peers.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PATIENCE_MS = 60_000;
const keyFrameIntervalMs = 1000;
const PROFILES = { mid: { height: 180, bitrate: 400, keyFrameIntervalMs }, low: { height: 90, bitrate: 150, keyFrameIntervalMs } };

peerTest('hls.js changes between the variants of a ladder without an error, and their segments begin together', ['ffmpeg', 'chromium'], async (t) => {
  t.timeout(180_000);
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const [kernel, page, clip] = await Promise.all([
    startTestKernel({ plugins: { transcoder: { profiles: PROFILES, preset: 'ultrafast' }, hls: { port, tlsPort, abr: ['mid', 'low'], segmentMs: 1000, startTimeoutMs: 30_000 } } }),
    openHlsPage(t),
    makeClip({ gopFrames: 45 }),
  ]);
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', clip);
  t.teardown(async () => {
    publisher.stop();
    await kernel.stop();
  });
  await page.evaluate(`play('http://127.0.0.1:${port}/cam/master.m3u8', false)`);
  const state = (): Promise<PlayerState> => page.evaluate('window.report()');
  const shows = (height: number, afterFrames: number): Promise<PlayerState> =>
    until(async () => {
      const now = await state();
      return now.height === height && now.frames > afterFrames ? now : undefined;
    }, `pictures of ${height} lines`, PATIENCE_MS);
  const first = await until(async () => ((await state()).frames > 5 ? state() : undefined), 'pictures', PATIENCE_MS);
  t.deepEqual(first.levels, [90, 180]);
  let frames = first.frames;
  for (const level of [0, 1, 0]) {
    await page.evaluate(`change(${level})`);
    frames = (await shows(first.levels[level]!, frames)).frames + 10;
  }
  const { segmentStarts, errors } = await state();
  t.deepEqual(errors, []);
  const startsOf = (level: number): number[] => Object.values(segmentStarts[level] ?? {});
  const [low, mid] = [startsOf(0), startsOf(1)];
  const within = (starts: readonly number[], others: readonly number[]): number[] => starts.filter((ms) => ms >= Math.min(...others) && ms <= Math.max(...others));
  t.true(within(low, mid).length >= 2, JSON.stringify(segmentStarts));
  t.true(within(low, mid).every((ms) => mid.some((other) => Math.abs(other - ms) <= 40)), JSON.stringify(segmentStarts));
});
