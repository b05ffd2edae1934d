import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { TsMuxer } from '../../../core/formats/mpegts.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest, peerTestsSideBySide, runPeer } from '../../support/peers.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const sideBySide = peerTestsSideBySide(3);

const AV_CHECK = join(checkout, 'test/support/peers/av-check.mjs');
/** Length of the clip that is sent again and again. */
const CLIP_S = 20;

type Settings = Readonly<Record<string, unknown>>;

/** The tests run at the same time, each with ports of its own. */
const PORTS_EACH = 40;
let kernels = 0;

async function start(t: ExecutionContext, settings: Settings = {}, plugins: Readonly<Record<string, Settings>> = {}): Promise<TestKernel> {
  const from = 31_000 + PORTS_EACH * kernels++;
  const kernel = await startTestKernel({ config: { ports: { media: { from, to: from + PORTS_EACH - 1 } } }, plugins: { ...plugins, mpegts: { host: '127.0.0.1', ...settings } } });
  t.teardown(() => kernel.stop());
  return kernel;
}

interface Agent {
  readonly uri: string;
  readonly status: string;
}

const startup = (kernel: TestKernel, input: Settings): Promise<Agent> => kernel.call('mpegts.startup', input) as Promise<Agent>;
const streamOf = ({ kernel }: TestKernel, name: string) => kernel.parts.media.find(name);
const tracksOf = (kernel: TestKernel, name: string, count: number) => until(() => {
  const tracks = streamOf(kernel, name)?.tracks ?? [];
  return tracks.length === count ? tracks : undefined;
}, `${count} tracks of ${name}`);

function send(t: ExecutionContext, clip: string, uri: string, ...more: string[]): PeerProcess {
  return new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, clip), '-c', 'copy', ...more, '-f', 'mpegts', uri]);
}

async function check(t: ExecutionContext, url: string): Promise<void> {
  const { status, stdout } = await runPeer(t, process.execPath, [AV_CHECK, url, '--seconds', '6', '--loop', String(CLIP_S), '--limit', '40', '--min-duration', '5']);
  t.is(status, 0, `${url}: ${stdout}`);
}

// Alone, since a process that is kept busy by other tests loses datagrams.
peerTest('What ffmpeg sends is played by RTMP and HLS without a flaw in picture, sound or their offset, also while the plugin is swapped', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(180_000);
  const [rtmp, hls] = await freePorts(2);
  const plugin = new PluginUnderTest('mpegts', join(checkout, 'plugins', 'mpegts', 'mpegts.plugin.ts'));
  t.teardown(() => plugin.remove());
  const kernel = await start(t, { path: plugin.folder }, { rtmp: { port: rtmp }, hls: { port: hls, tlsPort: 0 } });
  const { uri } = await startup(kernel, { localStreamName: 'clip' });
  t.regex(uri, /^udp:\/\/127\.0\.0\.1:31\d{3}$/);
  t.deepEqual(await kernel.call('mpegts.find_all', {}), await kernel.call('mpegts.find', { uri }));
  send(t, 'avc-bframes.mp4', `${uri}?pkt_size=1316`);
  const tracks = await tracksOf(kernel, 'clip', 2);
  t.like(tracks[0], { kind: 'video', codec: 'h264', width: 1280, height: 720, hasBFrames: true });
  t.like(tracks[1], { kind: 'audio', codec: 'aac', sampleRateHz: 48_000, channels: 2 });
  const checked = Promise.all([`rtmp://127.0.0.1:${rtmp}/live/clip`, `http://127.0.0.1:${hls}/clip/clip.m3u8`].map((url) => check(t, url)));
  let frames = 0;
  streamOf(kernel, 'clip')?.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onFrame: () => void (frames += 1), onEnd: () => undefined } });
  for (let count = 0; count < 3; count++) {
    const before = frames;
    await until(() => frames > before + 60, 'a second between two swaps');
    plugin.writeGood();
    await kernel.call('plugin.reload', { name: 'mpegts' });
  }
  await checked;
  t.is(kernel.kernel.host.slot('mpegts').active?.label, 'mpegts@4');
  t.like(((await kernel.call('mpegts.find', { localStreamName: 'clip' })) as Agent[])[0], { status: 'PROCESSED_LOCAL' });
  await t.throwsAsync(startup(kernel, { localStreamName: 'clip' }), { code: 'MEDIA_E_NAME_IN_USE' });
  const stream = streamOf(kernel, 'clip');
  await kernel.call('mpegts.terminate', { uri });
  t.is(stream?.state, 'ended');
  t.deepEqual(await kernel.call('mpegts.find_all', {}), []);
  t.is(kernel.kernel.host.slot('mpegts').faultsSeen, 0);
});

