import test from 'ava';
import { ask, LoopPublisher, makeClip } from '../../support/hls.ts';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { TimedReader } from '../../support/transcoded.ts';
import { until } from '../../support/until.ts';

const keyFrameIntervalMs = 500;
const PROFILES = { high: { height: 1080, bitrate: 900, keyFrameIntervalMs }, mid: { height: 180, bitrate: 400, keyFrameIntervalMs }, low: { height: 90, bitrate: 150, keyFrameIntervalMs } };

(hasFfmpeg ? test : test.skip)('a ladder lists the profiles that are no larger than the source, and their key frames meet', async (t) => {
  t.timeout(90_000);
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { transcoder: { profiles: PROFILES }, hls: { port, tlsPort, abr: ['high', 'mid', 'low'], startTimeoutMs: 20_000 } } });
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', await makeClip({ gopFrames: 45 }));
  t.teardown(async () => {
    publisher.stop();
    await kernel.stop();
  });
  const answer = await until(async () => {
    const master = await ask(port, '/cam/master.m3u8');
    return master.status === 200 ? master : undefined;
  }, 'the master playlist', 30_000);
  t.deepEqual([...answer.text.matchAll(/RESOLUTION=(\S+?),/g)].map(([, size]) => size), ['320x180', '160x90']);
  t.deepEqual(answer.text.split('\n').filter((line) => line.endsWith('.m3u8')), ['../cam-mid/cam-mid.m3u8', '../cam-low/cam-low.m3u8']);

  const readers = ['cam-mid', 'cam-low'].map((name) => new TimedReader(kernel.kernel.parts.media.find(name)!, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['aac'] }]));
  const keysOf = (reader: TimedReader | undefined): number[] => (reader?.of('video') ?? []).filter(({ frame }) => frame.key).map(({ frame }) => frame.ptsUs);
  await until(() => readers.every((reader) => keysOf(reader).length >= 4), 'four key frames of each', 30_000);
  const [mid = [], low = []] = readers.map(keysOf);
  const from = Math.max(mid[0]!, low[0]!);
  const common = Math.min(mid.at(-1)!, low.at(-1)!);
  const within = (keys: readonly number[]): number[] => keys.filter((us) => us >= from && us <= common);
  t.true(within(mid).length >= 3);
  t.deepEqual(within(low), within(mid));
  t.is((await ask(port, '/cam-mid/cam-mid.m3u8')).status, 200);
  t.is((await ask(port, '/nobody/master.m3u8')).status, 404);
});
