import { connect, type Socket } from 'node:net';
import { createSocket } from 'node:dgram';
import test, { type ExecutionContext } from 'ava';
import { encodeRtp } from '../../../core/rtp/packet.ts';
import { headerOf } from '../../../plugins/rtsp/wire/message.ts';
import { encodeInterleaved } from '../../../plugins/rtsp/wire/message-writer.ts';
import { parseAuthHeader } from '../../../plugins/rtsp/wire/auth-header.ts';
import { encodeBasicCredentials } from '../../../plugins/rtsp/wire/basic-auth.ts';
import { answerDigest, parseDigestChallenge } from '../../../plugins/rtsp/wire/digest-auth.ts';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher, numbersOf } from '../../support/rtsp-media.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const PASSWORD = 'very-secret-word';

interface Setup {
  readonly server: TestKernel;
  readonly port: number;
}

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Setup> {
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ config: { log: { level: 'debug' } }, plugins: { rtsp: { port, playWaitMs: 0, ...settings } } });
  t.teardown(() => server.stop());
  return { server, port };
}

/** Sends raw bytes and waits for the end of the connection. */
async function isCut(t: ExecutionContext, port: number, ...bytes: readonly (string | Uint8Array)[]): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  for (const part of bytes) socket.write(part);
  await until(() => closed, 'the end of the connection', 5000);
  return text;
}

const isServing = async (port: number): Promise<boolean> => {
  const client = new TestRtspClient(port, 'anything');
  const { status } = await client.ask('OPTIONS');
  client.close();
  return status === 200;
};

