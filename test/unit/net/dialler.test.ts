import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import selfsigned from 'selfsigned';
import { Dialler } from '../../../core/net/dialler.ts';
import { runDirectly, type Owner } from '../../../core/net/owner.ts';
import { DEFAULT_PORT_RANGES, PortRanges } from '../../../core/net/port-ranges.ts';
import { until } from '../../support/until.ts';

const owner: Owner = { run: runDirectly, onFault: () => undefined };

/** A server on loopback and the sockets that it took. */
async function listening(t: ExecutionContext, server: Server = createServer({ allowHalfOpen: true })): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function dialler(t: ExecutionContext, cameras = { from: 32_700, to: 32_799 }): { dialler: Dialler; ports: PortRanges } {
  const ports = new PortRanges({ ...DEFAULT_PORT_RANGES, cameras });
  const made = new Dialler(ports);
  t.teardown(() => made.closeAll());
  return { dialler: made, ports };
}

const LOOPBACK = { address: '127.0.0.1', range: 'cameras' } as const;

test('a connection comes from a port of the range, which rests after its end', async (t) => {
  const { port, sockets } = await listening(t);
  const kit = dialler(t);
  const connection = await kit.dialler.connect({ ...LOOPBACK, port }, owner);
  t.true(connection.localPort >= 32_700 && connection.localPort <= 32_799);
  t.is(kit.dialler.connections, 1);
  const received: string[] = [];
  connection.setHandler({ onData: (chunk) => received.push(chunk.toString()), onClose: () => received.push('closed') });
  (await until(() => sockets[0], 'the connection')).end('hello');
  await until(() => received.includes('closed'), 'the end');
  t.deepEqual(received, ['hello', 'closed']);
  t.is(kit.dialler.connections, 0);
  t.like(kit.ports.counts('cameras'), { busy: 0, quarantined: 1 });
});

test('a local port that another program has is passed over', async (t) => {
  const { port } = await listening(t);
  const kit = dialler(t, { from: 32_810, to: 32_813 });
  const taken = createServer();
  await new Promise<void>((resolve) => void taken.listen(32_810, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const connections = await Promise.all([1, 2, 3].map(() => kit.dialler.connect({ ...LOOPBACK, port }, owner)));
  t.false(connections.some(({ localPort }) => localPort === 32_810));
});

test('what cannot be reached is named, and leaves no port in use', async (t) => {
  const { port } = await listening(t);
  const kit = dialler(t);
  const refused = createServer();
  await new Promise<void>((resolve) => void refused.listen(0, '127.0.0.1', resolve));
  const closedPort = (refused.address() as AddressInfo).port;
  await new Promise((resolve) => refused.close(resolve));
  await t.throwsAsync(kit.dialler.connect({ ...LOOPBACK, port: closedPort }, owner), { code: 'NET_E_CONNECT', message: /127\.0\.0\.1:\d+: .*ECONNREFUSED/ });
  // The server takes the connection but never answers the TLS handshake.
  await t.throwsAsync(kit.dialler.connect({ ...LOOPBACK, port, tls: { host: 'localhost' }, timeoutMs: 100 }, owner), { code: 'NET_E_CONNECT', message: /no answer within 100 ms/ });
  const abort = new AbortController();
  const aborted = kit.dialler.connect({ ...LOOPBACK, port, tls: { host: 'localhost' }, signal: abort.signal }, owner);
  abort.abort(new Error('not wanted any more'));
  await t.throwsAsync(aborted, { message: 'not wanted any more' });
  t.is(kit.dialler.connections, 0);
  t.is(kit.ports.counts('cameras').busy, 0);
});

test('TLS checks the certificate unless told not to', async (t) => {
  const { cert, private: key } = await selfsigned.generate([{ name: 'commonName', value: 'localhost' }]);
  const { port } = await listening(t, createTlsServer({ cert, key }));
  const kit = dialler(t);
  await t.throwsAsync(kit.dialler.connect({ ...LOOPBACK, port, tls: { host: 'localhost' } }, owner), { code: 'NET_E_CONNECT', message: /certificate/i });
  const connection = await kit.dialler.connect({ ...LOOPBACK, port, tls: { host: 'localhost', verify: false } }, owner);
  t.true(connection.encrypted);
});

test('the connections of one owner end together, and a server that stops opens none', async (t) => {
  const { port } = await listening(t);
  const kit = dialler(t);
  const other: Owner = { ...owner };
  await kit.dialler.connect({ ...LOOPBACK, port }, owner);
  const kept = await kit.dialler.connect({ ...LOOPBACK, port }, other);
  kit.dialler.endOwned(owner);
  await until(() => kit.dialler.connections === 1, 'the first connection to end');
  t.false(kept.destroyed);
  kit.dialler.closeAll();
  await t.throwsAsync(kit.dialler.connect({ ...LOOPBACK, port }, owner), { code: 'SCOPE_E_CLOSED' });
});
