import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { PullingServer } from '../../support/pulling-server.ts';
import { FakeRtspServer, type FakeAnswer } from '../../support/rtsp-server.ts';
import { until } from '../../support/until.ts';

let server: PullingServer;
test.before(async () => {
  server = await PullingServer.start({ answerTimeoutMs: 800, udpSilenceMs: 400, retryFirstMs: 100, retryMaxMs: 200, silenceTimeoutMs: 1000, unauthorisedRetryMs: 2000, idleMs: 200 });
});
test.after.always(() => server.stop());

/** Nothing of any pull is left. */
async function nothingIsLeft(): Promise<boolean> {
  const { sessions, dialler, rtpPairs, media } = server.kernel.kernel.parts;
  return until(() => sessions.list({ protocol: 'rtsp', kind: 'internal' }).length === 0 && dialler.connections === 0 && rtpPairs.size === 0 && media.streams().length === 0, 'everything to be released');
}

const FORMAT = 'Rtsp has wrong format';
const CONNECT = 'Failed to connect to rtsp stream';
const NOT_FOUND = 'Rtsp stream not found';

const on = (method: string, answer: FakeAnswer): FakeAnswer => (request, client) => (request.method === method ? answer(request, client) : undefined);
const raw = (bytes: string | Buffer): FakeAnswer => (_request, { socket }) => {
  socket.write(bytes);
  return 'answered';
};

/** What a server may do, and what whoever asked for the stream is told. */
const SERVERS: Readonly<Record<string, readonly [answer: FakeAnswer, reason: string]>> = {
  'says nothing': [() => 'answered', CONNECT],
  'answers garbage': [raw(Buffer.from([0, 1, 2, 3, 255])), FORMAT],
  'answers with headers without end': [(_request, { socket }) => {
    socket.write('RTSP/1.0 200 OK\r\n');
    for (let line = 0; line < 5000; line++) socket.write(`X-${line}: ${'x'.repeat(50)}\r\n`);
    return 'answered';
  }, FORMAT],
  'names a negative length': [raw('RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n'), FORMAT],
  'names a huge length': [raw('RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4294967296\r\n\r\n'), FORMAT],
  'describes too much': [on('DESCRIBE', () => ({ status: 200, body: `v=0\r\n${'a=x\r\n'.repeat(12_000)}m=audio 0 RTP/AVP 0\r\n` })), FORMAT],
  'describes nothing': [on('DESCRIBE', () => ({ status: 200, body: '' })), FORMAT],
  'describes nothing that can be carried': [on('DESCRIBE', () => ({ status: 200, body: 'v=0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n' })), FORMAT],
  'knows no such stream': [on('DESCRIBE', () => ({ status: 404 })), NOT_FOUND],
  'refuses': [on('DESCRIBE', () => ({ status: 403 })), CONNECT],
  'takes no transport': [on('SETUP', () => ({ status: 461 })), CONNECT],
  'answers with a transport that was not asked for': [on('SETUP', () => ({ status: 200, headers: [['Transport', 'RTP/AVP;multicast;port=5000-5001']] })), CONNECT],
  'does not play': [on('PLAY', () => ({ status: 455 })), CONNECT],
  'answers other numbers': [(_request, { socket }) => {
    for (let cseq = 100; cseq < 200; cseq++) socket.write(`RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n\r\n`);
    return 'answered';
  }, FORMAT],
  'floods the connection with frames before any setup': [on('DESCRIBE', (_request, { socket }) => {
    for (let frame = 0; frame < 2000; frame++) socket.write(Buffer.from([0x24, frame & 0xff, 0, 100, ...new Uint8Array(100)]));
    return { status: 404 };
  }), NOT_FOUND],
  'asks questions without end': [(_request, { socket }) => {
    for (let cseq = 0; cseq < 500; cseq++) socket.write(`OPTIONS * RTSP/1.0\r\nCSeq: ${cseq}\r\n\r\n`);
    return 'answered';
  }, CONNECT],
  'redirects in a circle': [(request, { socket }) => (request.method === 'OPTIONS' ? { status: 302, headers: [['Location', `rtsp://127.0.0.1:${socket.localPort}/again`]] } : undefined), CONNECT],
  'redirects to nowhere': [on('DESCRIBE', () => ({ status: 301, headers: [['Location', 'http://127.0.0.1/']] })), FORMAT],
  'redirects to a private network': [on('DESCRIBE', () => ({ status: 302, headers: [['Location', 'rtsp://10.1.2.3/']] })), 'ACCESS_E_REFUSED'],
  'hangs up at once': [(_request, { socket }) => {
    socket.destroy();
    return 'answered';
  }, 'RtspAgent shutdown'],
};

