import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probePackets } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { peerTest } from '../../support/peers.ts';
import { RecordingKernel } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const RECORDINGS = 10;
const SWAPS = 5;
/** Of each stream, between two swaps. */
const FRAMES_BETWEEN = 15;

peerTest('ten recordings and one of two streams go through swaps without a frame missing', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(90_000);
  const folder = temporaryFolder(t);
  const plugin = new PluginUnderTest('recorder', join(checkout, 'plugins', 'recorder', 'recorder.plugin.ts'));
  t.teardown(() => {
    plugin.remove();
  });
  const clip = await makeClip({ seconds: 4, gopFrames: 15, bFrames: 2 });
  const kernel = await RecordingKernel.start(t, folder, { path: plugin.folder, streams: ['stream*'], nameTemplate: '{streamName}', pieceMs: 200 });
  const { media } = kernel;
  const publishers = Array.from({ length: RECORDINGS }, (_, index) => new LoopPublisher(media, `stream${index}`, clip, { owner: String(index) }));
  t.teardown(() => publishers.forEach((publisher) => publisher.stop()));
  const uri = 'multi-recorder://pair';
  await kernel.kernel.call('multipleRecorder.startup', { uri });
  for (const { publication } of publishers.slice(0, 2)) await kernel.kernel.call('multipleRecorder.add', { uri, mediaSessionId: publication.stream.id });
  const written = new Map(publishers.map(({ publication }) => [publication.stream.name, 0]));
  for (const { publication: { stream } } of publishers) {
    stream.subscribe({ plane: 'frames', from: 'gop', label: 'count', sink: { onTracks: () => undefined, onFrame: () => void written.set(stream.name, written.get(stream.name)! + 1), onEnd: () => undefined } });
  }
  const framesGoBy = async (): Promise<void> => {
    const before = new Map(written);
    await until(() => [...written].every(([name, count]) => count > before.get(name)! + FRAMES_BETWEEN), 'frames of every stream');
  };
  for (let swap = 0; swap < SWAPS; swap++) {
    await framesGoBy();
    plugin.writeGood();
    await kernel.kernel.call('plugin.reload', { name: 'recorder' });
  }
  await until(() => kernel.kernel.kernel.host.slot('recorder').draining.size === 0, 'the versions before to go', 15_000);
  await framesGoBy();
  for (const publisher of publishers) {
    publisher.stop();
    publisher.publication.end('Stopped by user');
  }
  await Promise.all(publishers.map(async ({ publication }) => {
    const [recording] = await kernel.files(publication.stream.name);
    t.is(recording!.error, undefined);
    const { packets } = await probePackets(recording!.path);
    t.is(packets.length, written.get(publication.stream.name)!, publication.stream.name);
  }));
  await kernel.kernel.call('multipleRecorder.terminate', { uri });
  const [joint] = await kernel.files(uri);
  const { streams, packets } = await probePackets(joint!.path);
  t.is(streams.length, 4);
  const pictures = packets.filter(({ stream_index }) => stream_index === 0).map(({ dts }) => dts);
  // Of six times fifteen frames, three of seven are pictures.
  t.true(pictures.length > 30, `${pictures.length} pictures`);
  t.is(kernel.complete.length, RECORDINGS + 1, 'each recording is one file');
  t.deepEqual(readdirSync(folder).filter((file) => file.endsWith('.part')), []);
  t.is(kernel.kernel.kernel.host.slot('recorder').faultsSeen, 0);
});

test('the files of a plugin that is switched off are complete', async (t) => {
  const folder = temporaryFolder(t);
  const clip = await makeClip({ seconds: 2, gopFrames: 15 });
  const kernel = await RecordingKernel.start(t, folder, { streams: ['*'], nameTemplate: '{streamName}' });
  const publisher = new LoopPublisher(kernel.media, 'one', clip, { leadMs: 1500 });
  await until(() => kernel.started.length === 1, 'the recording');
  await kernel.kernel.call('plugin.disable', { name: 'recorder' });
  publisher.stop();
  const [recording] = await kernel.files('one');
  t.is(recording!.file, 'one.mp4');
  t.true((await probePackets(recording!.path)).packets.length > 40);
});
