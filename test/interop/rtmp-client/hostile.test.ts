import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { encodeAmf0 } from '../../../core/formats/amf.ts';
import { encodeMessage } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { commandMessage } from '../../../plugins/rtmp/wire/command.ts';
import { USER_EVENT, userControlMessage } from '../../../plugins/rtmp/wire/control.ts';
import { FakeRtmpServer, type FakePeer, type FakeServerOptions } from '../../support/fake-rtmp-server.ts';
import { rawChunk } from '../../support/rtmp-chunks.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { numberedPicture, realConfigs } from '../../support/rtmp-media.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const SECRET = 'p4ssw0rd-nobody-sees';
const S0_TO_S2 = Buffer.concat([Buffer.from([3]), Buffer.alloc(2 * 1536, 5)]);
/** Enough to fill the buffers of a connection that nobody reads within a second or two. */
const PICTURE_BYTES = 60_000;
const configs = realConfigs();
let server: TestKernel;
let port: number;
let publisher: RtmpClient;
let pictures: NodeJS.Timeout;

test.before(async () => {
  [port = 0] = await freePorts(1);
  const client = { timeoutMs: 1000, reconnectMinMs: 100, reconnectMaxMs: 200 };
  server = await startTestKernel({ config: { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } }, plugins: { rtmp: { port, client, playWaitMs: 0, pingIntervalMs: 200, idleTimeoutMs: 1000 } } });
  publisher = new RtmpClient(port);
  const streamId = await publisher.publish('source');
  publisher.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
  let number = 0;
  pictures = setInterval(() => publisher.send(numberedPicture(streamId, number, number++ % 10 === 0, PICTURE_BYTES)), 40);
});
test.after.always(async () => {
  clearInterval(pictures);
  publisher.close();
  await server.stop();
});
test.afterEach(async (t) => {
  const { dialler, ports, sessions } = server.kernel.parts;
  await until(() => dialler.connections === 0, 'no connection');
  t.is(ports.counts('relays').busy, 0, 'no port is left');
  await until(() => sessions.list({ protocol: 'rtmp', kind: 'internal' }).length === 0, 'no session');
  t.deepEqual(server.logLines.filter((line) => line.includes('"level":"error"') || line.includes(SECRET)), []);
});

type Failure = Error & { readonly code?: string };

/** How something fails. */
async function failureOf(t: ExecutionContext, work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(() => new Error('It did not fail'), (reason: unknown) => reason as Failure);
  t.false(error.message.includes(SECRET), error.message);
  return error;
}

async function pushFailure(t: ExecutionContext, options: FakeServerOptions): Promise<Failure> {
  const fake = await FakeRtmpServer.start(t, options);
  return failureOf(t, server.call('push.startup', { streamName: 'source', rtmpUrl: fake.url(`live?token=${SECRET}`, `user:${SECRET}`) }));
}

async function pullFailure(t: ExecutionContext, options: FakeServerOptions): Promise<Failure> {
  const fake = await FakeRtmpServer.start(t, options);
  return failureOf(t, server.call('pull.rtmp.pull', { uri: fake.url('live/x', `user:${SECRET}`), localStreamName: 'x' }));
}

/** A server that says the handshake, then these bytes again and again. */
const saying = (bytes: Uint8Array): FakeServerOptions => ({
  onSocket: (socket) => {
    socket.on('error', () => undefined);
    socket.resume().write(S0_TO_S2);
    const repeat = (): void => {
      if (!socket.destroyed) socket.write(bytes, () => setImmediate(repeat));
    };
    repeat();
  },
});

/** A server that does something else than to answer a command. */
const at = (name: string, what: (peer: FakePeer, transactionId: number) => void): FakeServerOptions => ({
  onCommand: (command, peer) => {
    if (command.name !== name) return false;
    what(peer, command.transactionId);
    return true;
  },
});

const silent = (...said: readonly Uint8Array[]): FakeServerOptions => ({
  onSocket: (socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    for (const bytes of said) socket.write(bytes);
  },
});

