import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import type { WebSocketClose, WebSocketConnection, WebSocketHandler } from '../../../core/net/websocket-connection.ts';
import type { WebSocketListenOptions } from '../../../core/net/websocket-acceptor.ts';
import type { Lease } from '../../../core/net/lease.ts';
import { noFault, openListeners } from '../../support/net.ts';
import { until } from '../../support/until.ts';
import { clientFrame, RawWebSocket } from '../../support/websocket-raw.ts';

/** A handler that keeps what it gets. */
class Kept implements WebSocketHandler {
  readonly messages: string[] = [];
  drains = 0;
  close: WebSocketClose | undefined;
  constructor(readonly name = '') {}
  onText(text: string): void {
    this.messages.push(`${this.name}${text}`);
  }
  onBinary(data: Uint8Array): void {
    this.messages.push(`${this.name}<${data.length}>`);
  }
  onDrain(): void {
    this.drains++;
  }
  onClose(close: WebSocketClose): void {
    this.close = close;
  }
}

async function listen(t: ExecutionContext, options: Partial<WebSocketListenOptions> = {}, onConnection?: (connection: WebSocketConnection) => void): Promise<{ lease: Lease; connections: WebSocketConnection[]; handlers: Kept[]; url: string }> {
  const listeners = await openListeners(t, { tls: options.tls === true });
  const connections: WebSocketConnection[] = [];
  const handlers: Kept[] = [];
  const lease = await listeners.websocket(
    { host: '127.0.0.1', port: 0, name: 'test', tls: false, ...options },
    onConnection ?? ((connection) => {
      const handler = new Kept();
      connections.push(connection);
      handlers.push(handler);
      connection.setHandler(handler);
    }),
    noFault(t),
  );
  lease.commit();
  return { lease, connections, handlers, url: `${options.tls === true ? 'wss' : 'ws'}://127.0.0.1:${lease.address.port}/` };
}

function open(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const client = new WebSocket(url, { rejectUnauthorized: false });
    client.once('open', () => resolve(client));
    client.once('error', reject);
  });
}

for (const tls of [false, true]) {
  test(`text and binary messages go both ways${tls ? ' over TLS' : ''}, and the facts of the handshake are there`, async (t) => {
    const { url, connections, handlers } = await listen(t, { tls });
    const client = await open(`${url}path?q=1`);
    const got: string[] = [];
    client.on('message', (data: Buffer, isBinary) => void got.push(isBinary ? `<${data.length}>` : data.toString()));
    const connection = await until(() => connections[0]);
    client.send('hello');
    client.send(Buffer.alloc(7));
    await until(() => handlers[0]?.messages.length === 2);
    t.deepEqual(handlers[0]?.messages, ['hello', '<7>']);
    connection.sendText('answer');
    connection.writeFramed(Buffer.concat([Buffer.from([0x82, 3, 1, 2, 3]), Buffer.from([0x81, 2]), Buffer.from('ok')]));
    connection.sendBinary(Buffer.alloc(300));
    await until(() => got.length === 4);
    t.deepEqual(got, ['answer', '<3>', 'ok', '<300>']);
    t.like(connection, { url: '/path?q=1', encrypted: tls, remoteAddress: '127.0.0.1', destroyed: false });
    t.is(connection.headers.upgrade, 'websocket');
    t.true(connection.bytesRead > 0 && connection.bytesWritten > 300);
    connection.close(4001, `${'x'.repeat(122)}é`);
    const [code, reason] = await new Promise<[number, string]>((resolve) => client.once('close', (status, text) => resolve([status, text.toString()])));
    t.deepEqual([code, reason], [4001, 'x'.repeat(122)]);
    await until(() => handlers[0]?.close);
    t.false(connection.sendText('late') || connection.writeFramed(Buffer.from([0x81, 0])));
  });
}

test('an exchange of the handler in the middle of a chunk of messages loses and doubles none', async (t) => {
  const order: string[] = [];
  const { url } = await listen(t, {}, (connection) => {
    const handlerOf = (name: string): WebSocketHandler => ({
      onText: (text) => {
        order.push(`${name}${text}`);
        if (text.endsWith('2')) {
          connection.setHandler(undefined);
          setTimeout(() => connection.setHandler(handlerOf('b')), 20);
        }
        if (text.endsWith('4')) {
          connection.pause();
          setTimeout(() => connection.resume(), 20);
        }
      },
      onBinary: () => undefined,
      onClose: () => void order.push(`${name} closed`),
    });
    connection.setHandler(handlerOf('a'));
  });
  const raw = new RawWebSocket(Number(new URL(url).port));
  await raw.open();
  raw.socket.write(Buffer.concat([1, 2, 3, 4, 5, 6].map((number) => clientFrame(1, Buffer.from(String(number))))));
  await until(() => order.length === 6);
  raw.socket.destroy();
  await until(() => order.length === 7);
  t.deepEqual(order, ['a1', 'a2', 'b3', 'b4', 'b5', 'b6', 'b closed']);
});

test('a handler that is set after the end is told of it', async (t) => {
  const { url, connections } = await listen(t);
  const client = await open(url);
  const connection = await until(() => connections[0]);
  connection.setHandler(undefined);
  connection.close(1000);
  await new Promise((resolve) => client.once('close', resolve));
  await until(() => connection.destroyed);
  const late = new Kept();
  connection.setHandler(late);
  t.is((await until(() => late.close)).code, 1000);
});