sideBySide('HEVC with AAC, and sound alone in LATM, MP3 and Opus, come over UDP', ['ffmpeg'], async (t) => {
  t.timeout(120_000);
  const kernel = await start(t);
  const cases = [
    ['hevc', 'hevc.mp4', ['hevc', 'aac'], []],
    ['latm', 'audio-only.mp4', ['aac'], ['-mpegts_flags', 'latm']],
    ['mp3', 'audio-only.mp4', ['mp3'], ['-c:a', 'libmp3lame']],
    ['opus', 'audio-only.mp4', ['opus'], ['-c:a', 'libopus']],
  ] as const;
  await Promise.all(cases.map(async ([name, clip, codecs, args]) => {
    const { uri } = await startup(kernel, { localStreamName: name });
    const peer = send(t, clip, `${uri}?pkt_size=1316`, ...args);
    const tracks = await tracksOf(kernel, name, codecs.length);
    t.deepEqual(tracks.map(({ codec }) => codec), codecs, name);
    await until(() => (streamOf(kernel, name)?.cachedGop.length ?? 0) > 10, `frames of ${name}`);
    peer.kill();
    await kernel.call('mpegts.terminate', { localStreamName: name });
  }));
});

sideBySide('hasAudio false leaves the sound out', ['ffmpeg'], async (t) => {
  const kernel = await start(t);
  const { uri } = await startup(kernel, { localStreamName: 'silent', hasAudio: 'false' });
  send(t, 'avc.mp4', `${uri}?pkt_size=1316`);
  await until(() => (streamOf(kernel, 'silent')?.cachedGop.length ?? 0) > 20, 'pictures');
  t.deepEqual(streamOf(kernel, 'silent')?.tracks.map(({ kind }) => kind), ['video']);
  t.true(streamOf(kernel, 'silent')?.cachedGop.every(({ track }) => track.kind === 'video'));
});

sideBySide('GStreamer sends H.264 and AAC by mpegtsmux and udpsink', ['gst-launch-1.0'], async (t) => {
  t.timeout(60_000);
  const kernel = await start(t);
  const { uri } = await startup(kernel, { localStreamName: 'gst' });
  const port = uri.split(':').at(-1) ?? '';
  const pipeline = `filesrc location=${join(mediaFolder, 'avc.mp4')} ! qtdemux name=d mpegtsmux name=m alignment=7 ! udpsink host=127.0.0.1 port=${port} sync=true d.video_0 ! queue ! h264parse config-interval=-1 ! m. d.audio_0 ! queue ! aacparse ! m.`;
  new PeerProcess(t, 'gst-launch-1.0', ['-q', ...pipeline.split(' ')]);
  const tracks = await tracksOf(kernel, 'gst', 2);
  t.deepEqual(tracks.map(({ codec }) => codec).sort(), ['aac', 'h264']);
  await until(() => (streamOf(kernel, 'gst')?.cachedGop.length ?? 0) > 30, 'frames');
});

sideBySide('SRT comes by ffmpeg, and the next caller after the first one', ['ffmpeg'], async (t) => {
  t.timeout(90_000);
  const kernel = await start(t);
  const { uri, ...agent } = await startup(kernel, { localStreamName: 'srt', transport: 'srt' });
  t.regex(uri, /^srt:\/\/127\.0\.0\.1:31\d{3}$/);
  t.like(agent, { transport: 'srt', status: 'NEW' });
  // A caller gives up where nobody listens yet.
  let caller = send(t, 'avc.mp4', `${uri}?pkt_size=1316`);
  const callUntil = (condition: () => boolean, what: string) => until(() => {
    if (caller.child.exitCode !== null || caller.child.signalCode !== null) caller = send(t, 'avc.mp4', `${uri}?pkt_size=1316`);
    return condition();
  }, what, 30_000);
  await callUntil(() => streamOf(kernel, 'srt')?.tracks.length === 2, 'the tracks of the first caller');
  t.deepEqual(streamOf(kernel, 'srt')?.tracks.map(({ codec }) => codec), ['h264', 'aac']);
  const bytesIn = (): number => kernel.kernel.parts.sessions.list().find(({ protocol }) => protocol === 'mpegts')?.bytesIn() ?? 0;
  caller.child.kill('SIGTERM');
  await caller.finished;
  const before = bytesIn();
  await callUntil(() => bytesIn() > before + 200_000, 'media of the second caller');
  await kernel.call('mpegts.terminate', { localStreamName: 'srt' });
});