test.serial('a server that says nothing, or no more in the middle, is given up in time', async (t) => {
  const nothing = [silent(), silent(S0_TO_S2.subarray(0, 1)), silent(S0_TO_S2.subarray(0, 2000)), silent(S0_TO_S2), ...['connect', 'createStream', 'publish'].map((step) => at(step, () => undefined))];
  const [noMedia, ...failures] = await Promise.all([pullFailure(t, {}), ...nothing.map((options) => pushFailure(t, options))]);
  for (const { code, message } of failures) {
    t.is(code, 'NET_E_PEER_BROKEN');
    t.regex(message, /did not answer in time/);
  }
  t.is(noMedia.code, 'NET_E_PEER_BROKEN');
  t.regex(noMedia.message, /No media came in time/);
});

test.serial('a server that closes the connection, at whatever step, fails the start with that sentence', async (t) => {
  const early: FakeServerOptions[] = [{ onSocket: (socket) => void socket.destroy() }, { onSocket: (socket) => void socket.end(S0_TO_S2.subarray(0, 1)) }, { onSocket: (socket) => void socket.resume().end(S0_TO_S2) }];
  const steps = ['connect', 'createStream'].map((step) => at(step, (peer) => peer.socket.destroy()));
  for (const options of [...early, ...steps, at('publish', (peer) => peer.socket.destroy())]) t.regex((await pushFailure(t, options)).message, /closed the connection|ECONNRESET/);
  for (const options of [...early, ...steps, at('play', (peer) => peer.socket.destroy())]) t.regex((await pullFailure(t, options)).message, /closed the connection|ECONNRESET/);
});