test('requests that are no handshake are answered and closed', async (t) => {
  const { url } = await listen(t);
  const base = url.replace('ws:', 'http:');
  const plain = await fetch(base);
  t.is(plain.status, 426);
  t.is(plain.headers.get('upgrade'), 'websocket');
  const raw = new RawWebSocket(Number(new URL(url).port));
  raw.socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n');
  await until(() => raw.closed);
  t.regex(raw.received.toString(), /^HTTP\/1\.1 400 /);
});

const faults: readonly (readonly [string, Buffer, number])[] = [
  ['a reserved bit', clientFrame(1, Buffer.from('x'), { rsv: 0x40 }), 1002],
  ['an unknown opcode', clientFrame(3, Buffer.from('x')), 1002],
  ['an unmasked frame', Buffer.from([0x81, 1, 0x78]), 1002],
  ['a continuation of nothing', clientFrame(0, Buffer.from('x')), 1002],
  ['a fragmented ping', clientFrame(9, Buffer.from('x'), { fin: false }), 1002],
  ['text that is no UTF-8', clientFrame(1, Buffer.from([0xc3, 0x28])), 1007],
  ['a close code that does not exist', clientFrame(8, Buffer.from([0x03, 0xed])), 1002],
  ['a message over the limit', clientFrame(1, Buffer.alloc(2001, 0x61)), 1009],
  ['a fragmented message over the limit', Buffer.concat([clientFrame(1, Buffer.alloc(1500, 0x61), { fin: false }), clientFrame(0, Buffer.alloc(1500, 0x61))]), 1009],
  ['too many fragments', Buffer.concat([clientFrame(1, Buffer.from('a'), { fin: false }), ...Array.from({ length: 12 }, () => clientFrame(0, Buffer.alloc(0), { fin: false }))]), 1008],
];
for (const [what, bytes, code] of faults) {
  test(`${what} closes with ${code}`, async (t) => {
    const { url, handlers } = await listen(t, { maxPayloadBytes: 2000, maxFragments: 10 });
    const raw = new RawWebSocket(Number(new URL(url).port));
    await raw.open();
    raw.socket.write(bytes);
    await until(() => raw.closed, 'the end');
    t.is(raw.closeCode, code);
    const close = await until(() => handlers[0]?.close);
    t.true(close.error instanceof Error);
    t.deepEqual(handlers[0]?.messages, []);
  });
}

test('pings are answered, but not to a peer that reads nothing', async (t) => {
  const { url, connections } = await listen(t);
  const raw = new RawWebSocket(Number(new URL(url).port));
  await raw.open();
  raw.socket.write(clientFrame(9, Buffer.from('you there')));
  await until(() => raw.frames.includes('you there'));
  raw.socket.pause();
  const connection = await until(() => connections[0]);
  const flood = Buffer.concat(Array.from({ length: 10_000 }, () => clientFrame(9, Buffer.alloc(125))));
  for (let round = 0; round < 10; round++) {
    const before = connection.bytesRead;
    raw.socket.write(flood);
    await until(() => connection.bytesRead >= before + flood.length, 'the flood to be read');
  }
  t.true(connection.backlogBytes < 256 * 1024, `${connection.backlogBytes} bytes wait`);
  raw.socket.destroy();
});

test('a peer that does not read what it is sent is cut off at the limit', async (t) => {
  const { url, connections, handlers } = await listen(t, { maxBacklogBytes: 100_000 });
  const raw = new RawWebSocket(Number(new URL(url).port));
  await raw.open();
  raw.socket.pause();
  const connection = await until(() => connections[0]);
  const text = 'x'.repeat(50_000);
  for (let sent = 0; sent < 1000 && connection.sendText(text); sent++);
  const close = await until(() => handlers[0]?.close);
  t.is(close.code, 1006);
  t.regex(close.error?.message ?? '', /does not read/);
});

test('a peer that does not answer our close frame is cut off', async (t) => {
  const { url, connections, handlers } = await listen(t);
  const raw = new RawWebSocket(Number(new URL(url).port));
  await raw.open();
  const connection = await until(() => connections[0]);
  connection.close(1001, 'going');
  raw.socket.write(clientFrame(1, Buffer.from('unheard')));
  await until(() => raw.closed, 'the end');
  t.is(raw.closeCode, 1001);
  await until(() => handlers[0]?.close);
  t.deepEqual(handlers[0]?.messages, []);
});

test('what its handler throws ends that connection alone and is reported', async (t) => {
  const listeners = await openListeners(t);
  const faults: unknown[] = [];
  const lease = await listeners.websocket(
    { host: '127.0.0.1', port: 0, name: 'test', tls: false },
    (connection) => connection.setHandler({ onText: () => { throw new Error('ours'); }, onBinary: () => undefined, onClose: () => undefined }),
    (error) => void faults.push(error),
  );
  lease.commit();
  const client = await open(`ws://127.0.0.1:${lease.address.port}/`);
  client.on('error', () => undefined);
  client.send('x');
  await new Promise((resolve) => client.once('close', resolve));
  t.like(faults, { length: 1 });
});

test('a released lease ends only the connections that nobody took over', async (t) => {
  const { lease, url, connections } = await listen(t);
  const [kept, ended] = [await open(url), await open(url)];
  await until(() => connections.length === 2);
  const next = new Kept('next ');
  connections[0]!.setHandler(next, { run: (fn) => fn(), onFault: noFault(t) });
  lease.release();
  lease.endAccepted();
  await new Promise((resolve) => ended.once('close', resolve));
  kept.send('still here');
  await until(() => next.messages.length === 1);
  t.deepEqual(next.messages, ['next still here']);
  kept.close();
});
