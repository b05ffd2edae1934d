import { join } from 'node:path';
import test from 'ava';
import { checkPicturesAndSound } from '../../support/av-check.ts';
import { Nginx } from '../../support/nginx.ts';
import { PeerProcess, peerTestsSideBySide } from '../../support/peers.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { FakeRtmpServer } from '../../support/fake-rtmp-server.ts';
import { realConfigs } from '../../support/rtmp-media.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel, type TestKernelOptions } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop } from '../../support/wcs-server.ts';

const peerTest = peerTestsSideBySide(3);
const LOCAL = { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } };

let servers = 0;

async function startServer(t: Parameters<typeof FakeRtmpServer.start>[0], settings: Readonly<Record<string, unknown>> = {}): Promise<{ server: TestKernel; port: number; tlsPort: number; rtmpUrl: string }> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  // Several servers on one address need local ports of their own.
  const relays = { from: 33_001 + 100 * servers, to: 33_100 + 100 * servers++ };
  const options: TestKernelOptions = { config: { ...LOCAL, ports: { relays } }, plugins: { rtmp: { port, rtmps: { enabled: true, port: tlsPort }, ...settings } } };
  const server = await startTestKernel(options);
  t.teardown(() => server.stop());
  return { server, port, tlsPort, rtmpUrl: `rtmp://127.0.0.1:${port}/live` };
}

const isLive = ({ kernel }: TestKernel, name: string) => until(() => kernel.parts.media.find(name)?.tracks.length === 2, `stream ${name}`);

peerTest('nginx that refuses a publisher is reported, and nothing is left of the push', ['ffmpeg', 'nginx'], async (t) => {
  const source = await startServer(t);
  const nginx = await Nginx.start(t);
  publishLoop(t, source, 'demo');
  await isLive(source.server, 'demo');
  const error = await t.throwsAsync(source.server.call('push.startup', { streamName: 'demo', rtmpUrl: nginx.url('refuse') }));
  t.regex(error.message, /^rtmp:\/\/127\.0\.0\.1:\d+\/refuse: (The server closed the connection|NetStream\.Publish)/);
  await t.throwsAsync(source.server.call('push.find_all'), { code: 'OPERATION_E_EMPTY' });
  t.is(source.server.kernel.parts.dialler.connections, 0);
});

peerTest('ffmpeg that listens receives a push without a flaw', ['ffmpeg'], async (t) => {
  const source = await startServer(t);
  publishLoop(t, source, 'demo');
  await isLive(source.server, 'demo');
  const [port = 0] = await freePorts(1);
  const file = join(temporaryFolder(), 'received.mkv');
  const receiver = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-listen', '1', '-i', `rtmp://127.0.0.1:${port}/app/name`, '-t', '4', '-c', 'copy', file]);
  const push = await until(() => source.server.call('push.startup', { streamName: 'demo', rtmpUrl: `rtmp://127.0.0.1:${port}/app/name`, rtmpTransponderFullUrl: true }).catch(() => undefined), 'ffmpeg to listen');
  const { status, stderr } = await receiver.finished;
  t.is(status, 0, stderr);
  await checkPicturesAndSound(t, file, 4, ['--min-duration', '3']);
  await source.server.call('push.terminate', push);
});

peerTest('another server of this kind takes a push by rtmps, its certificate known or taken as it is', ['ffmpeg'], async (t) => {
  const target = await startServer(t);
  const source = await startServer(t, { client: { verifyCertificates: false } });
  const strict = await startServer(t);
  for (const { server, rtmpUrl } of [source, strict]) {
    publishLoop(t, { rtmpUrl }, 'demo');
    await isLive(server, 'demo');
  }
  const rtmpUrl = `rtmps://127.0.0.1:${target.tlsPort}/live`;
  await t.throwsAsync(strict.server.call('push.startup', { streamName: 'demo', rtmpUrl }), { code: 'NET_E_CONNECT', message: /certificate|altnames/i });
  await source.server.call('push.startup', { streamName: 'demo', rtmpUrl });
  await isLive(target.server, 'rtmp_demo');
  await checkPicturesAndSound(t, `${target.rtmpUrl}/rtmp_demo`, 4, ['--min-duration', '3']);
  // And back again: the pushed stream is pulled by its secure address.
  await checkPicturesAndSound(t, `${source.rtmpUrl}/demo`, 3, ['--min-duration', '2']);
  const pulled = `rtmps://127.0.0.1:${target.tlsPort}/live/rtmp_demo`;
  await source.server.call('pull.rtmp.pull', { uri: pulled, localStreamName: 'back' });
  await isLive(source.server, 'back');
});

test('one connection serves all readers of an address, whatever password lists might have shown, and goes after the last', async (t) => {
  const { server, port } = await startServer(t);
  const origin = await FakeRtmpServer.start(t);
  const address = origin.url('live/cam', 'user:hidden-word');
  const players = [new RtmpClient(port), new RtmpClient(port)];
  t.teardown(() => players.forEach((player) => player.close()));
  for (const player of players) await player.play(address);
  const peer = await origin.peer();
  await until(() => peer.commands.some(({ name }) => name === 'play'), 'play');
  peer.send({ type: 9, streamId: 1, timestampMs: 0, payload: realConfigs().video });
  for (const player of players) await player.status('NetStream.Play.Start');
  t.is(origin.peers.length, 1);
  const shown = JSON.stringify(await Promise.all(['stream.find_all', 'session.list', 'pull.rtmp.find_all'].map((name) => server.call(name))));
  t.regex(shown, /rtmp:\/\/user(:\*\*\*)?@127/);
  t.false(shown.includes('hidden-word'));
  for (const player of players) player.close();
  await until(() => peer.closed, 'the end', 20_000);
  await t.throwsAsync(server.call('pull.rtmp.find_all'), { code: 'OPERATION_E_EMPTY' });
  t.false(server.logLines.join('\n').includes('hidden-word'));
});
