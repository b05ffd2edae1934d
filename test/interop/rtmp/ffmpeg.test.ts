import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ENCODERS, ffmpeg, hasFfmpeg, pictureSums, probe, testInputs } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

// The last two at the same time: they wait for the pace of the clip.
const serial = hasFfmpeg ? test.serial : test.skip;
const real = hasFfmpeg ? test : test.skip;
const folder = temporaryFolder();
const clip = join(folder, 'clip.flv');
const children = new Set<ChildProcess>();
let server: TestKernel;
let url: string;

test.before(async () => {
  const [port] = await freePorts(1);
  server = await startTestKernel({ plugins: { rtmp: { port } } });
  url = `rtmp://127.0.0.1:${port}/live`;
  if (hasFfmpeg) await ffmpeg(...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, '-shortest', '-f', 'flv', clip);
});
test.after.always(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server.stop();
});

function start(command: string, ...args: string[]): { child: ChildProcess; done: Promise<number | null> } {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  children.add(child);
  return { child, done: new Promise((resolve) => child.once('exit', (code) => { children.delete(child); resolve(code); })) };
}

const publish = (name: string, ...more: string[]) => start('ffmpeg', '-nostdin', '-v', 'error', '-re', ...more, '-i', clip, '-c', 'copy', '-f', 'flv', `${url}/${name}`);
const stream = (name: string) => until(() => server.kernel.parts.media.find(name), `stream ${name}`);

serial('late joiners begin with the cached pictures: ffprobe and rtmpdump play', async (t) => {
  const publisher = publish('late', '-stream_loop', '3');
  const live = await stream('late');
  await until(() => live.cachedGop.length > 10, 'a group of pictures');
  const dump = join(folder, 'dump.flv');
  const probed = join(folder, 'probed.flv');
  const rtmpdump = start('rtmpdump', '-q', '-v', '-r', `${url}/late`, '-o', dump);
  const ffplayer = start('ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', `${url}/late?lowLatency=1`, '-t', '1', '-c', 'copy', '-f', 'flv', probed);
  await until(() => server.kernel.parts.sessions.count('rtmp') === 3, 'three sessions');
  const metrics = server.kernel.parts.metrics.groups().flatMap(({ values }) => values);
  t.is(metrics.find(({ name }) => name === 'streams_rtmp_in')?.value, 1);
  t.is(await ffplayer.done, 0);
  await until(() => existsSync(dump) && statSync(dump).size > 30_000, 'what rtmpdump wrote');
  rtmpdump.child.kill('SIGINT');
  await rtmpdump.done;
  publisher.child.kill('SIGTERM');
  for (const file of [dump, probed]) {
    const { streams, packets } = await probe(file);
    t.deepEqual(streams.map(({ codec_name }) => codec_name).sort(), ['aac', 'h264']);
    t.true(packets.find(({ stream_index }) => streams[stream_index]?.codec_type === 'video')?.flags.startsWith('K'));
  }
  await publisher.done;
});

real('ffmpeg publishes B-frames and AAC, and a waiting ffmpeg player gets every picture unchanged', async (t) => {
  const file = join(folder, 'played.flv');
  const player = start('ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', `${url}/clip`, '-c', 'copy', '-f', 'flv', file);
  const publisher = publish('clip');
  const { tracks } = await until(() => { const found = server.kernel.parts.media.find('clip'); return found !== undefined && found.tracks.length === 2 ? found : undefined; }, 'tracks');
  t.like(tracks.find(({ kind }) => kind === 'video'), { codec: 'h264', width: 160, height: 96, clockRateHz: 90_000 });
  t.like(tracks.find(({ kind }) => kind === 'audio'), { codec: 'aac', sampleRateHz: 48_000, channels: 2 });
  t.is(await publisher.done, 0);
  t.is(await player.done, 0);
  const [sent, played] = await Promise.all([pictureSums(clip), pictureSums(file)]);
  t.is(played.length, 75);
  t.deepEqual(played, sent);
  const [source, copy] = await Promise.all([probe(clip), probe(file)]);
  const offsets = (all: typeof source) => all.packets.filter(({ stream_index }) => all.streams[stream_index]?.codec_type === 'video').map(({ pts, dts }) => pts - dts);
  t.deepEqual(offsets(copy), offsets(source));
});

real('a killed encoder that comes back within the grace goes on for its players', async (t) => {
  const file = join(folder, 'resumed.flv');
  const first = publish('resumed', '-stream_loop', '3');
  const live = await stream('resumed');
  await until(() => live.tracks.length === 2, 'tracks');
  const player = start('ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', `${url}/resumed`, '-c', 'copy', '-f', 'flv', file);
  await until(() => live.subscriberCount > 0, 'the player');
  first.child.kill('SIGKILL');
  await first.done;
  await until(() => live.state === 'suspended', 'the break');
  const second = publish('resumed');
  await until(() => live.state === 'live', 'the return');
  t.is(await second.done, 0);
  t.is(await player.done, 0);
  const { packets, streams } = await probe(file);
  const keys = packets.filter(({ stream_index, flags }) => streams[stream_index]?.codec_type === 'video' && flags.startsWith('K'));
  t.true(keys.length >= 4);
});
