import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest, PeerProcess } from '../../support/peers.ts';
import { startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}, plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}): Promise<TestKernel> {
  const kernel = await startTestKernel({ plugins: { ...plugins, mpegts: { host: '127.0.0.1', ...settings } } });
  t.teardown(() => kernel.stop());
  return kernel;
}

interface Agent { readonly uri: string; readonly status: string; readonly localStreamName: string }

const startup = (kernel: TestKernel, input: Readonly<Record<string, unknown>>): Promise<Agent> => kernel.call('mpegts.startup', input) as Promise<Agent>;
const tracksOf = ({ kernel }: TestKernel, name: string, count: number) => until(() => {
  const tracks = kernel.parts.media.find(name)?.tracks ?? [];
  return tracks.length === count ? tracks : undefined;
}, `${count} tracks of ${name}`, 15_000);

peerTest('ffmpeg sends H.264 with B-frames and AAC over UDP', ['ffmpeg'], async (t) => {
  const kernel = await start(t);
  const agent = await startup(kernel, { localStreamName: 'clip' });
  t.regex(agent.uri, /^udp:\/\/127\.0\.0\.1:31\d{3}$/);
  t.like(agent, { status: 'NEW', transport: 'udp', timeout: 90_000, maxTimestampDiff: 1, allowedList: [], cdn: false });
  new PeerProcess(t, 'ffmpeg', ['-v', 'error', '-re', '-i', join(mediaFolder, 'avc-bframes.mp4'), '-c', 'copy', '-f', 'mpegts', `${agent.uri}?pkt_size=1316`]);
  const tracks = await tracksOf(kernel, 'clip', 2);
  t.log(tracks.map(({ kind, codec, width, height, sampleRateHz, channels, hasBFrames }) => ({ kind, codec, width, height, sampleRateHz, channels, hasBFrames })));
  t.deepEqual(tracks.map(({ kind, codec }) => [kind, codec]), [['video', 'h264'], ['audio', 'aac']]);
  const stream = kernel.kernel.parts.media.find('clip')!;
  await until(() => stream.cachedGop.length > 30, 'frames', 10_000);
  const [listed] = (await kernel.call('mpegts.find', { localStreamName: 'clip' })) as Agent[];
  t.is(listed?.status, 'PROCESSED_LOCAL');
  await t.throwsAsync(startup(kernel, { localStreamName: 'clip' }), { code: 'MEDIA_E_NAME_IN_USE' });
  await kernel.call('mpegts.terminate', { uri: agent.uri });
  t.is(stream.state, 'ended');
  t.deepEqual(await kernel.call('mpegts.find_all', {}), []);
});
