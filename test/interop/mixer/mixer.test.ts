import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ffmpeg, scratchFolder } from '../../support/ffmpeg.ts';
import { PeerProcess, peerTest, runPeer } from '../../support/peers.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { toneShare } from '../../support/tones.ts';
import { childrenOf } from '../../support/transcoded.ts';
import { until } from '../../support/until.ts';

/** Streams of one colour and one tone each. */
const SOURCES = { red: 440, green: 1000, blue: 1700 } as const;
type Colour = keyof typeof SOURCES;
const COLOURS = Object.keys(SOURCES) as Colour[];
const [WIDTH, HEIGHT] = [320, 240];
const SAMPLE_RATE_HZ = 8000;
/** More than the distance of key frames and the delay of the mix. */
const CACHED_MS = 1500;
/** Of a tone that is there beside one or two others; of one that isn't. */
const HEARD = 0.2;
const SILENT = 0.02;

const folder = scratchFolder();
let server: TestKernel;
let url: string;

test.before(async () => {
  const [port] = await freePorts(1);
  const mixer = { width: WIDTH, height: HEIGHT, fps: 15, videoBitrateKbps: 500, keyFrameIntervalFrames: 15, preset: 'ultrafast', audioCodec: 'aac', voiceActivity: false, idleMs: 1000 };
  server = await startTestKernel({ plugins: { rtmp: { port }, mixer } });
  url = `rtmp://127.0.0.1:${port}/live`;
  for (const colour of COLOURS) {
    const inputs = ['-f', 'lavfi', '-i', `color=${colour}:size=160x120:rate=15:duration=5`, '-f', 'lavfi', '-i', `sine=${SOURCES[colour]}:sample_rate=48000:duration=5`];
    await ffmpeg(...inputs, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', '-f', 'flv', join(folder, `${colour}.flv`));
  }
});
test.after.always(() => server.stop());

/** Publishes a colour under a name, over and over. */
async function publish(t: ExecutionContext, colour: Colour, name: string = colour): Promise<PeerProcess> {
  const peer = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(folder, `${colour}.flv`), '-c', 'copy', '-f', 'flv', '-rtmp_app', 'live', '-rtmp_playpath', name, url.replace('/live', '/')]);
  await until(() => server.kernel.parts.media.find(name)?.tracks.length === 2, `stream ${name}`, 15_000);
  return peer;
}

/** What a player sees and hears of a stream during two seconds: the colours at places of the last picture, the shares of the tones. */
async function watch(t: ExecutionContext, name: string): Promise<{ at: (x: number, y: number) => Colour | 'black'; tone: (colour: Colour) => number }> {
  // A player begins with the cached pictures and their sound: those from before the last change have to be over.
  await sleep(CACHED_MS);
  const [pictures, sound] = [join(folder, `${name}.rgb`), join(folder, `${name}.pcm`)];
  const { status, stderr } = await runPeer(t, 'ffmpeg', [
    '-nostdin', '-v', 'error', '-y', '-rtmp_live', 'live', '-i', `${url}/${name}`,
    '-map', '0:v', '-t', '2', '-f', 'rawvideo', '-pix_fmt', 'rgb24', pictures,
    '-map', '0:a', '-t', '2', '-f', 's16le', '-ac', '1', '-ar', String(SAMPLE_RATE_HZ), sound,
  ]);
  t.is(status, 0, stderr);
  const last = readFileSync(pictures).subarray(-WIDTH * HEIGHT * 3);
  const bytes = readFileSync(sound);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  return {
    at: (x, y) => {
      const pixel = (Math.round(y * HEIGHT) * WIDTH + Math.round(x * WIDTH)) * 3;
      const values = [...last.subarray(pixel, pixel + 3)];
      const brightest = values.indexOf(Math.max(...values));
      return Math.max(...values) < 60 ? 'black' : (COLOURS[brightest] ?? 'black');
    },
    tone: (colour) => toneShare(samples, SAMPLE_RATE_HZ, SOURCES[colour]),
  };
}

