import { ask, LoopPublisher, makeClip } from '../../support/hls.ts';
import { openHlsPage, type PlayerState } from '../../support/hls-page.ts';
import { peerTest } from '../../support/peers.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PATIENCE_MS = 60_000;
/** What hls.js says of a change in the middle of a segment: it fetches what it has once more, or gives up what it was fetching. */
const OF_A_CHANGE = ['bufferAppendNoProgress', 'aborted'];
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
  const errors = (await state()).errors.filter((error) => !OF_A_CHANGE.some((details) => error.startsWith(details)));
  // Where the machine is busy the player may stand still once, and nudges itself on.
  t.true(errors.length <= 1 && errors.every((error) => error.startsWith('bufferNudgeOnStall')), errors.join());
  const [low, mid] = await Promise.all(['low', 'mid'].map((profile) => startsOf(port, `cam-${profile}`)));
  const common = low!.filter((start) => start >= mid![0]! && start <= mid!.at(-1)!);
  t.log(low, mid);
  t.true(common.length >= 2, JSON.stringify([low, mid]));
  t.true(common.every((start) => mid!.includes(start)), JSON.stringify([low, mid]));
});

/** Times of the first pictures of all segments that a playlist has. @see ISO/IEC 14496-12 section 8.8.12 */
async function startsOf(port: number, name: string): Promise<number[]> {
  const { text } = await ask(port, `/${name}/${name}.m3u8`);
  const uris = text.split('\n').filter((line, index, lines) => line !== '' && !line.startsWith('#') && lines[index - 1]?.startsWith('#EXTINF') === true);
  const segments = await Promise.all(uris.map((uri) => ask(port, new URL(uri, `http://host/${name}/`).pathname)));
  return segments.filter(({ status }) => status === 200).map(({ body }) => {
    const at = body.indexOf('tfdt');
    return body[at + 4] === 1 ? Number(body.readBigUInt64BE(at + 8)) : body.readUInt32BE(at + 8);
  });
}