test('without libsrt, SRT is refused with what is missing, and so is a list of addresses for it', async (t) => {
  const kernel = await start(t, { ffmpegPath: '/nowhere/ffmpeg' });
  await t.throwsAsync(startup(kernel, { localStreamName: 'srt', transport: 'srt' }), { code: 'MEDIA_E_PROCESSING', message: /SRT needs an ffmpeg with libsrt/ });
  await t.throwsAsync(startup(kernel, { localStreamName: 'srt', transport: 'srt', allowedList: ['10.0.0.1'] }), { code: 'OPERATION_E_INPUT' });
  t.deepEqual(kernel.kernel.parts.media.streams(), []);
});

const packets = (number: number): Buffer => {
  const muxer = new TsMuxer([{ pid: 0x101, codec: 'mp3' }]);
  // Layer III, 128 kbit/s, 44.1 kHz: 417 bytes.
  const frame = Buffer.concat([Buffer.from('fffb9000', 'hex'), Buffer.alloc(413, number)]);
  return Buffer.concat([muxer.writeTables(), muxer.writeAccessUnit({ pid: 0x101, pts90k: 9000 * number, dts90k: 9000 * number, key: true, data: [frame] })]);
};

async function sendFrom(address: string, port: number, bytes: Uint8Array): Promise<() => void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  await new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve));
  return () => socket.close();
}

test('only allowed addresses are taken, of these only the first sender until it is silent, and only whole packets', async (t) => {
  const kernel = await start(t, { senderSilenceMs: 2000 });
  const { uri } = await startup(kernel, { localStreamName: 'radio', allowedList: ['127.0.0.1'] });
  const port = Number(uri.split(':').at(-1));
  const sizes: number[] = [];
  streamOf(kernel, 'radio')?.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onFrame: ({ data }) => void sizes.push(data[10] ?? 0), onEnd: () => undefined } });
  const [refused] = (await Promise.all([until(() => kernel.kernel.parts.metrics, 'metrics')])).map((metrics) => () => metrics.groups().find(({ group }) => group === 'mpegts_stats')?.values.find(({ name }) => name === 'mpegts_refused')?.value);
  const close = [await sendFrom('127.0.0.2', port, packets(1))];
  await until(() => refused?.() === 1, 'the wrong address to be refused');
  close.push(await sendFrom('127.0.0.1', port, packets(2)));
  await until(() => sizes.length === 1, 'the first sender');
  close.push(await sendFrom('127.0.0.1', port, packets(3)));
  await until(() => refused?.() === 2, 'the second sender to be refused');
  close.push(await sendFrom('127.0.0.1', port, Buffer.from('GET / HTTP/1.1')));
  await until(() => refused?.() === 3, 'what is no transport stream to be refused');
  await until(async () => {
    close.push(await sendFrom('127.0.0.1', port, packets(4)));
    return sizes.length > 1;
  }, 'the next sender, after the silence');
  t.deepEqual([...new Set(sizes)], [2, 4]);
  for (const each of close) each();
});

test('an ingest without media ends after its time, and its port can be used again', async (t) => {
  const kernel = await start(t, { timeoutMs: 1000 });
  await startup(kernel, { localStreamName: 'nobody' });
  await until(() => kernel.kernel.parts.media.find('nobody') === undefined, 'its end', 15_000);
  t.deepEqual(await kernel.call('mpegts.find_all', {}), []);
  await until(() => kernel.kernel.parts.listeners.list().length === 0, 'its port to be closed');
  await t.throwsAsync(kernel.call('mpegts.terminate', { localStreamName: 'nobody' }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.notThrowsAsync(startup(kernel, { localStreamName: 'nobody' }));
});

test('ingests that come and go leave nothing behind', async (t) => {
  const kernel = await start(t);
  const scope = kernel.kernel.host.slot('mpegts').active!.scope;
  const before = scope.labels();
  for (let count = 0; count < 20; count += 1) {
    const localStreamName = `ingest${count}`;
    await startup(kernel, { localStreamName });
    await kernel.call('mpegts.terminate', { localStreamName });
  }
  await until(() => kernel.kernel.parts.sessions.count('mpegts') === 0, 'the ends');
  t.deepEqual(scope.labels(), before);
});