for (const [what, [answer, reason]] of Object.entries(SERVERS)) {
  test.serial(`a server that ${what} costs its readers the stream and nothing else`, async (t) => {
    const camera = await FakeRtspServer.start(answer);
    try {
      const error = await t.throwsAsync(server.call('rtsp.startup', { uri: camera.url('/x', 'user:secret@') }), { instanceOf: WcsError });
      t.is(error.code === 'ACCESS_E_REFUSED' ? error.code : error.message, reason);
      t.true(await nothingIsLeft());
      t.false(JSON.stringify([error.message, error.details, server.kernel.logLines]).includes('secret'));
    } finally {
      camera.close();
    }
  });
}

test.serial('a wrong password is tried once with each challenge, and not again for a while', async (t) => {
  const camera = await FakeRtspServer.start(() => ({ status: 401, headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n"']] }));
  const uri = camera.url('/x', 'user:wrong@');
  try {
    await t.throwsAsync(server.call('rtsp.startup', { uri }), { message: CONNECT });
    t.deepEqual(camera.methods, ['OPTIONS', 'OPTIONS']);
    await t.throwsAsync(server.call('rtsp.startup', { uri }), { message: CONNECT });
    t.is(camera.clients.length, 1);
    // Without a password there is nothing to try.
    await t.throwsAsync(server.call('rtsp.startup', { uri: camera.url('/y') }), { message: CONNECT });
    t.is(camera.methods.length, 3);
  } finally {
    camera.close();
  }
});

test.serial('a server that finds every nonce stale is left after two', async (t) => {
  let nonce = 0;
  const camera = await FakeRtspServer.start(() => ({ status: 401, headers: [['WWW-Authenticate', `Digest realm="r", nonce="${nonce++}", stale=true`]] }));
  try {
    await t.throwsAsync(server.call('rtsp.startup', { uri: camera.url('/x', 'u:p@') }), { message: CONNECT });
    t.is(camera.methods.length, 3);
  } finally {
    camera.close();
  }
});

test.serial('credentials go along with a redirect to the same server, and to no other one', async (t) => {
  const authorised = (request: { headers: readonly (readonly [string, string])[] }): boolean => request.headers.some(([name]) => name === 'Authorization');
  const other = await FakeRtspServer.start(() => ({ status: 401, headers: [['WWW-Authenticate', 'Basic realm="r"']] }));
  const camera = await FakeRtspServer.start((request, { socket }) => {
    if (!authorised(request)) return { status: 401, headers: [['WWW-Authenticate', 'Basic realm="r"']] };
    if (request.uri.endsWith('/elsewhere')) return { status: 302, headers: [['Location', other.url()]] };
    return request.uri.endsWith('/here') ? { status: 302, headers: [['Location', `rtsp://127.0.0.1:${socket.localPort}/there`]] } : undefined;
  });
  try {
    await t.throwsAsync(server.call('rtsp.startup', { uri: camera.url('/elsewhere', 'u:p@') }), { message: CONNECT });
    t.true(other.clients.length === 1 && other.clients.every(({ requests }) => !requests.some(authorised)));
    await server.call('rtsp.startup', { uri: camera.url('/here', 'u:p@') });
    await server.call('rtsp.terminate', { uri: camera.url('/here', 'u:p@') });
    t.true(await nothingIsLeft());
  } finally {
    camera.close();
    other.close();
  }
});

test.serial('an address without sense is told so', async (t) => {
  await t.throwsAsync(server.call('rtsp.startup', { uri: 'rtsp://u:secret@127.0.0.1:99999/' }), { message: FORMAT });
  await t.throwsAsync(server.call('rtsp.startup', { uri: 'http://127.0.0.1/' }), { code: 'OPERATION_E_INPUT' });
  t.true(await nothingIsLeft());
});
