import { connect } from 'node:net';
import test from 'ava';
import { rawChunk, clientHandshake } from '../../support/rtmp-chunks.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

let server: TestKernel;
let port: number;
let tlsPort: number;

test.before(async () => {
  [port = 0, tlsPort = 0] = await freePorts(2);
  server = await startTestKernel({ plugins: { rtmp: { port, rtmps: { enabled: true, port: tlsPort }, handshakeTimeoutMs: 1500, playWaitMs: 0, maxConnectionsPerAddress: 40 } } });
});
test.after.always(() => server.stop());

const sessions = () => server.kernel.parts.sessions.count('rtmp');
const errors = () => server.logLines.filter((line) => line.includes('"level":50') || line.includes('"level":"error"'));

/** The server still takes a publisher. */
async function stillServes(name: string): Promise<boolean> {
  const client = new RtmpClient(port);
  const streamId = await client.publish(name);
  client.close();
  return streamId === 1;
}

/** Sends bytes and waits until the server has ended the connection. */
function closedAfter(...parts: readonly Uint8Array[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => parts.forEach((part) => socket.write(part)));
    const timer = setTimeout(() => { socket.destroy(); reject(new Error('Still open')); }, 8000);
    socket.on('data', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => { clearTimeout(timer); resolve(true); });
  });
}

test.serial('connect without tcUrl, or with one that is no URL, is taken', async (t) => {
  for (const object of [{ app: 'live' }, { app: 'live', tcUrl: '%%% not a url' }, {}]) {
    const client = new RtmpClient(port);
    const answer = await client.answer(client.call(0, 'connect', object));
    t.is(answer.name, '_result');
    client.close();
  }
});

test.serial('a cut AMF number, random bytes and bad versions end their connection only', async (t) => {
  const command = (payload: Buffer) => rawChunk({ format: 0, chunkStream: 3, type: 20, streamId: 0, payload });
  t.true(await closedAfter(clientHandshake(), command(Buffer.from([2, 0, 1, 0x61, 0, 1, 2]))));
  t.true(await closedAfter(Buffer.from('GET / HTTP/1.1\r\n\r\n')));
  t.true(await closedAfter(clientHandshake(), Buffer.alloc(3000, 0xee)));
  const client = new RtmpClient(port);
  await client.connect();
  client.socket.write(Buffer.alloc(70_000, 0xff));
  await until(() => client.closed, 'the end');
  t.true(await stillServes('survivor'));
  t.deepEqual(errors(), []);
});

test.serial('messages that are too great, early or late, end the connection without the memory', async (t) => {
  const big = (chunkStream: number) => rawChunk({ format: 0, chunkStream, length: 0xffffff, payload: Buffer.alloc(128) });
  t.true(await closedAfter(clientHandshake(), ...[3, 4, 5, 6].map(big)));
  const client = new RtmpClient(port);
  const streamId = await client.publish('greedy');
  for (let chunkStream = 10; chunkStream < 40; chunkStream++) client.socket.write(rawChunk({ format: 0, chunkStream, length: 1024 * 1024, streamId, payload: Buffer.alloc(65_535) }));
  await until(() => client.closed, 'the end');
  t.deepEqual(errors(), []);
});

test.serial('publishing without a name, and names that lead elsewhere, are refused with a status', async (t) => {
  const client = new RtmpClient(port);
  await client.connect();
  const streamId = await client.createStream();
  const names = [undefined, '', '../secret', 'a/../b', 'x'.repeat(300), 'with space', 'c:\\windows', 'nul\0', '/rooted'];
  for (const name of names) client.call(streamId, 'publish', null, name, 'live');
  await until(() => client.codes.filter((code) => code === 'NetStream.Publish.BadName').length === names.length, 'refusals');
  client.call(streamId, 'play', null, '../../etc/passwd');
  client.call(streamId, 'play', null, 'nobody');
  await until(() => client.codes.filter((code) => code === 'NetStream.Play.StreamNotFound').length === 2, 'not found');
  t.false(client.closed);
  t.false(client.codes.includes('NetStream.Publish.Start'));
  client.close();
});

test.serial('a name that is taken is refused to another peer and given to the same one', async (t) => {
  const first = new RtmpClient(port);
  await first.publish('taken?key=1');
  const other = new RtmpClient(port);
  await other.connect();
  const streamId = await other.createStream();
  other.call(streamId, 'publish', null, 'taken?key=2', 'live');
  await other.status('NetStream.Publish.BadName');
  const again = new RtmpClient(port);
  t.is(await again.publish('taken?key=1'), 1);
  await first.status('NetConnection.Connect.Closed');
  await until(() => first.closed, 'the end of the first');
  other.close();
  again.close();
});

test.serial('media that makes no sense ends its publisher only', async (t) => {
  const client = new RtmpClient(port);
  const streamId = await client.publish('nonsense');
  client.send({ type: 9, streamId, timestampMs: 0, payload: Buffer.from([0x17, 0, 0, 0, 0, 9, 9]) });
  await until(() => client.closed, 'the end');
  t.true(await stillServes('sense'));
});

test.serial('a slow handshake is cut off', async (t) => {
  const startedAt = Date.now();
  t.true(await closedAfter(Buffer.from([3]), Buffer.alloc(100)));
  t.true(Date.now() - startedAt >= 1400);
});

test.serial('the access chain decides about connect, publish and play, with parameters', async (t) => {
  const asked: string[] = [];
  const release = server.kernel.parts.access.use({
    name: 'test',
    order: 1,
    authorise: ({ action, streamName, params, app }) => {
      asked.push(`${action} ${app} ${streamName ?? ''} ${params.token ?? ''}`);
      return params.token === 'good' ? undefined : { allowed: false, reason: 'Wrong token' };
    },
  });
  const good = new RtmpClient(port);
  await good.publish('guarded', 'live?token=good');
  const bad = new RtmpClient(port);
  const answer = await bad.answer(bad.call(0, 'connect', { app: 'live' }));
  release();
  t.like(answer, { name: '_error', args: [{ code: 'NetConnection.Connect.Rejected', description: 'Wrong token' }] });
  await until(() => bad.closed, 'the end');
  t.deepEqual(asked, ['connect live  good', 'publish live guarded good', 'connect live  ']);
  good.close();
});

test.serial('an operator can end a session, and one address cannot take all connections', async (t) => {
  const client = new RtmpClient(port);
  await client.publish('victim');
  const [session] = server.kernel.parts.sessions.list({ streamName: 'victim' });
  server.kernel.parts.sessions.kill(session!.id, 'Operator');
  await until(() => client.closed, 'the end');
  await until(() => sessions() === 0, 'no sessions');
  const crowd = Array.from({ length: 45 }, () => new RtmpClient(port));
  await until(() => crowd.filter(({ closed }) => closed).length === 5, 'refusals');
  for (const one of crowd) one.close();
  await until(() => sessions() === 0, 'no sessions');
  t.deepEqual(errors(), []);
});