test.serial('garbage, cut AMF, huge messages and endless chunk streams end the connection', async (t) => {
  const command = (payload: Uint8Array) => rawChunk({ format: 0, chunkStream: 3, type: 20, streamId: 0, payload });
  const floods: Readonly<Record<string, Uint8Array>> = {
    garbage: randomBytes(70_000),
    'cut AMF': command(Uint8Array.of(2, 0, 9, 0x5f)),
    'a nameless command': command(encodeAmf0([5])),
    'a huge message': rawChunk({ format: 0, chunkStream: 4, length: 0xffffff, payload: Buffer.alloc(128) }),
    'endless chunk streams': Buffer.concat(Array.from({ length: 300 }, (_, index) => rawChunk({ format: 0, chunkStream: 3 + index, length: 200, payload: Buffer.alloc(128) }))),
    'chunk size 0': rawChunk({ format: 0, chunkStream: 2, type: 1, streamId: 0, payload: Buffer.alloc(4) }),
  };
  for (const [what, bytes] of Object.entries(floods)) {
    t.is((await pushFailure(t, saying(bytes))).code, 'NET_E_PEER_BROKEN', what);
    t.is((await pullFailure(t, saying(bytes))).code, 'NET_E_PEER_BROKEN', what);
  }
  t.is((await pushFailure(t, silent(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')))).code, 'NET_E_PEER_BROKEN');
  const nonsense = at('play', (peer) => peer.send({ type: 9, streamId: 1, timestampMs: 0, payload: Uint8Array.of(0x17, 0, 0, 0, 0, 9, 9) }));
  t.is((await pullFailure(t, nonsense)).code, 'NET_E_PEER_BROKEN', 'a configuration that makes no sense');
});

test.serial('floods of commands and pings do not keep a server that sends no media', async (t) => {
  const ping = encodeMessage(userControlMessage(USER_EVENT.pingRequest, 1));
  const failures = await Promise.all([pullFailure(t, saying(ping)), pushFailure(t, saying(encodeMessage(commandMessage(0, 'onBWDone', 0, null))))]);
  for (const { message } of failures) t.regex(message, /did not answer in time/);
});

test.serial('a server that says no is quoted, and one that asks for passwords without end is left', async (t) => {
  const no = (peer: FakePeer, transactionId: number): void => peer.call(0, '_error', transactionId, null, { level: 'error', code: 'NetConnection.Connect.Rejected', description: 'No such application.' });
  const rejected = await pushFailure(t, at('connect', no));
  t.is(rejected.code, 'NET_E_PEER_REFUSED');
  t.regex(rejected.message, /Connect\.Rejected: No such application\.$/);
  const refused = await pushFailure(t, at('publish', (peer) => peer.status(1, 'NetStream.Publish.BadName', 'error', 'Taken')));
  t.is(refused.code, 'NET_E_PEER_REFUSED');
  t.regex(refused.message, /NetStream\.Publish\.BadName: Taken/);
  t.regex((await pullFailure(t, at('play', (peer) => peer.status(1, 'NetStream.Play.StreamNotFound', 'error')))).message, /StreamNotFound/);
  let connects = 0;
  const schemes = ['adobe', 'llnw'];
  const asking = (peer: FakePeer, transactionId: number): void => {
    const description = `[ code=403 need auth; authmod=${schemes[connects++ % 2]} ]`;
    peer.call(0, '_error', transactionId, null, { level: 'error', code: 'NetConnection.Connect.Rejected', description });
  };
  const loop = await pushFailure(t, at('connect', asking));
  t.is(loop.code, 'NET_E_PEER_REFUSED', loop.message);
  t.is(connects, 3);
});

test.serial('addresses that may not be reached are refused before anything connects', async (t) => {
  const codeOf = async (rtmpUrl: string): Promise<string | undefined> => (await failureOf(t, server.call('push.startup', { streamName: 'source', rtmpUrl }))).code;
  t.is(await codeOf('rtmp://10.1.2.3/live'), 'ACCESS_E_REFUSED');
  t.is(await codeOf('rtmp://169.254.169.254/live'), 'ACCESS_E_REFUSED');
  t.is(await codeOf('rtmp://no-such-host.invalid/live'), 'NET_E_HOST_UNKNOWN');
  t.is(await codeOf('http://127.0.0.1/live'), 'OPERATION_E_INPUT');
  t.is(await codeOf(''), 'OPERATION_E_INPUT');
  const [closed = 0] = await freePorts(1);
  t.is(await codeOf(`rtmp://127.0.0.1:${closed}/live`), 'NET_E_CONNECT');
  t.is((await failureOf(t, server.call('push.startup', { streamName: 'nobody', rtmpUrl: 'rtmp://127.0.0.1/live' }))).code, 'MEDIA_E_NOT_FOUND');
});

test.serial('a guard that says no to a reconnect keeps the relay waiting, and it ends when it is told to', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const { mediaSessionId } = (await server.call('push.startup', { streamName: 'source', rtmpUrl: fake.url('live') })) as { mediaSessionId: string };
  const { targets } = server.kernel.parts;
  const check = targets.check.bind(targets);
  targets.check = () => Promise.reject(new WcsError('ACCESS_E_REFUSED', 'Not any more.'));
  t.teardown(() => (targets.check = check));
  (await fake.peer()).socket.destroy();
  const waiting = await until(async () => ((await server.call('push.find_all')) as { lastError?: string; status: string }[]).find(({ lastError }) => lastError === 'Not any more.'), 'the refusal');
  t.is(waiting.status, 'RECONNECTING');
  t.is(fake.peers.length, 1);
  await server.call('push.terminate', { mediaSessionId });
});

test.serial('a server that no longer reads, or no longer sends, is left for another try', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const push = (await server.call('push.startup', { streamName: 'source', rtmpUrl: fake.url('live') })) as { mediaSessionId: string };
  (await fake.peer(0)).socket.pause();
  await fake.peer(1);
  await server.call('push.terminate', push);
  const origin = await FakeRtmpServer.start(t);
  const started = server.call('pull.rtmp.pull', { uri: origin.url('live/x'), localStreamName: 'x' });
  const first = await origin.peer(0);
  await until(() => first.commands.some(({ name }) => name === 'play'), 'play');
  first.send({ type: 9, streamId: 1, timestampMs: 0, payload: configs.video });
  await started;
  await origin.peer(1);
  t.true(first.closed);
  await server.call('pull.rtmp.terminate', { uri: origin.url('live/x') });
});

test.serial('an operator can end a relay by its session', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const { mediaSessionId } = (await server.call('push.startup', { streamName: 'source', rtmpUrl: fake.url('live') })) as { mediaSessionId: string };
  await server.call('session.kill', { sessionId: mediaSessionId });
  const peer = await fake.peer();
  await until(() => peer.closed, 'the end');
  t.is(peer.commands.at(-1)?.name, 'deleteStream');
});
