import test from 'ava';
import { ask, LoopPublisher, makeClip } from '../../support/hls.ts';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { fragmentsOf, readFragment } from '../../support/mp4-walk.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { TimedReader } from '../../support/transcoded.ts';
import { until } from '../../support/until.ts';

const keyFrameIntervalMs = 500;
const [VIDEO_ID, AUDIO_ID] = [1, 2];
/** Stamps of the clip are whole milliseconds. */
const STAMP_TICKS = 48;
const PROFILES = { high: { height: 1080, bitrate: 900, keyFrameIntervalMs }, mid: { height: 180, bitrate: 400, keyFrameIntervalMs }, low: { height: 90, bitrate: 150, keyFrameIntervalMs } };

(hasFfmpeg ? test : test.skip)('a ladder lists the profiles that are no larger than the source, and their key frames meet', async (t) => {
  t.timeout(90_000);
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { transcoder: { profiles: PROFILES }, hls: { port, tlsPort, abr: ['high', 'mid', 'low'], segmentMs: 1000, startTimeoutMs: 20_000 } } });
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', await makeClip({ gopFrames: 45, seconds: 2 }));
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
  t.is((await ask(port, '/nobody/master.m3u8')).status, 404);

  // One variant has been cut for a while when the other one begins: the clip is no whole number of sound frames, so that its stamps have slipped meanwhile.
  const whole = (name: string, atLeast: number): Promise<readonly Segment[]> =>
    until(async () => {
      const segments = await segmentsOf(port, name);
      return segments.length >= atLeast ? segments : undefined;
    }, `${atLeast} segments of ${name}`, 30_000);
  await whole('cam-mid', 4);
  const lows = await whole('cam-low', 4);
  const mids = await whole('cam-mid', 4);
  const pairs = lows.flatMap((segment) => mids.filter(({ startTicks }) => startTicks === segment.startTicks).map((other) => [segment, other] as const));
  // All but the first segment of the later one, which ends with its first part.
  t.true(pairs.length >= 2, JSON.stringify([lows, mids].map((segments) => segments.map(({ startTicks }) => startTicks))));
  for (const [one, other] of pairs) {
    t.deepEqual(one, other);
    one.endsTicks.forEach((ticks, index) => t.true(Math.abs(ticks - other.endsTicks[index]!) <= STAMP_TICKS));
  }
  // A player that takes the first segment of the later one must not find its sound begin late.
  t.true(Math.abs(lows[0]!.fragments[0]!.sound[0]!.dts / 48_000 - lows[0]!.startTicks / 90_000) < 1024 / 48_000 + 0.001);
});

/** A segment as it is the same in all variants: the times of pictures, and sound whole. */
class Segment {
  readonly fragments: readonly { readonly pictures: readonly (readonly [number, number])[]; readonly sound: readonly { readonly dts: number; readonly data: string }[] }[];
  /** Where the sound of each fragment ends; the last frame may be told a length before the stamp of the next one is known. */
  readonly #endsTicks: readonly number[];

  constructor(body: Buffer) {
    const all = fragmentsOf(body).map(readFragment);
    const soundOf = (tracks: (typeof all)[number]) => (tracks.get(AUDIO_ID) ?? []).map(({ dts, duration, data }) => ({ dts: Number(dts), duration, data: data.toString('base64') }));
    this.fragments = all.map((tracks) => ({
      pictures: (tracks.get(VIDEO_ID) ?? []).map(({ dts, duration }) => [Number(dts), duration] as const),
      sound: soundOf(tracks).map(({ dts, data }) => ({ dts, data })),
    }));
    this.#endsTicks = all.map((tracks) => soundOf(tracks).reduce((_, { dts, duration }) => dts + duration, NaN));
  }

  get startTicks(): number {
    return this.fragments[0]?.pictures[0]?.[0] ?? NaN;
  }

  get endsTicks(): readonly number[] {
    return this.#endsTicks;
  }
}

async function segmentsOf(port: number, name: string): Promise<Segment[]> {
  const { text } = await ask(port, `/${name}/${name}.m3u8`);
  const uris = text.split('\n').filter((line, index, lines) => line !== '' && !line.startsWith('#') && lines[index - 1]?.startsWith('#EXTINF') === true);
  const answers = await Promise.all(uris.map((uri) => ask(port, new URL(uri, `http://host/${name}/`).pathname)));
  return answers.filter(({ status }) => status === 200).map(({ body }) => new Segment(body));
}
