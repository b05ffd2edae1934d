import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { areInOrder, PullingServer } from '../../support/pulling-server.ts';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher } from '../../support/rtsp-media.ts';
import { FakeRtspServer } from '../../support/rtsp-server.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** On a busy machine. */
const LONG_MS = 60_000;
const ANSWER = { answerTimeoutMs: 20_000 };

test('a camera whose datagrams do not come through is played over TCP, and is called so at once the next time', async (t) => {
  t.timeout(120_000);
  const server = await PullingServer.start({ ...ANSWER, transport: 'udp', udpSilenceMs: 500, idleMs: 100 });
  const camera = await FakeRtspServer.start();
  t.teardown(async () => {
    camera.close();
    await server.stop();
  });
  camera.sendsDatagrams = false;
  const transports = (): string[] => camera.clients.flatMap(({ requests }) => requests.filter(({ method }) => method === 'SETUP')).map(({ headers }) => (headers.some(([, value]) => value.includes('TCP')) ? 'tcp' : 'udp'));
  const read = await server.read(camera.url());
  await until(() => read.numbers.length > 10, 'packets', LONG_MS);
  t.true(areInOrder(read.numbers));
  t.deepEqual(transports(), ['udp', 'tcp']);
  t.like(await server.call('rtsp.find_all'), [{ status: 'PLAYING', transport: 'tcp' }]);
  read.close();
  await until(() => server.kernel.kernel.parts.sessions.list({ protocol: 'rtsp', kind: 'internal' }).length === 0, 'the end of the pull', LONG_MS);
  const again = await server.read(camera.url());
  await until(() => again.numbers.length > 10, 'packets again', LONG_MS);
  t.deepEqual(transports(), ['udp', 'tcp', 'tcp']);
});

test('a pull that ends with its last reader waits for one who has asked for it and takes his time', async (t) => {
  const server = await PullingServer.start({ ...ANSWER, idleMs: 0 });
  const camera = await FakeRtspServer.start();
  const player = new TestRtspClient(server.port, camera.url());
  t.teardown(async () => {
    player.close();
    camera.close();
    await server.stop();
  });
  t.is((await player.ask('DESCRIBE')).status, 200);
  await sleep(300);
  await player.setup(`${player.base}/trackID=0`, 'tcp', 0);
  await sleep(300);
  t.is((await player.ask('PLAY')).status, 200);
  await until(() => player.packets.length > 10, 'packets', LONG_MS);
  t.is(camera.clients.length, 1, 'one call for all');
  player.close();
  await until(() => camera.clients[0]?.socket.destroyed === true, 'the end of the pull', LONG_MS);
});

test('a camera is pulled by rtsps, its certificate taken as it is where the settings say so', async (t) => {
  t.timeout(120_000);
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const origin = await startTestKernel({ plugins: { rtsp: { port, rtsps: { enabled: true, port: tlsPort } } } });
  const strict = await PullingServer.start(ANSWER);
  // Two servers on one address need local ports of their own.
  const trusting = await PullingServer.start({ ...ANSWER, verifyCertificates: false }, {}, { ports: { cameras: { from: 32_500, to: 32_599 } } });
  const publisher = new TestRtspClient(port, 'safe');
  t.teardown(async () => {
    publisher.close();
    for (const server of [trusting, strict, origin]) await server.stop();
  });
  await publisher.record('tcp', NUMBERED_SDP, NUMBERED_CONTROLS);
  const media = new NumberedPublisher(publisher);
  const uri = `rtsps://127.0.0.1:${tlsPort}/safe`;
  const refused = await t.throwsAsync(strict.call('rtsp.startup', { uri }), { instanceOf: WcsError, message: 'Failed to connect to rtsp stream' });
  t.regex(String(refused.details['detail']), /certificate|altnames/i);
  const read = await trusting.read(uri);
  await until(() => {
    media.next();
    return read.numbers.length > 20;
  }, 'packets', LONG_MS);
  t.like(await trusting.call('rtsp.find_all'), [{ uri, status: 'PLAYING', transport: 'tcp' }]);
});
