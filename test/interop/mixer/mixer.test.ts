import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ffmpeg } from '../../support/ffmpeg.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { StreamWatcher } from '../../support/stream-watcher.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { childrenOf } from '../../support/transcoded.ts';
import { until } from '../../support/until.ts';

/** Streams of one colour and one tone each. */
const SOURCES = { red: 440, green: 1000, blue: 1700 } as const;
type Colour = keyof typeof SOURCES;
const COLOURS = Object.keys(SOURCES) as Colour[];
const SIZE = { width: 320, height: 240 };
const CLIP_SECONDS = 4;
/** Of a tone that is there beside one or two others; of one that isn't. */
const HEARD = 0.2;
const SILENT = 0.02;
const PATIENCE_MS = 30_000;

const folder = temporaryFolder();
let server: TestKernel;
let url: string;

test.before(async () => {
  const [port] = await freePorts(1);
  const mixer = { ...SIZE, fps: 15, videoBitrateKbps: 500, keyFrameIntervalFrames: 15, preset: 'ultrafast', audioCodec: 'aac', voiceActivity: false, idleMs: 1000, maxDelayMs: 1000, mcuVideo: true, picturesFolder: folder, layoutsFolder: folder };
  server = await startTestKernel({ config: { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } }, plugins: { rtmp: { port }, mixer } });
  url = `rtmp://127.0.0.1:${port}/live`;
  const pictures = COLOURS.map((colour) => ffmpeg('-f', 'lavfi', '-i', `color=${colour}:size=32x32`, '-frames:v', '1', join(folder, `${colour}.png`)));
  const clips = COLOURS.map((colour) => {
    const inputs = ['-f', 'lavfi', '-i', `color=${colour}:size=160x120:rate=15:duration=${CLIP_SECONDS}`, '-f', 'lavfi', '-i', `sine=${SOURCES[colour]}:sample_rate=48000:duration=${CLIP_SECONDS}`];
    return ffmpeg(...inputs, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', '-f', 'flv', join(folder, `${colour}.flv`));
  });
  await Promise.all([...pictures, ...clips]);
});
test.after.always(() => server.stop());

/** Publishes a colour under a name, over and over. */
async function publish(t: ExecutionContext, colour: Colour, name: string = colour): Promise<PeerProcess> {
  // The one of a test before may still be waited for: its end would be taken for the end of this one.
  if (server.kernel.parts.media.find(name) !== undefined) await server.call('stream.terminate', { name });
  const peer = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(folder, `${colour}.flv`), '-c', 'copy', '-f', 'flv', '-rtmp_app', 'live', '-rtmp_playpath', name, url.replace('/live', '/')]);
  await until(() => server.kernel.parts.media.find(name)?.tracks.length === 2, `stream ${name}`, PATIENCE_MS);
  return peer;
}

/** What is seen at places, and heard: all of it. */
interface Impression {
  readonly at: readonly (readonly [x: number, y: number, colour: Colour | 'black'])[];
  readonly hears: readonly Colour[];
}

function colourOf(rgb: readonly [number, number, number] | undefined): Colour | 'black' | undefined {
  if (rgb === undefined) return undefined;
  const brightest = Math.max(...rgb);
  return brightest < 60 ? 'black' : COLOURS[rgb.indexOf(brightest)];
}

/** Waits until a player sees and hears just that; tells what it did instead. */
async function shows(t: ExecutionContext, player: StreamWatcher, expected: Impression): Promise<void> {
  const now = () => {
    const tones = COLOURS.map((colour) => [colour, player.tone(SOURCES[colour])] as const);
    const unclear = tones.filter(([, share]) => share >= SILENT && share <= HEARD).map(([colour]) => colour);
    return { at: expected.at.map(([x, y]) => [x, y, colourOf(player.at(x, y))]), hears: tones.filter(([, share]) => share > HEARD).map(([colour]) => colour), unclear };
  };
  const wanted = { ...expected, unclear: [] };
  await until(() => isDeepStrictEqual(now(), wanted), 'the mix as expected', PATIENCE_MS).catch(() => undefined);
  t.deepEqual(now(), wanted as unknown as ReturnType<typeof now>, player.stderr);
}

