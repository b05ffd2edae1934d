import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Codec } from '../../core/media/codecs.ts';
import { messageOf } from '../../core/errors/wcs-error.ts';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { LoopPublisher, makeClip } from '../support/hls.ts';
import { checkout, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { childrenOf, LIKE_A_BROWSER, TimedReader } from '../support/transcoded.ts';
import { until } from '../support/until.ts';

const SILENCE_MS = 1000;
const PATIENCE_MS = 30_000;
const clip = makeClip({ seconds: 3, bFrames: 2, gopFrames: 30 });

let kernel: TestKernel;
let plugin: PluginUnderTest;

test.before(async () => {
  plugin = new PluginUnderTest('transcoder', join(checkout, 'plugins/transcoder/transcoder.plugin.ts'));
  kernel = await startTestKernel({ plugins: { transcoder: { path: plugin.folder } } });
});
test.after.always(async () => {
  await kernel.stop();
  plugin.remove();
});

let streams = 0;

/** A stream of one's own, with B frames, for each test. */
async function publish(t: ExecutionContext): Promise<LoopPublisher> {
  t.timeout(120_000);
  streams += 1;
  const publisher = new LoopPublisher(kernel.kernel.parts.media, `cam${streams}`, await clip);
  // A publisher that knows of its B frames says so.
  publisher.publication.setTracks(publisher.publication.stream.tracks.map((track) => (track.kind === 'video' ? { ...track, revision: 2, hasBFrames: true } : track)));
  t.teardown(() => {
    publisher.stop();
    publisher.publication.end('done');
    if (!t.passed) t.log(kernel.logLines.slice(-30).join(''));
  });
  return publisher;
}

async function flowing(reader: TimedReader, frames = 20): Promise<void> {
  const from = performance.now();
  await until(() => reader.of('video', from).length >= frames && reader.of('audio', from).length >= frames, `${frames} pictures and sounds`, PATIENCE_MS);
}

async function madeTracks(): Promise<number> {
  const rows = (await kernel.call('stat.show', { group: 'transcoder_stats' })) as { name: string; value: number }[];
  return rows.find(({ name }) => name === 'transcoder_tracks')?.value ?? -1;
}

test.serial('a swap of the transcoder while it works is neither seen nor heard', async (t) => {
  const publisher = await publish(t);
  const reader = new TimedReader(publisher.publication.stream, LIKE_A_BROWSER);
  await flowing(reader);
  t.deepEqual(reader.tracks.map(({ codec }) => codec).sort(), ['h264', 'opus']);
  // What it loses, this machine has stood still for.
  const direct = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['aac'] }]);
  t.true(childrenOf('transcoder@1').length > 0);
  for (const version of [2, 3]) {
    const sinceMs = performance.now();
    plugin.writeGood();
    await kernel.call('plugin.reload', { name: 'transcoder' });
    await until(() => childrenOf(`transcoder@${version}`).length > 0 && childrenOf(`transcoder@${version - 1}`).length === 0, `the children of version ${version}`);
    await flowing(reader);
    t.log(`version ${version}: longest gap ${reader.longestGapMs('video', sinceMs).toFixed(0)} ms of picture, ${reader.longestGapMs('audio', sinceMs).toFixed(0)} ms of sound`);
    for (const kind of ['video', 'audio'] as const) t.true(reader.longestGapMs(kind, sinceMs) < SILENCE_MS + direct.longestGapMs(kind, sinceMs));
  }
  t.is(reader.end, undefined);
  t.true(reader.goesForward('video'));
  t.true(reader.goesForward('audio'));
});

test.serial('a killed child is a short gap for its readers, and nothing for others', async (t) => {
  const publisher = await publish(t);
  const reader = new TimedReader(publisher.publication.stream, LIKE_A_BROWSER);
  const direct = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['aac'] }]);
  await flowing(reader);
  const sinceMs = performance.now();
  // The oldest: the one that stands ready is younger.
  process.kill(childrenOf('transcoder')[0]!, 'SIGKILL');
  await flowing(reader);
  t.log(`longest gap ${reader.longestGapMs('video', sinceMs).toFixed(0)} ms of picture, ${reader.longestGapMs('audio', sinceMs).toFixed(0)} ms of sound`);
  t.true(reader.longestGapMs('video', sinceMs) < 5000);
  const steps = direct.of('video', sinceMs).map(({ frame }) => frame.dtsUs);
  t.true(steps.every((dtsUs, index) => index === 0 || dtsUs - steps[index - 1]! < 50_000), 'the direct reader misses no picture');
  t.is(reader.end, undefined);
  t.true(reader.goesForward('audio') && reader.goesForward('video'));
});

test.serial('a source whose process ends again and again is given up, and its readers do without it', async (t) => {
  const publisher = await publish(t);
  const reader = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['opus'] }], 'omit');
  await flowing(reader);
  await until(() => {
    for (const pid of childrenOf('transcoder')) process.kill(pid, 'SIGKILL');
    return reader.tracks.length === 1;
  }, 'the picture alone', PATIENCE_MS);
  t.true(kernel.logLines.some((line) => line.includes('Its process ended 3 times')));
  t.is(reader.tracks[0]?.kind, 'video');
  t.is(reader.end, undefined);
  const sinceMs = performance.now();
  await until(() => reader.of('video', sinceMs).length > 30);
});

test.serial('readers share what is made for them, and it ends a while after the last has gone', async (t) => {
  const publisher = await publish(t);
  await until(async () => (await madeTracks()) === 0, 'the end of what was made before', PATIENCE_MS);
  const readers = [1, 2, 3].map(() => new TimedReader(publisher.publication.stream, LIKE_A_BROWSER));
  const small = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'], target: { height: 90, bitrateBps: 100_000 } }]);
  for (const reader of readers) await flowing(reader, 5);
  await until(() => small.of('video').length > 10);
  t.is(await madeTracks(), 3);
  t.is(small.tracks[0]?.height, 90);
  t.is(small.tracks[0]?.width, 160);
  for (const reader of [...readers, small]) reader.subscription.close();
  await until(async () => (await madeTracks()) === 0, 'the end of what nobody reads', PATIENCE_MS);
});

test.serial('where transcoding is disabled, or its limit is reached, a reader is told so', async (t) => {
  const { stream } = (await publish(t)).publication;
  const set = async (setting: string, value: unknown): Promise<void> => {
    const serving = (): number => kernel.logLines.filter((line) => /"transcoder@\d+ serves"/.test(line)).length;
    const before = serving();
    await kernel.call('config.set', { path: `plugins.transcoder.${setting}`, value });
    await until(() => serving() > before, 'a transcoder with the new setting', PATIENCE_MS);
  };
  await set('transcodingDisabled', true);
  const refusal = (codec: Codec): string | undefined => {
    try {
      new TimedReader(stream, [{ kind: 'audio', codecs: [codec] }]).subscription.close();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  t.regex(refusal('opus') ?? '', /^Transcoding required, but disabled/);
  const picture = new TimedReader(stream, [{ kind: 'video', codecs: ['h264'], bFrames: false }]);
  t.is(picture.tracks[0]?.id, 'video', 'B frames are better than nothing');

  await set('maxJobs', 1);
  await set('transcodingDisabled', false);
  const first = new TimedReader(stream, [{ kind: 'audio', codecs: ['opus'] }]);
  await until(() => first.of('audio').length > 0, 'sound', PATIENCE_MS);
  t.is(refusal('pcmu'), 'No available transcoders');
});
