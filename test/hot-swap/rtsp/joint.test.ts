import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { probePackets } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { peerTest } from '../../support/peers.ts';
import { areInOrder, readStream } from '../../support/pulling-server.ts';
import { RecordingKernel } from '../../support/recordings.ts';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { jumpsOf, NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher, numbersOf } from '../../support/rtsp-media.ts';
import { FakeRtspServer } from '../../support/rtsp-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PULLS = 20;
const READERS = 20;
const RECORDINGS = 10;
const SWAPS = 3;
/** On a busy machine. */
const LONG_MS = 60_000;

peerTest('RTSP and the recorder are swapped while 20 pulls, 20 readers and 10 recordings run: none is lost, and nothing of any is missing', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(240_000);
  const folder = temporaryFolder(t);
  const plugins = ['rtsp', 'recorder'].map((name) => new PluginUnderTest(name, join(checkout, 'plugins', name, `${name}.plugin.ts`)));
  const [rtsp, recorder] = plugins as [PluginUnderTest, PluginUnderTest];
  t.teardown(() => {
    plugins.forEach((plugin) => plugin.remove());
  });
  const clip = await makeClip({ seconds: 4, gopFrames: 15 });
  const [port = 0] = await freePorts(1);
  const recording = await RecordingKernel.start(t, folder, { path: recorder.folder, streams: ['film*'], nameTemplate: '{streamName}', pieceMs: 200 }, { rtsp: { path: rtsp.folder, port, client: { answerTimeoutMs: 20_000 } } });
  const { kernel, media } = recording;
  const { host } = kernel.kernel;

  const camera = await FakeRtspServer.start(undefined, 20);
  const publisher = new TestRtspClient(port, 'numbered');
  const readers = Array.from({ length: READERS }, () => new TestRtspClient(port, 'numbered'));
  t.teardown(() => {
    camera.close();
    [publisher, ...readers].forEach((client) => client.close());
  });
  const pulls = await Promise.all(Array.from({ length: PULLS }, (_, index) => readStream(kernel, camera.url(`/${index}`))));
  await publisher.record('tcp', NUMBERED_SDP, NUMBERED_CONTROLS);
  const numbered = new NumberedPublisher(publisher);
  await Promise.all(readers.map((reader, index) => reader.play(index % 2 === 0 ? 'tcp' : 'udp')));
  const films = Array.from({ length: RECORDINGS }, (_, index) => new LoopPublisher(media, `film${index}`, clip, { owner: String(index) }));
  const written = new Map(films.map(({ publication }) => [publication.stream.name, 0]));
  for (const { publication: { stream } } of films) {
    stream.subscribe({ plane: 'frames', from: 'gop', label: 'count', sink: { onTracks: () => undefined, onFrame: () => void written.set(stream.name, (written.get(stream.name) ?? 0) + 1), onEnd: () => undefined } });
  }
  const pictures = setInterval(() => numbered.next(), 40);
  t.teardown(() => {
    clearInterval(pictures);
    films.forEach((film) => film.stop());
  });
  await until(() => recording.started.length === RECORDINGS, 'the recordings', LONG_MS);

  const goesOn = async (): Promise<void> => {
    const seen = pulls.map(({ numbers }) => numbers.length);
    const shown = readers.map((reader) => numbersOf(reader).sounds.length);
    await until(() => pulls.every(({ numbers }, at) => numbers.length > seen[at]! + 10) && readers.every((reader, at) => numbersOf(reader).sounds.length > shown[at]! + 5), 'packets to everybody', LONG_MS);
  };
  for (let swap = 0; swap < SWAPS; swap++) {
    await goesOn();
    plugins.forEach((plugin) => plugin.writeGood());
    for (const { name } of plugins) await kernel.call('plugin.reload', { name });
    // The pair of UDP ports for all readers, and the publisher, are sessions as well.
    t.like(host.slot('rtsp').lastSwap, { moved: PULLS + READERS + 2, draining: 0 });
    t.like(host.slot('recorder').lastSwap, { moved: RECORDINGS });
    await until(() => host.slot('recorder').draining.size === 0, 'the old recorder to have written its last pieces', LONG_MS);
  }
  await goesOn();

  clearInterval(pictures);
  for (const [index, reader] of readers.entries()) {
    await until(() => numbersOf(reader).sounds.at(-1) === numbered.number - 1, `the last sound of reader ${index}`, LONG_MS);
    const { pictures: shown, sounds } = numbersOf(reader);
    t.true(areInOrder(shown) && areInOrder(sounds) && shown.at(-1) === numbered.number - 1, `reader ${index}: ${JSON.stringify(shown)}`);
    for (const channel of [0, 2]) t.is(jumpsOf(reader, channel), 0);
    t.false(reader.closed);
  }
  for (const { numbers, suspended, ended } of pulls) {
    t.true(areInOrder(numbers));
    t.deepEqual([suspended, ended], [0, undefined]);
  }
  t.is(camera.clients.length, PULLS);
  for (const film of films) {
    film.stop();
    film.publication.end('Stopped by user');
  }
  for (const [name, frames] of written) {
    const [file] = await recording.files(name);
    t.is(file?.error, undefined);
    const { packets } = await probePackets(file?.path ?? '');
    t.is(packets.length, frames, name);
  }
  t.is(recording.complete.length, RECORDINGS, 'each recording is one file');
  t.deepEqual(readdirSync(folder).filter((file) => file.endsWith('.part')), []);
  t.deepEqual(['rtsp', 'recorder'].map((name) => host.slot(name).faultsSeen), [0, 0]);
});
