import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { Stream } from '../../core/media/stream.ts';
import { ENCODERS, ffmpeg, hasFfmpeg, testInputs } from '../support/ffmpeg.ts';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';

// At the same time: they wait for the pace of the film.
const real = hasFfmpeg ? test : test.skip;
const FILM_SECONDS = 4;

/** Reads a stream of the bus from its start. */
function watch(stream: Stream): { readonly frames: MediaFrame[]; ended: string | undefined } {
  const seen: { frames: MediaFrame[]; ended: string | undefined } = { frames: [], ended: undefined };
  stream.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onFrame: (frame) => void seen.frames.push(frame), onEnd: (reason) => void (seen.ended = reason) } });
  return seen;
}

const bytesOf = (frames: readonly MediaFrame[], id: string): string[] => frames.filter(({ track }) => track.id === id).map(({ data }) => Buffer.from(data).toString('base64'));

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<{ kernel: TestKernel; vod: PluginUnderTest; folder: string; rtmpPort: number }> {
  const folder = temporaryFolder(t);
  const vod = new PluginUnderTest('vod', join(checkout, 'plugins', 'vod', 'vod.plugin.ts'));
  const [rtmpPort = 0] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { vod: { folder, loop: false, path: vod.folder, ...settings }, rtmp: { port: rtmpPort, playWaitMs: 0 } } });
  t.teardown(async () => {
    await kernel.stop();
    vod.remove();
    if (!t.passed) t.log(kernel.logLines.slice(-20).join(''));
  });
  return { kernel, vod, folder, rtmpPort };
}

async function swap({ kernel, vod }: { kernel: TestKernel; vod: PluginUnderTest }): Promise<void> {
  vod.writeGood();
  await kernel.call('plugin.reload', { name: 'vod' });
}

real('films in MP4 and Matroska that are played through several swaps give the same frames as without one', async (t) => {
  t.timeout(60_000);
  const [server, calm] = await Promise.all([start(t), start(t)]);
  const playing = await Promise.all(['film.mp4', 'film.mkv'].map(async (name) => {
    await ffmpeg(...testInputs(FILM_SECONDS, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, join(server.folder, name));
    copyFileSync(join(server.folder, name), join(calm.folder, name));
    const play = async ({ kernel }: { kernel: TestKernel }, uri: string) => watch(await kernel.kernel.parts.media.resolve(uri, { personal: true }));
    const [undisturbed, own, shared] = await Promise.all([play(calm, `vod://${name}`), play(server, `vod://${name}`), play(server, `vod-live://${name}`)]);
    return { name, undisturbed, own, shared };
  }));
  for (let round = 0; round < 6; round += 1) {
    const before = playing.map(({ own }) => own.frames.length);
    await swap(server);
    await until(() => playing.every(({ own }, index) => own.frames.length > before[index]! + 5 || own.ended !== undefined), 'frames after the swap');
  }
  for (const { name, undisturbed, own, shared } of playing) {
    await until(() => [undisturbed, own, shared].every(({ ended }) => ended !== undefined), `the ends of ${name}`);
    t.is(own.ended, 'End of file');
    for (const id of ['video', 'audio']) {
      const expected = bytesOf(undisturbed.frames, id);
      t.true(expected.length > 90);
      t.deepEqual(bytesOf(own.frames, id), expected, `${id} of the copy of ${name}`);
      t.deepEqual(bytesOf(shared.frames, id), expected, `${id} of the shared ${name}`);
    }
    t.deepEqual(own.frames.map(({ dtsUs }) => dtsUs), undisturbed.frames.map(({ dtsUs }) => dtsUs));
    t.false(own.frames.some(({ discontinuity }) => discontinuity));
  }
  t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
});

real('a paused copy stands through swaps of both plugins, is moved about in by the new ones, and ends with its player', async (t) => {
  t.timeout(60_000);
  const server = await start(t);
  await ffmpeg(...testInputs(FILM_SECONDS, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, join(server.folder, 'film.mp4'));
  const { media, sessions } = server.kernel.kernel.parts;
  const client = new RtmpClient(server.rtmpPort);
  t.teardown(() => client.close());
  const streamId = await client.play('vod://film.mp4');
  const pictures = (): number => client.messages.filter(({ type }) => type === 9).length;
  await client.status('NetStream.Play.Start');
  await until(() => pictures() > 5, 'pictures');
  client.call(streamId, 'pause', null, true, 0);
  await client.status('NetStream.Pause.Notify');
  const standing = pictures();
  await swap(server);
  const label = (): string | undefined => server.kernel.kernel.host.slot('rtmp').active?.label;
  const before = label();
  await server.kernel.call('config.set', { path: 'plugins.rtmp.pingIntervalMs', value: 19_000 });
  await until(() => label() !== before, 'a swap of rtmp');
  await swap(server);
  t.is(media.streams().length, 1);
  t.true(media.streams()[0]!.playback?.paused);
  t.is(pictures(), standing);
  client.call(streamId, 'seek', null, 2500);
  await client.status('NetStream.Seek.Notify');
  client.call(streamId, 'pause', null, false, 0);
  await until(() => pictures() > standing + 10, 'pictures again');
  const next = client.messages.filter(({ type }) => type === 9)[standing]!;
  t.true(Math.abs(next.timestampMs - 2000) < 60, `${next.timestampMs}`);
  client.close();
  await until(() => media.streams().length === 0 && sessions.list({ protocol: 'vod' }).length === 0, 'the end of the copy', 8000);
  t.is(server.kernel.kernel.host.slot('rtmp').faultsSeen + server.kernel.kernel.host.slot('vod').faultsSeen, 0);
});

real('a file that was written to while it was closed for a swap ends its playback', async (t) => {
  t.timeout(30_000);
  const server = await start(t);
  const path = join(server.folder, 'film.mp4');
  await ffmpeg(...testInputs(FILM_SECONDS, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, path);
  const seen = watch(await server.kernel.kernel.parts.media.resolve('vod-live://film.mp4'));
  await until(() => seen.frames.length > 5, 'frames');
  await ffmpeg(...testInputs(2, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, path);
  await swap(server);
  await until(() => seen.ended !== undefined, 'the end');
  t.is(seen.ended, 'Failed to read file');
});

real('who joins a shared film whose version cannot hand it over is told of its end, and the next player begins it anew', async (t) => {
  t.timeout(60_000);
  const server = await start(t, { drainMs: 1500 });
  await ffmpeg(...testInputs(FILM_SECONDS, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, join(server.folder, 'film.mp4'));
  const play = async (): Promise<RtmpClient> => {
    const client = new RtmpClient(server.rtmpPort);
    t.teardown(() => client.close());
    await client.play('vod-live://film.mp4');
    await client.status('NetStream.Play.Start');
    return client;
  };
  server.vod.writeFaulty('exportSession');
  await server.kernel.call('plugin.reload', { name: 'vod' });
  const first = await play();
  await swap(server);
  const second = await play();
  for (const client of [first, second]) await client.status('NetStream.Play.UnpublishNotify');
  t.is(server.kernel.kernel.parts.media.find('vod-live://film.mp4'), undefined);
  const third = await play();
  await until(() => third.messages.filter(({ type }) => type === 9).length > 10, 'pictures');
  t.is(third.messages.find(({ type }) => type === 9)!.timestampMs, 0, 'from the start');
});