peerTest('every input is seen at its place and heard, before and after changes of layout, of levels and of inputs', ['ffmpeg'], async (t) => {
  await publish(t, 'red');
  const blue = await publish(t, 'blue');
  await server.call('mixer.startup', { uri: 'mixer://m', localStreamName: 'mix', mixerLayoutClass: 'com.flashphoner.media.mixer.video.presentation.CenterNoPaddingGridLayout' });
  await t.throwsAsync(server.call('mixer.startup', { uri: 'mixer://m', localStreamName: 'other' }), { code: 'OPERATION_E_CONFLICT' });
  await t.throwsAsync(server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: 'nobody' }), { code: 'MEDIA_E_NOT_FOUND' });
  for (const name of ['red', 'blue']) await server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: name });
  await until(() => server.kernel.parts.media.find('mix')?.tracks.length === 2, 'the mix', 15_000);
  const both = await watch(t, 'mix');
  t.deepEqual([both.at(0.25, 0.5), both.at(0.75, 0.5), both.at(0.5, 0.02)], ['red', 'blue', 'black']);
  t.true(both.tone('red') > HEARD && both.tone('blue') > HEARD && both.tone('green') < SILENT);

  await server.call('mixer.set_parameter', { uri: 'mixer://m', mixerLayout: { 2: [{ x: 0, y: 0, width: 1, height: 0.5 }, { x: 0, y: 0.5, width: 1, height: 0.5, fit: 'cover' }] } });
  await server.call('mixer.setAudioVideo', { uri: 'mixer://m', streams: 'r.d', audioLevel: 0 });
  const stacked = await watch(t, 'mix');
  t.deepEqual([stacked.at(0.5, 0.25), stacked.at(0.02, 0.25), stacked.at(0.5, 0.75), stacked.at(0.02, 0.75)], ['red', 'black', 'blue', 'blue']);
  t.true(stacked.tone('red') < SILENT && stacked.tone('blue') > HEARD);

  blue.kill();
  await publish(t, 'green');
  await server.call('mixer.remove', { uri: 'mixer://m', remoteStreamName: 'blue' });
  await server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: 'green' });
  await server.call('mixer.setAudioVideo', { uri: 'mixer://m', streams: ['red'], videoMuted: true });
  const changed = await watch(t, 'mix');
  t.deepEqual([changed.at(0.5, 0.25), changed.at(0.5, 0.75)], ['black', 'green']);
  t.true(changed.tone('green') > HEARD && changed.tone('blue') < SILENT);
  await server.call('mixer.terminate', { uri: 'mixer://m' });
  t.is(server.kernel.parts.media.find('mix'), undefined);
});

peerTest('in a room every participant hears all others and not himself, and the room ends with the last one', ['ffmpeg'], async (t) => {
  const peers = [];
  for (const colour of COLOURS) peers.push(await publish(t, colour, `${colour}#room`));
  await until(() => COLOURS.every((colour) => server.kernel.parts.media.find(`room-${colour}room`)?.tracks.length === 2), 'the streams of the participants', 15_000);
  for (const own of COLOURS) {
    const { tone } = await watch(t, `room-${own}room`);
    for (const colour of COLOURS) t.true(colour === own ? tone(colour) < SILENT : tone(colour) > HEARD, `${own} hears ${colour}: ${tone(colour)}`);
  }
  const { tone } = await watch(t, 'room');
  t.true(COLOURS.every((colour) => tone(colour) > HEARD));
  for (const peer of peers) peer.kill();
  for (const colour of COLOURS) await server.call('stream.terminate', { name: `${colour}#room` });
  await until(() => server.kernel.parts.media.find('room') === undefined, 'the room to end', 10_000);
});

peerTest('a child process that is killed, and a swap of the plugin, leave the mix going', ['ffmpeg'], async (t) => {
  await publish(t, 'red');
  await server.call('mixer.startup', { uri: 'mixer://k', localStreamName: 'kept' });
  await server.call('mixer.add', { uri: 'mixer://k', remoteStreamName: 'red' });
  const stream = await until(() => server.kernel.parts.media.find('kept'), 'the mix', 15_000);
  const times: number[] = [];
  const subscription = stream.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onEnd: () => undefined, onFrame: ({ track, dtsUs }) => { if (track.kind === 'audio') times.push(dtsUs); } } });
  t.teardown(() => subscription.close());
  const heard = (count: number) => until(() => times.length >= count, `${count} units of sound`, 15_000);
  await heard(20);
  await server.call('plugin.reload', { name: 'mixer' });
  await heard(times.length + 50);
  for (const pid of childrenOf('mixer')) process.kill(pid, 'SIGKILL');
  await heard(times.length + 50);
  const gapsUs = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  t.true(Math.min(...gapsUs) > 0);
  t.true(childrenOf('mixer').length === 1 && Math.max(...gapsUs) < 1_500_000, `longest gap ${Math.max(...gapsUs)} us`);
  t.is(server.kernel.parts.media.find('kept'), stream);
  await server.call('mixer.terminate', { uri: 'mixer://k' });
});
