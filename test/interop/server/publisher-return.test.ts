import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseVideoBody } from '../../../core/formats/flv.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';

/** Within the five seconds that an encoder takes to come back. */
const AWAY_MS = 3000;
/** A second of the clip; what a player must have written beyond what it had when the publisher came back. */
const MEDIA_BYTES = 150_000;

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const picturesOf = ({ messages }: RtmpClient): number => messages.filter(({ type, payload }) => type === 9 && parseVideoBody(payload)[0]?.packet === 'frame').length;

peerTest('RTMP and HLS players go on when their publisher is killed and comes back within five seconds', ['ffmpeg'], async (t) => {
  const server = await WcsServer.start(t, { only: ['http', 'rtmp', 'hls'] });
  const first = publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const files = { rtmp: join(server.folder, 'rtmp.ts'), hls: join(server.folder, 'hls.ts'), classic: join(server.folder, 'classic.ts') };
  const hlsUrl = `http://127.0.0.1:${server.ports.hls}/demo`;
  const play = (url: string, file: string): PeerProcess => new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', url, '-c', 'copy', '-flush_packets', '1', '-f', 'mpegts', file]);
  const players = [play(`${server.rtmpUrl}/demo`, files.rtmp), play(`${hlsUrl}/demo.m3u8`, files.hls), play(`${hlsUrl}/ts/demo.m3u8`, files.classic)];
  const client = new RtmpClient(server.ports.rtmp);
  t.teardown(() => client.close());
  await client.play('demo');
  for (const file of Object.values(files)) await until(() => sizeOf(file) > MEDIA_BYTES, file, 15_000);
  await until(() => picturesOf(client) > 30, 'pictures of the client');

  first.kill();
  await once(first.child, 'close');
  await until(async () => (await server.stream('demo'))?.status === 'PENDING', 'the break to be noticed');
  await sleep(AWAY_MS);
  const [before, seen] = [Object.fromEntries(Object.entries(files).map(([name, file]) => [name, sizeOf(file)])), picturesOf(client)];
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  for (const [name, file] of Object.entries(files)) await until(() => sizeOf(file) > (before[name] ?? 0) + 2 * MEDIA_BYTES, `${name} to go on`);
  await until(() => picturesOf(client) > seen + 60, 'the client to go on');
  for (const { child } of players) t.is(child.exitCode, null, 'no player gave up');
  t.false(client.closed);
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
});
