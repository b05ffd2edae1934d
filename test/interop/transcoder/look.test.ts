import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ffmpeg } from '../../support/ffmpeg.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { StreamWatcher } from '../../support/stream-watcher.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PATIENCE_MS = 30_000;
/** Turned by a quarter. */
const SIZE = { width: 120, height: 160 };

const folder = temporaryFolder();
let server: TestKernel;
let url: string;

test.before(async () => {
  const [port] = await freePorts(1);
  server = await startTestKernel({ plugins: { rtmp: { port }, transcoder: { picturesFolder: folder, preset: 'ultrafast' } } });
  url = `rtmp://127.0.0.1:${port}/live`;
  await ffmpeg('-f', 'lavfi', '-i', 'color=green:size=40x40', '-frames:v', '1', join(folder, 'green.png'));
});
test.after.always(() => server.stop());

/** A colour by its strongest part. */
function colourAt(player: StreamWatcher, x: number, y: number): string | undefined {
  const rgb = player.at(x, y);
  return rgb === undefined ? undefined : ['red', 'green', 'blue'][rgb.indexOf(Math.max(...rgb))];
}

async function shows(t: ExecutionContext, player: StreamWatcher, expected: Readonly<Record<'corner' | 'top' | 'bottom', string>>): Promise<void> {
  const now = () => ({ corner: colourAt(player, 0.1, 0.1), top: colourAt(player, 0.8, 0.2), bottom: colourAt(player, 0.5, 0.8) });
  await until(() => Object.entries(expected).every(([place, colour]) => now()[place as 'corner'] === colour), 'the picture as expected', PATIENCE_MS).catch(() => undefined);
  t.deepEqual(now(), expected, player.stderr);
}

peerTest('a made stream is turned and bears a watermark, which goes and comes while it is played', ['ffmpeg'], async (t) => {
  t.timeout(90_000);
  const sources = ['-f', 'lavfi', '-i', 'color=red:size=80x120:rate=15', '-f', 'lavfi', '-i', 'color=blue:size=80x120:rate=15', '-f', 'lavfi', '-i', 'sine=440:sample_rate=48000'];
  const publisher = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', ...sources, '-filter_complex', '[0][1]hstack', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'flv', `${url}/halves`]);
  await until(() => server.kernel.parts.media.find('halves')?.tracks.length === 2, 'the source', PATIENCE_MS);
  const order = { uri: 'transcoder2://look', remoteStreamName: 'halves', localStreamName: 'look' };
  await t.throwsAsync(server.call('transcoder2.startup', { ...order, encoder: { rotation: 45 } }), { code: 'OPERATION_E_INPUT' });
  await t.throwsAsync(server.call('transcoder2.startup', { ...order, encoder: { watermark: 'none.png' } }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(server.call('transcoder2.startup', { ...order, encoder: { watermark: '../green.png' } }), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(server.call('transcoder2.set_watermark', { uri: order.uri, watermark: '' }), { code: 'SESSION_E_NOT_FOUND' });
  await server.call('transcoder2.startup', { ...order, encoder: { rotation: 90, watermark: 'green.png' } });
  const player = new StreamWatcher(t, `${url}/look`, SIZE);
  // Clockwise: what was on the left is above.
  await shows(t, player, { corner: 'green', top: 'red', bottom: 'blue' });

  // It throws away what it has looked at to know what comes, and then misses that.
  const complaints = player.stderr;
  const made = server.kernel.parts.media.find('look');
  await server.call('transcoder2.set_watermark', { uri: order.uri, watermark: '' });
  await shows(t, player, { corner: 'red', top: 'red', bottom: 'blue' });
  await server.call('transcoder2.set_watermark', { uri: order.uri, watermark: 'green.png' });
  await shows(t, player, { corner: 'green', top: 'red', bottom: 'blue' });
  t.is(server.kernel.parts.media.find('look'), made);
  t.is(made?.tracks.length, 2);
  t.is(player.stderr, complaints, 'each picture can be decoded');
  const [row] = (await server.call('transcoder2.find', { uri: order.uri })) as { encoder: Record<string, unknown> }[];
  t.like(row?.encoder, { rotation: 90, watermark: 'green.png' });
  publisher.kill();
});
