import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { checkMedia } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { WcsServer } from '../../support/wcs-server.ts';

/** Less than half of the clip; more than a bundle of ours, should one have to be made. */
const FILE_MAX_BYTES = 6 * 1024 * 1024;
/** How much faster than its own time the clip is published. */
const RATE = 8;

peerTest('what the disk refuses ends the recording with the reason, and neither its file nor the stream', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(120_000);
  const records = temporaryFolder(t);
  const plugins = { recorder: { folder: records, nameTemplate: '{streamName}', pieceMs: 500 } };
  const server = await WcsServer.start(t, { only: ['http', 'rtmp', 'recorder'], plugins, fileMaxBytes: FILE_MAX_BYTES });
  new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-readrate', String(RATE), '-stream_loop', '-1', '-i', join(mediaFolder, 'avc.mp4'), '-c', 'copy', '-f', 'flv', `${server.rtmpUrl}/full?record=true`]);
  await server.streamIsLive('full');
  const player = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-i', `${server.rtmpUrl}/full`, '-t', '60', '-c', 'copy', '-f', 'null', '-']);
  const said = (): string => server.log.map(({ msg }) => String(msg)).find((msg) => msg.startsWith('recording ended early')) ?? '';
  await until(() => said() !== '', 'the end of the recording', 40_000);
  t.regex(said(), /The disk refused the recording: EFBIG/);
  t.deepEqual(readdirSync(records), ['full.mp4']);
  const { size } = statSync(join(records, 'full.mp4'));
  t.true(size > FILE_MAX_BYTES / 2 && size <= FILE_MAX_BYTES, `${size} bytes`);
  await checkMedia(t, join(records, 'full.mp4'), '--min-duration', '10', '--loop', '20');
  const { status, stderr } = await player.finished;
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' }, 'a player sees a minute of the stream, most of it after the end of the recording');
});
