import { Agent, get, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent as TlsAgent, get as httpsGet } from 'node:https';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { HttpExchange } from '../../../core/net/http-exchange.ts';
import type { HttpHandler, HttpLease, HttpListenOptions } from '../../../core/net/http-listener.ts';
import type { Listeners } from '../../../core/net/listeners.ts';
import { noFault, openListeners } from '../../support/net.ts';
import { until } from '../../support/until.ts';

async function serve(t: ExecutionContext, listeners: Listeners, handler: HttpHandler, options: Partial<HttpListenOptions> = {}, onFault = noFault(t)): Promise<HttpLease> {
  const lease = await listeners.http({ host: '127.0.0.1', port: 0, name: 'web', tls: false, http2: false, ...options }, handler, onFault);
  lease.commit();
  return lease;
}

function answerOf(message: IncomingMessage): Promise<{ status: number; text: string; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    let text = '';
    message.on('data', (chunk) => (text += String(chunk)));
    message.on('end', () => resolve({ status: message.statusCode ?? 0, text, connection: message.headers.connection }));
    message.on('error', reject);
  });
}

function fetchAnswer(port: number, path = '/', agent?: Agent): Promise<Awaited<ReturnType<typeof answerOf>>> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, ...(agent && { agent }) }, (message) => void answerOf(message).then(resolve, reject)).on('error', reject);
  });
}

/** What the server says to raw bytes, until it closes. */
function rawAnswer(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    connect(port, '127.0.0.1', function (this: Socket) {
      this.write(bytes);
    })
      .on('data', (chunk) => (text += String(chunk)))
      .on('error', () => undefined)
      .on('close', () => resolve(text));
  });
}

function http2Get(session: ClientHttp2Session, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const stream = session.request({ ':path': path });
    stream.on('data', (chunk) => (text += String(chunk)));
    stream.on('end', () => resolve(text));
    stream.on('error', reject);
  });
}