test('what is no RTSP, too long, or of a length that makes no sense ends its own connection', async (t) => {
  const { port, server } = await start(t);
  await isCut(t, port, Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  await isCut(t, port, `OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ${'x'.repeat(20_000)}`);
  await isCut(t, port, 'ANNOUNCE rtsp://127.0.0.1/a RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n');
  await isCut(t, port, 'ANNOUNCE rtsp://127.0.0.1/a RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999999\r\n\r\n');
  t.regex(await isCut(t, port, 'OPTIONS * RTSP/1.0\r\n\r\n'), /^RTSP\/1\.0 400 /);
  t.regex(await isCut(t, port, 'OPTIONS * RTSP/1.0\r\nCSeq: minus one\r\n\r\n'), /^RTSP\/1\.0 400 /);
  t.true(await isServing(port));
  t.deepEqual(server.logLines.filter((line) => line.includes('"level":50')), []);
});

test('frames before any SETUP go nowhere, and requests out of their state are refused', async (t) => {
  const { port } = await start(t);
  const client = new TestRtspClient(port, 'none');
  t.teardown(() => client.close());
  for (let channel = 0; channel < 256; channel++) client.socket.write(encodeInterleaved(channel, Buffer.alloc(100)));
  t.is((await client.ask('DESCRIBE')).status, 404);
  t.is((await client.ask('PLAY')).status, 454);
  t.is((await client.ask('RECORD')).status, 454);
  t.is((await client.ask('TEARDOWN', client.base, [['Session', 'somebody-else']])).status, 454);
  t.is((await client.ask('ANNOUNCE', client.base, [['Content-Type', 'application/sdp']], 'garbage')).status, 400);
  t.is((await client.ask('ANNOUNCE', client.base, [['Content-Type', 'application/sdp']], 'v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 THEORA/90000\r\n')).status, 415);
  t.is((await client.ask('DESCRIBE', 'rtsp://127.0.0.1/../../etc/passwd')).status, 404);
  t.is((await client.ask('INVENTED')).status, 501);
});

test('packets from another port than that of the SETUP are not taken', async (t) => {
  const { port, server } = await start(t);
  const publisher = new TestRtspClient(port, 'injected');
  const reader = new TestRtspClient(port, 'injected');
  const stranger = createSocket('udp4');
  t.teardown(() => {
    for (const client of [publisher, reader]) client.close();
    stranger.close();
  });
  await publisher.record('udp', NUMBERED_SDP, NUMBERED_CONTROLS);
  const media = new NumberedPublisher(publisher);
  media.next();
  await until(() => server.kernel.parts.media.find('injected'), 'the stream');
  await reader.play('tcp');
  const payload = Buffer.alloc(160);
  payload.writeUInt32BE(777_777);
  for (let sent = 0; sent < 20; sent++) stranger.send(encodeRtp({ payloadType: 8, timestamp: 5000 + sent, sequenceNumber: 65_510 + sent, ssrc: 0x1001, payload }), publisher.serverPorts(1)![0], '127.0.0.1');
  for (let sent = 0; sent < 12; sent++) media.next();
  await until(() => numbersOf(reader).sounds.includes(media.number - 1), 'the last sound');
  t.false(numbersOf(reader).sounds.includes(777_777));
});

test('a thousand connections that say nothing are ended in time, and others are served meanwhile', async (t) => {
  t.timeout(120_000);
  const { port, server } = await start(t, { setupTimeoutS: 600 });
  const sockets = Array.from({ length: 1000 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (const [index, socket] of sockets.entries()) if (index % 2 === 0) socket.write('SETUP rtsp://127.0.0.1/x RTSP/1.0\r\nCSeq: ');
  const crowd = (): number => server.kernel.parts.sessions.list({ protocol: 'rtsp', kind: 'client' }).length;
  await until(() => crowd() === 1000, 'the crowd', 60_000);
  t.true(await isServing(port));
  await server.call('config.set', { path: 'plugins.rtsp.setupTimeoutS', value: 1 });
  await until(() => crowd() === 0, 'the end of the crowd', 60_000);
});

test('users are asked by Digest of both hashes and Basic, wrong passwords wait and end, and nothing of it is logged', async (t) => {
  const { port, server } = await start(t, { auth: { users: { anna: PASSWORD } } });
  const client = new TestRtspClient(port, 'guarded');
  t.teardown(() => client.close());
  const first = await client.ask('DESCRIBE');
  t.is(first.status, 401);
  const challenges = first.headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value);
  t.is(challenges.length, 3);
  const answer = (at: number, password: string): string => {
    const challenge = parseDigestChallenge(parseAuthHeader(challenges[at]!)[0]!)!;
    return answerDigest(challenge, { user: 'anna', password }, { method: 'DESCRIBE', uri: client.base, nonceCount: 1, cnonce: 'abc' });
  };
  const beforeMs = performance.now();
  t.is((await client.ask('DESCRIBE', client.base, [['Authorization', answer(0, 'guess')]])).status, 401);
  t.true(performance.now() - beforeMs >= 400);
  // Right: the stream isn't there, which only who may know it is told.
  t.is((await client.ask('DESCRIBE', client.base, [['Authorization', answer(0, PASSWORD)]])).status, 404);
  for (const authorization of [encodeBasicCredentials({ user: 'anna', password: PASSWORD })]) {
    const other = new TestRtspClient(port, 'guarded?aclAuth=token-secret');
    t.is((await other.ask('DESCRIBE', other.base, [['Authorization', authorization]])).status, 404);
    other.close();
  }
  const md5 = new TestRtspClient(port, 'guarded');
  const [, challenge] = (await md5.ask('DESCRIBE')).headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => parseDigestChallenge(parseAuthHeader(value)[0]!));
  t.is(challenge?.algorithm, 'MD5');
  t.is((await md5.ask('DESCRIBE', md5.base, [['Authorization', answerDigest(challenge!, { user: 'anna', password: PASSWORD }, { method: 'DESCRIBE', uri: md5.base, nonceCount: 1, cnonce: 'x' })]])).status, 404);
  md5.close();
  const log = server.logLines.join('\n');
  for (const secret of [PASSWORD, 'guess', 'token-secret', Buffer.from(`anna:${PASSWORD}`).toString('base64')]) t.false(log.includes(secret), secret);
});

test('a reader that keeps its session alive stays, and one over UDP that falls silent goes', async (t) => {
  const { port, server } = await start(t, { sessionTimeoutS: 1 });
  const publisher = new TestRtspClient(port, 'kept');
  const alive = new TestRtspClient(port, 'kept');
  const silent = new TestRtspClient(port, 'kept');
  t.teardown(() => [publisher, alive, silent].forEach((client) => client.close()));
  await publisher.record('tcp', NUMBERED_SDP, NUMBERED_CONTROLS);
  const media = new NumberedPublisher(publisher);
  media.next();
  await until(() => server.kernel.parts.media.find('kept'), 'the stream');
  for (const client of [alive, silent]) await client.play('udp');
  t.regex(headerOf(await alive.ask('GET_PARAMETER'), 'Session') ?? '', /;timeout=1$/);
  const timer = setInterval(() => {
    media.next();
    void alive.ask('GET_PARAMETER').catch(() => undefined);
  }, 200);
  t.teardown(() => clearInterval(timer));
  await until(() => silent.closed, 'the end of the silent one', 12_000);
  t.false(alive.closed);
});
