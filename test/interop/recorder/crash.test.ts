import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { probePackets } from '../../support/ffmpeg.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { checkMedia } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { WcsServer } from '../../support/wcs-server.ts';

const CONTAINERS = ['mp4', 'mkv', 'ts'] as const;
/** Pieces of a second are written; the rest is what was in memory. */
const LEAST_SECONDS = 2;
/** Four seconds of the clip. */
const LEAST_BYTES = 800_000;

peerTest('what is recorded when the server is killed plays at once, and the next start completes it', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(120_000);
  const folder = temporaryFolder(t);
  const stateDir = join(folder, 'state');
  const records = join(folder, 'records');
  const only = ['http', 'rtmp', 'recorder'];
  const plugins = { recorder: { folder: records, nameTemplate: '{streamName}-{videoCodec}' } };
  const server = await WcsServer.start(t, { stateDir, only, plugins });
  const publishers = CONTAINERS.map((container) => new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-i', join(mediaFolder, 'avc-bframes.mp4'), '-c', 'copy', '-f', 'flv', `${server.rtmpUrl}/${container}?record=${container === 'mp4'}`]));
  for (const container of CONTAINERS) await server.streamIsLive(container);
  for (const container of CONTAINERS.slice(1)) {
    await server.call('config.set', { path: 'plugins.recorder.formats', value: `h264-${container}` });
    const { body } = await server.call('stream.find', { name: container });
    const [{ mediaSessionId }] = body as [{ mediaSessionId: string }];
    await until(async () => (await server.call('recorder.startup', { mediaSessionId })).status === 200, container);
  }
  const partOf = (container: string): string => join(records, `${container}-h264.${container}.part`);
  await until(() => CONTAINERS.every((container) => (statSync(partOf(container), { throwIfNoEntry: false })?.size ?? 0) > LEAST_BYTES), 'four seconds on disk');
  server.child.kill('SIGKILL');
  await server.exited;
  for (const publisher of publishers) publisher.kill();
  // A power cut may also leave half a piece.
  truncateSync(partOf('mkv'), statSync(partOf('mkv')).size - 1000);
  await Promise.all(CONTAINERS.map((container) => checkMedia(t, partOf(container), '--min-duration', String(LEAST_SECONDS), '--loop', '20')));
  const again = await WcsServer.start(t, { stateDir, only, plugins });
  await until(() => readdirSync(join(stateDir, 'plugins', 'recorder', 'journal')).length === 0, 'the repair');
  t.deepEqual(readdirSync(records).sort(), CONTAINERS.map((container) => `${container}-h264.${container}`).sort());
  t.is(again.log.filter(({ msg }) => String(msg).includes('was repaired')).length, CONTAINERS.length);
  await Promise.all(CONTAINERS.map(async (container) => {
    const file = join(records, `${container}-h264.${container}`);
    await checkMedia(t, file, '--min-duration', String(LEAST_SECONDS), '--loop', '20');
    t.true((await probePackets(file)).packets.length > 60);
  }));
});