peerTest('every input is seen at its place and heard, before and after changes of layout, of levels and of inputs', ['ffmpeg'], async (t) => {
  t.timeout(120_000);
  const [, blue] = await Promise.all([publish(t, 'red'), publish(t, 'blue'), publish(t, 'green')]);
  await server.call('mixer.startup', { uri: 'mixer://m', localStreamName: 'mix', mixerLayoutClass: 'com.flashphoner.media.mixer.video.presentation.CenterNoPaddingGridLayout' });
  await t.throwsAsync(server.call('mixer.startup', { uri: 'mixer://m', localStreamName: 'other' }), { code: 'OPERATION_E_CONFLICT' });
  await t.throwsAsync(server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: 'nobody' }), { code: 'MEDIA_E_NOT_FOUND' });
  for (const name of ['red', 'blue']) await server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: name });
  await until(() => server.kernel.parts.media.find('mix')?.tracks.length === 2, 'the mix', PATIENCE_MS);
  const player = new StreamWatcher(t, `${url}/mix`, SIZE);
  await shows(t, player, { at: [[0.25, 0.5, 'red'], [0.75, 0.5, 'blue'], [0.5, 0.02, 'black']], hears: ['red', 'blue'] });

  await server.call('mixer.set_parameter', { uri: 'mixer://m', mixerLayout: { 2: [{ x: 0, y: 0, width: 1, height: 0.5 }, { x: 0, y: 0.5, width: 1, height: 0.5, fit: 'cover' }] } });
  await server.call('mixer.setAudioVideo', { uri: 'mixer://m', streams: 'r.d', audioLevel: 0 });
  await shows(t, player, { at: [[0.5, 0.25, 'red'], [0.02, 0.25, 'black'], [0.5, 0.75, 'blue'], [0.02, 0.75, 'blue']], hears: ['blue'] });

  blue.kill();
  await server.call('mixer.remove', { uri: 'mixer://m', remoteStreamName: 'blue' });
  await server.call('mixer.add', { uri: 'mixer://m', remoteStreamName: 'green' });
  await server.call('mixer.setAudioVideo', { uri: 'mixer://m', streams: ['red'], videoMuted: true });
  await shows(t, player, { at: [[0.5, 0.25, 'black'], [0.5, 0.75, 'green']], hears: ['green'] });

  await server.call('mixer.setAudioVideo', { uri: 'mixer://m', streams: ['red'], videoMuted: false });
  mkdirSync(join(folder, 'own'));
  const layoutIs = (...places: readonly object[]): void => writeFileSync(join(folder, 'own', '2_places.json'), JSON.stringify(places));
  const [left, right] = [{ x: 0, y: 0, width: 0.5, height: 1, fit: 'cover' }, { x: 0.5, y: 0, width: 0.5, height: 1, fit: 'cover' }];
  layoutIs(left, right);
  await server.call('mixer.set_parameter', { uri: 'mixer://m', mixerLayoutDir: 'own' });
  await shows(t, player, { at: [[0.25, 0.1, 'red'], [0.75, 0.1, 'green']], hears: ['green'] });
  layoutIs(right, left);
  await shows(t, player, { at: [[0.25, 0.1, 'green'], [0.75, 0.1, 'red']], hears: ['green'] });
  await server.call('mixer.set_parameter', { uri: 'mixer://m', mixerLayoutDir: '' });
  await shows(t, player, { at: [[0.25, 0.5, 'red'], [0.75, 0.5, 'green'], [0.25, 0.02, 'black']], hears: ['green'] });
  await server.call('mixer.terminate', { uri: 'mixer://m' });
  t.is(server.kernel.parts.media.find('mix'), undefined);
});

peerTest('in a room every participant sees and hears all others and not himself, and the room ends with the last one', ['ffmpeg'], async (t) => {
  t.timeout(120_000);
  const peers = await Promise.all(COLOURS.map((colour) => publish(t, colour, `${colour}#room`)));
  await until(() => COLOURS.every((colour) => server.kernel.parts.media.find(`room-${colour}room`)?.tracks.length === 2), 'the streams of the participants', PATIENCE_MS);
  const own = COLOURS.map((colour) => ({ name: `room-${colour}room`, hears: COLOURS.filter((other) => other !== colour) }));
  const sides = [0.25, 0.75] as const;
  await Promise.all([{ name: 'room', hears: COLOURS }, ...own].map(async ({ name, hears }) => {
    const player = new StreamWatcher(t, `${url}/${name}`, SIZE);
    await shows(t, player, { at: [], hears });
    // Who is on which side depends on who came first.
    const seen = (): unknown[] => sides.map((x) => colourOf(player.at(x, 0.5))).sort();
    if (hears.length === 2) await until(() => isDeepStrictEqual(seen(), [...hears].sort()), `the others in ${name}, not ${String(seen())}`, PATIENCE_MS);
  }));
  for (const peer of peers) peer.kill();
  for (const colour of COLOURS) await server.call('stream.terminate', { name: `${colour}#room` });
  await until(() => server.kernel.parts.media.find('room') === undefined, 'the room to end', PATIENCE_MS);
});

