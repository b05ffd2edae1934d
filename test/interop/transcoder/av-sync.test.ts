import { join } from 'node:path';
import { checkPicturesAndSound, measureSync } from '../../support/av-check.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PATIENCE_MS = 30_000;
const SECONDS = 4;
/** Between picture and sound, and how far it may move. */
const MAX_OFFSET_MS = 40;
const SYNC = ['--skip', '1', '--max-offset', String(MAX_OFFSET_MS), '--max-drift', '40'];

peerTest('picture and sound stay together within 40 ms from AAC by way of Opus to AAC again, and through a mix', ['ffmpeg'], async (t) => {
  t.timeout(180_000);
  const [port] = await freePorts(1);
  const mixer = { width: 640, height: 360, fps: 30, videoBitrateKbps: 1000, keyFrameIntervalFrames: 30, preset: 'ultrafast', audioCodec: 'aac', voiceActivity: false, maxDelayMs: 1000 };
  const server = await startTestKernel({ plugins: { rtmp: { port }, transcoder: { preset: 'ultrafast' }, mixer } });
  t.teardown(() => server.stop());
  const { media } = server.kernel.parts;
  const url = `rtmp://127.0.0.1:${port}/live`;
  const lives = (name: string) => until(() => media.find(name)?.tracks.length === 2, `stream ${name}`, PATIENCE_MS);
  new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, 'small.mp4'), '-c', 'copy', '-f', 'flv', `${url}/cam`]);
  await lives('cam');
  const makes = (uri: string, remoteStreamName: string, localStreamName: string, audioCodec: string) => server.call('transcoder2.startup', { uri, remoteStreamName, localStreamName, encoder: { audioCodec } });
  await makes('transcoder2://there', 'cam', 'there', 'opus');
  await lives('there');
  await makes('transcoder2://back', 'there', 'back', 'aac');
  await server.call('mixer.startup', { uri: 'mixer://sync', localStreamName: 'mix' });
  await server.call('mixer.add', { uri: 'mixer://sync', remoteStreamName: 'cam' });
  await Promise.all(['back', 'mix'].map(lives));
  t.is(media.find('there')?.tracks.find(({ kind }) => kind === 'audio')?.codec, 'opus');
  await checkPicturesAndSound(t, `${url}/back`, SECONDS, SYNC);
  // A mix has a clock of its own: pictures are shown twice or left out, and sound waits as long as this machine makes it.
  const mixed = await measureSync(t, `${url}/mix`, SECONDS, SYNC);
  t.log(mixed);
  t.true(mixed.avPoints >= 2 && Math.abs(mixed.avOffsetMs) <= MAX_OFFSET_MS && mixed.avSpreadMs <= MAX_OFFSET_MS, JSON.stringify(mixed));
});
