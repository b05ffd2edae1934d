import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { LoopPublisher, makeClip } from '../support/hls.ts';
import { checkout, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { childrenOf, LIKE_A_BROWSER, TimedReader } from '../support/transcoded.ts';
import { until } from '../support/until.ts';

const SILENCE_MS = 1000;
const clip = makeClip({ bFrames: 2, gopFrames: 30 });

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<{ kernel: TestKernel; plugin: PluginUnderTest; publisher: LoopPublisher }> {
  t.timeout(90_000);
  const plugin = new PluginUnderTest('transcoder', join(checkout, 'plugins/transcoder/transcoder.plugin.ts'));
  const kernel = await startTestKernel({ plugins: { transcoder: { path: plugin.folder, ...settings } } });
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'cam', await clip);
  // A publisher that knows of its B frames says so.
  publisher.publication.setTracks(publisher.publication.stream.tracks.map((track) => (track.kind === 'video' ? { ...track, revision: 2, hasBFrames: true } : track)));
  t.teardown(async () => {
    publisher.stop();
    await kernel.stop();
    plugin.remove();
    if (!t.passed) t.log(kernel.logLines.slice(-30).join(''));
  });
  return { kernel, plugin, publisher };
}

async function flowing(reader: TimedReader, frames = 30): Promise<void> {
  const from = performance.now();
  await until(() => reader.of('video', from).length >= frames && reader.of('audio', from).length >= frames, `${frames} pictures and sounds`, 30_000);
}

test.serial('a swap of the transcoder while it works is neither seen nor heard', async (t) => {
  const { kernel, plugin, publisher } = await start(t);
  const reader = new TimedReader(publisher.publication.stream, LIKE_A_BROWSER);
  await flowing(reader);
  t.deepEqual(reader.tracks.map(({ codec }) => codec).sort(), ['h264', 'opus']);
  // What it loses, this machine has stood still for.
  const direct = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['aac'] }]);
  const before = childrenOf('transcoder@1');
  t.is(before.length, 1);
  for (const version of [2, 3]) {
    const sinceMs = performance.now();
    plugin.writeGood();
    await kernel.call('plugin.reload', { name: 'transcoder' });
    await until(() => childrenOf(`transcoder@${version}`).length > 0 && childrenOf(`transcoder@${version - 1}`).length === 0, `the children of version ${version}`, 20_000);
    await flowing(reader);
    t.log(`version ${version}: longest gap ${reader.longestGapMs('video', sinceMs).toFixed(0)} ms of picture, ${reader.longestGapMs('audio', sinceMs).toFixed(0)} ms of sound`);
    for (const kind of ['video', 'audio'] as const) t.true(reader.longestGapMs(kind, sinceMs) < SILENCE_MS + direct.longestGapMs(kind, sinceMs));
  }
  t.is(reader.end, undefined);
  t.true(reader.goesForward('video'));
  t.true(reader.goesForward('audio'));
});

test.serial('a killed child is a short gap for its readers, and nothing for others', async (t) => {
  const { publisher } = await start(t);
  const reader = new TimedReader(publisher.publication.stream, LIKE_A_BROWSER);
  const direct = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['aac'] }]);
  await flowing(reader);
  const sinceMs = performance.now();
  for (const pid of childrenOf('transcoder')) process.kill(pid, 'SIGKILL');
  await flowing(reader);
  t.log(`longest gap ${reader.longestGapMs('video', sinceMs).toFixed(0)} ms of picture, ${reader.longestGapMs('audio', sinceMs).toFixed(0)} ms of sound`);
  t.true(reader.longestGapMs('video', sinceMs) < 5000);
  const steps = direct.of('video', sinceMs).map(({ frame }) => frame.dtsUs);
  t.true(steps.every((dtsUs, index) => index === 0 || dtsUs - steps[index - 1]! < 50_000), 'the direct reader misses no picture');
  t.is(reader.end, undefined);
  t.true(reader.goesForward('audio') && reader.goesForward('video'));
});

test.serial('a source whose process ends again and again is given up, and its readers do without it', async (t) => {
  const { publisher } = await start(t);
  const reader = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['opus'] }], 'omit');
  await flowing(reader);
  for (let crash = 1; crash <= 3; crash++) {
    const pids = await until(() => (childrenOf('transcoder').length > 0 ? childrenOf('transcoder') : undefined));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until(() => !childrenOf('transcoder').some((pid) => pids.includes(pid)), 'the end of the child');
  }
  await until(() => reader.tracks.length === 1, 'the picture alone');
  t.is(reader.tracks[0]?.kind, 'video');
  t.is(reader.end, undefined);
  const sinceMs = performance.now();
  await until(() => reader.of('video', sinceMs).length > 30);
});

test.serial('readers share what is made for them, and it ends a while after the last has gone', async (t) => {
  const { kernel, publisher } = await start(t);
  const tracks = async (): Promise<number> => {
    const rows = (await kernel.call('stat.show', { group: 'transcoder_stats' })) as { name: string; value: number }[];
    return rows.find(({ name }) => name === 'transcoder_tracks')?.value ?? -1;
  };
  const readers = [1, 2, 3].map(() => new TimedReader(publisher.publication.stream, LIKE_A_BROWSER));
  const small = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'], target: { height: 90, bitrateBps: 100_000 } }]);
  for (const reader of readers) await flowing(reader, 5);
  await until(() => small.of('video').length > 10);
  t.is(await tracks(), 3);
  t.is(small.tracks[0]?.height, 90);
  t.is(small.tracks[0]?.width, 160);
  for (const reader of [...readers, small]) reader.subscription.close();
  await until(async () => (await tracks()) === 0, 'the end of what nobody reads', 15_000);
});

test.serial('where transcoding is disabled, or its limit is reached, a reader is told so', async (t) => {
  const { publisher } = await start(t, { transcodingDisabled: true });
  const error = t.throws(() => new TimedReader(publisher.publication.stream, [{ kind: 'audio', codecs: ['opus'] }]));
  t.regex(error.message, /^Transcoding required, but disabled/);
  const picture = new TimedReader(publisher.publication.stream, [{ kind: 'video', codecs: ['h264'], bFrames: false }]);
  t.is(picture.tracks[0]?.id, 'video', 'B frames are better than nothing');

  const limited = await start(t, { maxJobs: 1 });
  const { stream } = limited.publisher.publication;
  const first = new TimedReader(stream, [{ kind: 'audio', codecs: ['opus'] }]);
  await until(() => first.of('audio').length > 0, 'sound', 20_000);
  t.throws(() => new TimedReader(stream, [{ kind: 'audio', codecs: ['pcmu'] }]), { message: 'No available transcoders' });
});
