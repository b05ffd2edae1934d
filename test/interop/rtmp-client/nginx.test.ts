import { checkPicturesAndSound } from '../../support/av-check.ts';
import { Nginx } from '../../support/nginx.ts';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';

const peerTest = peerTestsSideBySide(2);
/** Two servers at once can't both have the ports that others listen on by default. */
const ALONE = { only: ['http', 'rtmp', 'hls'] };

/** A row of `push.find_all` or `pull.rtmp.find_all`. */
interface Row {
  readonly mediaSessionId: string;
  readonly status: string;
}

async function rowsOf(server: WcsServer, operation: string): Promise<Row[]> {
  const { status, body } = await server.call(operation);
  return status === 200 ? (body as Row[]) : [];
}

peerTest('nginx takes our push and plays it without a flaw, and goes on after it was killed', ['ffmpeg', 'ffprobe', 'nginx'], async (t) => {
  const server = await WcsServer.start(t, ALONE);
  const nginx = await Nginx.start(t);
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const started = await server.call('push.startup', { streamName: 'demo', rtmpUrl: nginx.url('live') });
  t.is(started.status, 200, JSON.stringify(started.body));
  t.like(started.body, { streamName: 'rtmp_demo', rtmpUrl: nginx.url('live'), muted: false, soundEnabled: false, status: 'CONNECTED' });
  t.is((await server.call('push.startup', { streamName: 'demo', rtmpUrl: nginx.url('live') })).status, 409);
  await checkPicturesAndSound(t, `${nginx.url('live')}/rtmp_demo`, 4, ['--min-duration', '3']);
  const before = await server.stream('demo');

  await nginx.kill();
  await until(async () => (await rowsOf(server, 'push.find_all'))[0]?.status === 'RECONNECTING', 'the break');
  await nginx.start();
  await until(async () => (await rowsOf(server, 'push.find_all'))[0]?.status === 'CONNECTED', 'the push to run again');
  await checkPicturesAndSound(t, `${nginx.url('live')}/rtmp_demo`, 3, ['--min-duration', '2']);
  const after = await server.stream('demo');
  t.like(after, { status: 'PUBLISHING', mediaSessionId: (before as unknown as Row).mediaSessionId }, 'the stream never noticed');

  const { mediaSessionId } = started.body as Row;
  t.is((await server.call('push.terminate', { mediaSessionId })).status, 200);
  t.is((await server.call('push.find_all')).status, 404);
  t.is((await server.call('push.terminate', { mediaSessionId })).status, 404);
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
});

peerTest('a stream of nginx is pulled by its address and by REST, and played by RTMP and HLS', ['ffmpeg', 'ffprobe', 'nginx'], async (t) => {
  const server = await WcsServer.start(t, ALONE);
  const nginx = await Nginx.start(t);
  publishLoop(t, { rtmpUrl: nginx.url('live') }, 'origin');
  await until(async () => (await nginx.statistics())?.includes('<name>origin</name>'), 'the stream on nginx');
  const uri = `${nginx.url('live')}/origin`;
  const pulled = await server.call('pull.rtmp.pull', { uri, localStreamName: 'copy' });
  t.is(pulled.status, 200, JSON.stringify(pulled.body));
  t.like(pulled.body, { uri, localStreamName: 'copy', remoteStreamName: 'origin', status: 'CONNECTED', hasAudio: true, hasVideo: true });
  t.is((await server.call('pull.rtmp.pull', { uri, localStreamName: 'other' })).status, 409);
  const players = [`${server.rtmpUrl}/copy`, `http://127.0.0.1:${server.ports.hls}/copy/copy.m3u8`];
  await Promise.all(players.map((url) => checkPicturesAndSound(t, url, 5, ['--min-duration', '4'])));
  t.is((await server.call('pull.rtmp.terminate', { uri })).status, 200);
  t.is((await server.call('pull.rtmp.find_all')).status, 404);
  t.is(await server.stream('copy'), undefined);
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
});