peerTest('a background, a watermark, avatars and labels stand where they belong, and go again', ['ffmpeg'], async (t) => {
  t.timeout(120_000);
  await Promise.all([publish(t, 'red'), publish(t, 'blue')]);
  const uri = 'mixer://d';
  await t.throwsAsync(server.call('mixer.startup', { uri, localStreamName: 'deco', background: 'none.png' }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(server.call('mixer.startup', { uri, localStreamName: 'deco', background: '../red.png' }), { code: 'ACCESS_E_REFUSED' });
  await server.call('mixer.startup', { uri, localStreamName: 'deco', background: 'green.png', watermark: 'red.png' });
  await server.call('mixer.add', { uri, remoteStreamName: 'red', streamLabel: 'WWW' });
  const elsewhere = createServer((_request, answer) => void answer.end(readFileSync(join(folder, 'blue.png')))).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  t.teardown(() => elsewhere.close());
  const avatar = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/blue.png`;
  await t.throwsAsync(server.call('mixer.add', { uri, remoteStreamName: 'blue', avatar: 'http://10.0.0.1/blue.png' }), { code: 'ACCESS_E_REFUSED' });
  await server.call('mixer.add', { uri, remoteStreamName: 'blue', hasVideo: false, avatar });
  await until(() => server.kernel.parts.media.find('deco')?.tracks.length === 2, 'the mix', PATIENCE_MS);
  const player = new StreamWatcher(t, `${url}/deco`, SIZE);
  await shows(t, player, { at: [[0.05, 0.05, 'red'], [0.25, 0.5, 'red'], [0.75, 0.5, 'blue'], [0.5, 0.5, 'green'], [0.25, 0.2, 'green']], hears: ['red', 'blue'] });
  const lettersAt = (): boolean => Array.from({ length: 400 }, (_, index) => player.at(0.03 + (index % 20) * 0.01, 0.85 + Math.floor(index / 20) * 0.006)).some((rgb) => rgb !== undefined && Math.min(...rgb) > 150);
  await until(lettersAt, 'white letters at the lower left of the place', PATIENCE_MS);

  await server.call('mixer.set_stream_label', { uri, remoteStreamName: 'red', label: '' });
  await server.call('mixer.remove_stream_avatar', { uri, remoteStreamName: 'blue' });
  await server.call('mixer.set_stream_avatar', { uri, remoteStreamName: 'red', avatar: 'blue.png' });
  await server.call('mixer.set_body_watermark', { uri, watermark: '' });
  await server.call('mixer.setAudioVideo', { uri, streams: ['red'], videoMuted: true });
  await shows(t, player, { at: [[0.05, 0.05, 'green'], [0.5, 0.5, 'blue'], [0.3, 0.3, 'blue']], hears: ['red', 'blue'] });
  t.false(lettersAt());
  await server.call('mixer.set_stream_watermark', { uri, remoteStreamName: 'red', watermark: 'red.png' });
  await server.call('mixer.set_background', { uri, background: '' });
  await shows(t, player, { at: [[0.05, 0.05, 'red'], [0.5, 0.5, 'blue'], [0.02, 0.9, 'black']], hears: ['red', 'blue'] });
  await server.call('mixer.terminate', { uri });
});

peerTest('a child process that is killed, and a swap of the plugin, leave the mix going', ['ffmpeg'], async (t) => {
  t.timeout(120_000);
  await publish(t, 'red');
  await server.call('mixer.startup', { uri: 'mixer://k', localStreamName: 'kept' });
  await server.call('mixer.add', { uri: 'mixer://k', remoteStreamName: 'red' });
  const stream = await until(() => server.kernel.parts.media.find('kept'), 'the mix', PATIENCE_MS);
  const times: number[] = [];
  const subscription = stream.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onEnd: () => undefined, onFrame: ({ track, dtsUs }) => { if (track.kind === 'audio') times.push(dtsUs); } } });
  t.teardown(() => subscription.close());
  const heard = (count: number) => until(() => times.length >= count, `${count} units of sound`, PATIENCE_MS);
  await heard(10);
  await server.call('plugin.reload', { name: 'mixer' });
  await heard(times.length + 30);
  // The mix's own child first, the one that stands ready last.
  const [working] = await until(() => (childrenOf('mixer').length > 1 ? childrenOf('mixer') : undefined), 'a child that stands ready', PATIENCE_MS);
  process.kill(working!, 'SIGKILL');
  await heard(times.length + 30);
  const gapsUs = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  t.true(Math.min(...gapsUs) > 0, `sound goes back, or stands: ${gapsUs.join(', ')}`);
  t.true(Math.max(...gapsUs) < 1_500_000, `longest gap ${Math.max(...gapsUs)} us`);
  t.is(server.kernel.parts.media.find('kept'), stream);
  await server.call('mixer.terminate', { uri: 'mixer://k' });
});