test('what is no HTTP gets 400, a head too long 431, a slow one 408', async (t) => {
  const listeners = await openListeners(t);
  const handler: HttpHandler = { onRequest: (exchange) => exchange.response.end() };
  const { address: { port } } = await serve(t, listeners, handler, { maxHeaderBytes: 1024 });
  const impatient = await serve(t, listeners, handler, { headersTimeoutMs: 300 });
  t.regex(await rawAnswer(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.regex(await rawAnswer(port, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(2000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  t.regex(await rawAnswer(impatient.address.port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow'), /^HTTP\/1\.1 408 /);
});

test('noise in the middle of an answer closes the connection without a second answer', async (t) => {
  const listeners = await openListeners(t);
  const lease = await serve(t, listeners, { onRequest: (exchange) => void exchange.response.write('first half') });
  t.notRegex(await rawAnswer(lease.address.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n\x00\x01\r\n\r\n'), /400/);
});

test('the signal aborts when the client goes away, and only then', async (t) => {
  const listeners = await openListeners(t, { tls: true });
  const exchanges: HttpExchange[] = [];
  const handler: HttpHandler = { onRequest: (exchange) => void exchanges.push(exchange) };
  const plain = await serve(t, listeners, handler);
  const secure = await serve(t, listeners, handler, { tls: true, http2: true });
  const leaving = get({ host: '127.0.0.1', port: plain.address.port }).on('error', () => undefined);
  await until(() => exchanges.length === 1, 'the first request');
  const first = exchanges[0]!.signal;
  leaving.destroy();
  await until(() => first.aborted, 'the abort');
  t.false(exchanges[0]!.redispatch());

  const session = connectHttp2(`https://127.0.0.1:${secure.address.port}`, { rejectUnauthorized: false });
  const stream = session.request({ ':path': '/' }).on('error', () => undefined);
  await until(() => exchanges.length === 2, 'the second request');
  const second = exchanges[1]!.signal;
  stream.close(8);
  await until(() => second.aborted, 'the abort of the stream');

  const staying = http2Get(session, '/');
  await until(() => exchanges.length === 3, 'the third request');
  const third = exchanges[2]!.signal;
  exchanges[2]!.response.end('done');
  t.is(await staying, 'done');
  await until(() => exchanges[2]!.over, 'the end of the exchange');
  t.false(third.aborted);
  session.close();

  const complete = fetchAnswer(plain.address.port);
  await until(() => exchanges.length === 4, 'the fourth request');
  exchanges[3]!.response.end('done');
  await complete;
  await until(() => exchanges[3]!.over, 'the end of the exchange');
  t.false(exchanges[3]!.signal.aborted);
});

test('one port serves HTTP/2 and HTTP/1.1; the next request of an open session goes to the new lease', async (t) => {
  const listeners = await openListeners(t, { tls: true });
  const handlerOf = (name: string): HttpHandler => ({ onRequest: (exchange) => exchange.response.end(`${name} ${exchange.request.httpVersion}`) });
  const old = await serve(t, listeners, handlerOf('old'), { tls: true, http2: true });
  const { port } = old.address;
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const agent = new TlsAgent({ keepAlive: true, rejectUnauthorized: false });
  const overHttp1 = (): Promise<string> => new Promise((resolve, reject) => {
    httpsGet({ host: '127.0.0.1', port, agent }, (message) => void answerOf(message).then(({ text }) => resolve(text), reject)).on('error', reject);
  });
  t.is(await http2Get(session, '/'), 'old 2.0');
  t.is(await overHttp1(), 'old 1.1');
  await serve(t, listeners, handlerOf('new'), { port, tls: true, http2: true });
  old.release();
  t.is(await http2Get(session, '/'), 'new 2.0');
  t.is(await overHttp1(), 'new 1.1');
  t.is(listeners.list()[0]?.connections, 2);
  session.close();
  agent.destroy();
});

test('a handler that throws is reported and answered 500', async (t) => {
  const listeners = await openListeners(t);
  const faults: unknown[] = [];
  const lease = await serve(t, listeners, {
    onRequest: () => {
      throw new Error('broken handler');
    },
  }, {}, (error) => void faults.push(error));
  t.is((await fetchAnswer(lease.address.port)).status, 500);
  t.is((faults[0] as Error).message, 'broken handler');
});

test('a request whose body was read or whose answer began is not handed on', async (t) => {
  const listeners = await openListeners(t);
  const results: boolean[] = [];
  const lease = await serve(t, listeners, {
    onRequest: (exchange) => {
      if (exchange.request.method === 'GET') {
        exchange.response.write('x');
        results.push(exchange.redispatch());
        exchange.response.end();
      } else {
        exchange.request.on('data', () => undefined).on('end', () => {
          results.push(exchange.redispatch());
          exchange.response.end();
        });
      }
    },
  });
  await fetchAnswer(lease.address.port);
  await new Promise<void>((resolve) => {
    httpRequest({ host: '127.0.0.1', port: lease.address.port, method: 'POST' }, (message) => void answerOf(message).then(() => resolve())).end('body');
  });
  t.deepEqual(results, [false, false]);
});

test('a held request that nobody takes waits for the next lease; one of an ended lease gets 503', async (t) => {
  const listeners = await openListeners(t);
  const held: HttpExchange[] = [];
  const old = await serve(t, listeners, { onRequest: (exchange) => void held.push(exchange) });
  const { port } = old.address;
  const [handedOn, abandoned] = [fetchAnswer(port, '/1', new Agent()), fetchAnswer(port, '/2', new Agent())];
  await until(() => held.length === 2, 'two held requests');
  held.sort((a, b) => (a.request.url ?? '').localeCompare(b.request.url ?? ''));
  old.release();
  t.true(held[0]!.redispatch());
  t.is(listeners.list()[0]?.waiting, 1);
  old.endAccepted();
  t.is((await abandoned).status, 503);
  await serve(t, listeners, { onRequest: (exchange) => exchange.response.end('next') }, { port });
  t.is((await handedOn).text, 'next');
});

test('an upgrade goes to the handler that wants it, may be adopted, and is else served as a plain request', async (t) => {
  const listeners = await openListeners(t);
  const upgraded: { socket: Parameters<HttpLease['adopt']>[0] }[] = [];
  const handler: HttpHandler = {
    onRequest: (exchange) => exchange.response.end('plain'),
    onUpgrade: (_request, socket, head) => {
      upgraded.push({ socket });
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\nhead=${String(head)};`);
      socket.on('data', (chunk) => socket.write(chunk));
    },
  };
  const old = await serve(t, listeners, handler);
  const { port } = old.address;
  const upgradeOf = (protocol: string): string => `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
  let text = '';
  const client = connect(port, '127.0.0.1', () => client.write(`${upgradeOf('echo')}early`)).on('data', (chunk) => (text += String(chunk)));
  await until(() => text.includes('head=early;'), 'the upgrade');
  t.regex(await rawAnswer(port, upgradeOf('h2c')), /^HTTP\/1\.1 200 OK[^]*plain/);

  const next = await serve(t, listeners, { onRequest: (exchange) => handler.onRequest(exchange) }, { port });
  t.true(next.adopt(upgraded[0]!.socket));
  old.release();
  old.endAccepted();
  client.write('late');
  await until(() => text.endsWith('late'), 'the echo after the swap');
  t.regex(await rawAnswer(port, upgradeOf('echo')), /^HTTP\/1\.1 200 OK[^]*plain/);
  const closed = new Promise((resolve) => client.once('close', resolve));
  next.endAccepted();
  await closed;
  t.false(next.adopt(upgraded[0]!.socket));
});

test('a closing listener drops idle connections at once and lets an answer in flight finish with Connection: close', async (t) => {
  const listeners = await openListeners(t);
  const held: HttpExchange[] = [];
  const lease = await serve(t, listeners, { onRequest: (exchange) => (exchange.request.url === '/held' ? void held.push(exchange) : exchange.response.end('now')) });
  const agent = new Agent({ keepAlive: true });
  await fetchAnswer(lease.address.port, '/', agent);
  const idle = Object.values(agent.freeSockets)[0]![0]!;
  const idleClosed = new Promise((resolve) => idle.once('close', resolve));
  const answer = fetchAnswer(lease.address.port, '/held', new Agent({ keepAlive: true }));
  await until(() => held.length === 1, 'the held request');
  const closed = listeners.closeAll();
  await idleClosed;
  held[0]!.response.end('finished');
  t.like(await answer, { status: 200, text: 'finished', connection: 'close' });
  await closed;
});

test('settings that a running server cannot change are refused while it is in use, and taken when it lingers', async (t) => {
  const listeners = await openListeners(t, { tls: true, lingerMs: 60_000 });
  const handler: HttpHandler = { onRequest: (exchange) => exchange.response.end() };
  const old = await serve(t, listeners, handler, { tls: true, http2: true });
  const { port } = old.address;
  await t.throwsAsync(serve(t, listeners, handler, { port, tls: true, http2: false }), { code: 'NET_E_LISTEN', message: /bound with http2: true .* disable plugin web and enable it again/ });
  old.release();
  const next = await serve(t, listeners, handler, { port, tls: true, http2: false });
  t.is(next.key, old.key);
  t.is(listeners.list().length, 1);
});
