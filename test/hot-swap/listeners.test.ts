import { AsyncLocalStorage } from 'node:async_hooks';
import { createSocket } from 'node:dgram';
import { Agent, get } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import type { HttpExchange } from '../../core/net/http-exchange.ts';
import type { Lease } from '../../core/net/lease.ts';
import type { Listeners } from '../../core/net/listeners.ts';
import type { UdpSocket } from '../../core/net/udp-listener.ts';
import { noFault, openListeners } from '../support/net.ts';
import { until } from '../support/until.ts';

const SWAPS = 50;

/** Acquire, commit, release the old one: as the plugin host does. Yields to I/O between swaps. */
async function swapMany(first: Lease, acquire: (generation: number) => Promise<Lease>): Promise<Lease> {
  let current = first;
  for (let generation = 1; generation <= SWAPS; generation++) {
    const next = await acquire(generation);
    next.commit();
    current.uncommit();
    current.release();
    current = next;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return current;
}

function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('hello'));
    socket.once('data', (chunk) => {
      resolve(String(chunk));
      socket.end();
    });
    socket.once('error', reject);
  });
}

test.serial('50 swaps under short TCP connections refuse none and end no long one', async (t) => {
  const listeners = await openListeners(t);
  const acquire = (port: number, generation: number): Promise<Lease> =>
    listeners.tcp({ host: '127.0.0.1', port, name: 'a', generation: `a@${generation}` }, (connection) => {
      connection.setHandler({ onData: () => void connection.write(Buffer.from(String(generation))), onClose: () => undefined });
    }, noFault(t));
  const first = await acquire(0, 0);
  first.commit();
  const { port } = first.address;
  const long: Socket[] = [];
  let longAnswers = '';
  for (let index = 0; index < 20; index++) long.push(connect(port, '127.0.0.1').on('data', (chunk) => (longAnswers += String(chunk))));
  await until(() => listeners.list()[0]?.connections === 20, '20 long connections');
  let running = true;
  const generations = new Set<string>();
  let asked = 0;
  const probe = async (): Promise<void> => {
    while (running) {
      generations.add(await ask(port));
      asked++;
    }
  };
  const probes = [probe(), probe(), probe()];
  const last = await swapMany(first, (generation) => acquire(port, generation));
  running = false;
  await t.notThrowsAsync(Promise.all(probes));
  t.true(asked >= SWAPS && generations.size > 10, `${asked} connections met ${generations.size} generations`);
  t.is(listeners.list()[0]?.generation, `a@${SWAPS}`);
  for (const socket of long) socket.write('x');
  await until(() => longAnswers.length === 20, 'the long connections to answer');
  t.is(longAnswers, '0'.repeat(20), 'they stayed with the generation that accepted them');
  for (const socket of long) socket.destroy();
  last.release();
});

test.serial('50 swaps under UDP lose no datagram, and a pinned flow stays with its generation', async (t) => {
  const listeners = await openListeners(t);
  const received: { generation: number; sequence: number; from: number }[] = [];
  let pinned = 0;
  const acquire = (port: number, generation: number): ReturnType<Listeners['udp']> =>
    listeners.udp({ host: '127.0.0.1', port, name: 'a', recvBufferBytes: 1 << 20 }, (data, from, socket) => {
      received.push({ generation, sequence: data.readUInt32BE(0), from: from.port });
      if (pinned === 0) pinned = socket.pin(from.address, from.port) ? from.port : -1;
      socket.send(data, from.port, from.address);
    }, noFault(t));
  const first = await acquire(0, 0);
  first.commit();
  const { port } = first.address;
  const clients = [createSocket('udp4'), createSocket('udp4')];
  let echoes = 0;
  for (const client of clients) client.on('message', () => echoes++);
  let sent = 0;
  const send = (): void => {
    const data = Buffer.alloc(1200);
    data.writeUInt32BE(sent, 0);
    clients[sent++ % 2]?.send(data, port, '127.0.0.1');
  };
  send();
  await until(() => pinned > 0, 'the first flow to be pinned');
  let current = await acquire(port, 1);
  current.commit();
  const last = await swapMany(current, async (generation) => {
    for (let index = 0; index < 20; index++) send();
    current = await acquire(port, generation + 1);
    return current;
  });
  await until(() => echoes === sent, 'every echo');
  t.is(received.length, sent);
  t.deepEqual(received.map((datagram) => datagram.sequence).sort((a, b) => a - b), Array.from({ length: sent }, (_, index) => index));
  t.true(received.filter((datagram) => datagram.from === pinned).every((datagram) => datagram.generation === 0));
  t.true(new Set(received.map((datagram) => datagram.generation)).size > SWAPS / 2);
  first.release();
  const before = received.length;
  clients[0]?.send(Buffer.alloc(4), port, '127.0.0.1');
  await until(() => received.length > before, 'one more datagram');
  t.is(received.at(-1)?.generation, SWAPS + 1, 'a released lease has no flows any more');
  for (const client of clients) client.close();
  last.release();
});

function fetchText(port: number, agent: Agent, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent, path }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    }).on('error', reject);
  });
}

test.serial('50 swaps under HTTP keep-alive lose no request and no connection; a held request is handed on', async (t) => {
  const listeners = await openListeners(t);
  const held: HttpExchange[] = [];
  const acquire = (port: number, generation: number): Promise<Lease> =>
    listeners.http({ host: '127.0.0.1', port, name: 'a', tls: false, http2: false }, {
      onRequest: (exchange) => {
        if (exchange.request.url === '/held' && generation <= SWAPS) held.push(exchange);
        else exchange.response.end(String(generation));
      },
    }, noFault(t));
  const first = await acquire(0, 0);
  first.commit();
  const { port } = first.address;
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const holding = fetchText(port, new Agent(), '/held');
  await until(() => held.length === 1, 'the held request');
  let running = true;
  const answers: string[] = [];
  const probe = async (): Promise<void> => {
    while (running) answers.push(await fetchText(port, agent));
  };
  const probes = [probe(), probe()];
  const last = await swapMany(first, async (generation) => {
    const lease = await acquire(port, generation);
    return { ...lease, commit: () => { lease.commit(); for (const exchange of held.splice(0)) exchange.redispatch(); } };
  });
  running = false;
  await t.notThrowsAsync(Promise.all(probes));
  t.true(answers.length >= SWAPS && answers.every((answer) => answer.startsWith('200 ')));
  t.true(new Set(answers).size > 10);
  t.true((listeners.list()[0]?.connections ?? 99) <= 3, 'the connections were kept through all swaps');
  const final = await acquire(port, SWAPS + 1);
  final.commit();
  t.is(held.length, 1);
  t.true(held[0]?.redispatch());
  t.is(await holding, `200 ${SWAPS + 1}`);
  t.false(held[0]?.redispatch(), 'an exchange is handed on once');
  agent.destroy();
  last.release();
  final.release();
});

test.serial('until the commit the old lease serves, and a commit can be undone', async (t) => {
  const listeners = await openListeners(t);
  const acquire = (port: number, name: string): Promise<Lease> =>
    listeners.tcp({ host: '127.0.0.1', port, name }, (connection) => {
      connection.setHandler({ onData: () => connection.end(Buffer.from(name)), onClose: () => undefined });
    }, noFault(t));
  const old = await acquire(0, 'old');
  old.commit();
  const { port } = old.address;
  const next = await acquire(port, 'new');
  t.is(await ask(port), 'old');
  next.commit();
  t.is(await ask(port), 'new');
  next.uncommit();
  t.is(await ask(port), 'old');
  next.release();
  t.throws(() => next.commit(), { code: 'SCOPE_E_CLOSED' });
});

test.serial('connections that come while no lease is committed wait for the next one', async (t) => {
  const listeners = await openListeners(t);
  const acquire = (port: number, name: string): Promise<Lease> =>
    listeners.tcp({ host: '127.0.0.1', port, name }, (connection) => {
      connection.setHandler({ onData: () => connection.end(Buffer.from(name)), onClose: () => undefined });
    }, noFault(t));
  const first = await acquire(0, 'first');
  const { port } = first.address;
  const answer = ask(port);
  await until(() => listeners.list()[0]?.waiting === 1, 'a waiting connection');
  first.release();
  const second = await acquire(port, 'second');
  t.is(listeners.list().length, 1, 'the linger kept the port');
  second.commit();
  t.is(await answer, 'second');
});

test.serial('the last release frees the port after the linger, and what was accepted lives on until it is ended', async (t) => {
  const listeners = await openListeners(t, { lingerMs: 10 });
  const lease = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'a' }, (connection) => {
    connection.setHandler({ onData: (chunk) => void connection.write(chunk), onClose: () => undefined });
  }, noFault(t));
  lease.commit();
  const { port } = lease.address;
  const client = connect(port, '127.0.0.1');
  await until(() => listeners.list()[0]?.connections === 1, 'the connection');
  lease.release();
  await until(() => listeners.list().length === 0, 'the end of the linger');
  await t.throwsAsync(ask(port), { code: 'ECONNREFUSED' });
  const echo = new Promise<string>((resolve) => client.once('data', (chunk) => resolve(String(chunk))));
  client.write('draining');
  t.is(await echo, 'draining');
  const rebound = createServer();
  await new Promise<void>((resolve, reject) => void rebound.once('error', reject).listen(port, '127.0.0.1', resolve));
  rebound.close();
  const closed = new Promise((resolve) => client.once('close', resolve));
  lease.endAccepted();
  await closed;
});

test.serial('another lease adopts a connection by its id and keeps it when the first is ended', async (t) => {
  const listeners = await openListeners(t);
  const ids: number[] = [];
  const old = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'old' }, (connection) => {
    ids.push(connection.id);
    connection.setHandler({ onData: () => undefined, onClose: () => undefined });
  }, noFault(t));
  old.commit();
  const client = connect(old.address.port, '127.0.0.1');
  await until(() => ids.length === 1, 'the connection');
  const next = await listeners.tcp({ host: '127.0.0.1', port: old.address.port, name: 'new' }, () => undefined, noFault(t));
  next.commit();
  const connection = next.adopt(ids[0]!, { onData: (chunk) => connection?.write(chunk), onClose: () => undefined });
  t.is(next.adopt(-1, { onData: () => undefined, onClose: () => undefined }), undefined);
  old.release();
  old.endAccepted();
  const echo = new Promise<string>((resolve) => client.once('data', (chunk) => resolve(String(chunk))));
  client.write('adopted');
  t.is(await echo, 'adopted');
  client.destroy();
});

test.serial('a busy port says whether another program or this server has it', async (t) => {
  const listeners = await openListeners(t);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  await t.throwsAsync(listeners.tcp({ host: '127.0.0.1', port, name: 'rtmp' }, () => undefined, noFault(t)), {
    code: 'NET_E_LISTEN',
    message: `Port ${port} is in use by another program; stop it or set plugins.rtmp.port to another port.`,
  });
  other.close();
  const own = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'rtmp' }, () => undefined, noFault(t));
  await t.throwsAsync(listeners.http({ host: '127.0.0.1', port: own.address.port, name: 'http', tls: false, http2: false }, { onRequest: () => undefined }, noFault(t)), {
    code: 'NET_E_LISTEN',
    message: new RegExp(`own listener tcp:127\\.0\\.0\\.1:${own.address.port}; set plugins\\.http\\.port`),
  });
  t.is(listeners.list().length, 1);
});

test.serial('two generations that ask at once share one bind', async (t) => {
  const listeners = await openListeners(t);
  const probe = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'a' }, () => undefined, noFault(t));
  const { port } = probe.address;
  const both = await Promise.all([1, 2].map(() => listeners.tcp({ host: '127.0.0.1', port, name: 'a' }, () => undefined, noFault(t))));
  t.deepEqual(both.map((lease) => lease.key), [probe.key, probe.key]);
  t.is(listeners.list()[0]?.leases, 3);
});

test.serial('connections beyond the limit are refused and counted', async (t) => {
  const listeners = await openListeners(t);
  const lease = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'a', maxConnections: 2 }, () => undefined, noFault(t));
  lease.commit();
  const clients = Array.from({ length: 4 }, () => connect(lease.address.port, '127.0.0.1').on('error', () => undefined));
  await until(() => listeners.list()[0]?.refused === 2, 'two refusals');
  t.is(listeners.list()[0]?.connections, 2);
  for (const client of clients) client.destroy();
});

test.serial(':: takes IPv4 and IPv6, with IPv4 addresses in plain form; 0.0.0.0 takes IPv4 only', async (t) => {
  const listeners = await openListeners(t);
  const peers: string[] = [];
  const open = (host: string): Promise<Lease> => listeners.tcp({ host, port: 0, name: 'a' }, (connection) => {
    peers.push(connection.remoteAddress);
    connection.destroy();
  }, noFault(t));
  const [dual, four] = [await open('::'), await open('0.0.0.0')];
  dual.commit();
  four.commit();
  t.true(dual.key.startsWith('tcp:[::]:'));
  for (const host of ['127.0.0.1', '::1']) connect(dual.address.port, host).on('error', () => undefined);
  await until(() => peers.length === 2, 'both families');
  t.deepEqual(peers.sort(), ['127.0.0.1', '::1']);
  const refusal = await new Promise<NodeJS.ErrnoException>((resolve) => connect(four.address.port, '::1').once('error', resolve));
  t.is(refusal.code, 'ECONNREFUSED');

  let socket: UdpSocket | undefined;
  const udp = await listeners.udp({ host: '::', port: 0, name: 'a' }, (data, from, via) => {
    socket = via;
    t.deepEqual({ address: from.address, family: from.family }, { address: '127.0.0.1', family: 'IPv4' });
    via.send(data, from.port, from.address);
  }, noFault(t));
  udp.commit();
  const client = createSocket('udp4');
  const echoed = new Promise((resolve) => client.once('message', resolve));
  client.send('x', udp.address.port, '127.0.0.1');
  await echoed;
  t.is(socket?.address.port, udp.address.port);
  client.close();
});

test.serial('TLS peers that break off their handshake harm nobody', async (t) => {
  const listeners = await openListeners(t, { tls: true });
  const lease = await listeners.tls({ host: '127.0.0.1', port: 0, name: 'a' }, (connection) => {
    t.true(connection.encrypted);
    connection.setHandler({ onData: (chunk) => void connection.write(chunk), onClose: () => undefined });
  }, noFault(t));
  lease.commit();
  const { port } = lease.address;
  // A client hello that announces more than it brings, noise, nothing at all; each then resets.
  for (const bytes of [Buffer.from('160301020001000100', 'hex'), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(0)]) {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy())));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const client = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => client.write('fine'));
  t.is(await new Promise<string>((resolve) => client.once('data', (chunk) => resolve(String(chunk)))), 'fine');
  client.destroy();
  await until(() => listeners.list()[0]?.connections === 0, 'all connections to end');
});

test.serial('callbacks run through the wrapper of their lease, and sockets do not carry the context of who asked', async (t) => {
  const listeners = await openListeners(t);
  const generation = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const acquire = (port: number, name: string, wrapped: boolean): Promise<Lease> =>
    generation.run(`asked by ${name}`, () =>
      listeners.tcp({ host: '127.0.0.1', port, name, ...(wrapped && { run: (fn) => generation.run(name, fn) }) }, (connection) => {
        seen.push(generation.getStore());
        connection.setHandler({
          onData: () => {
            seen.push(generation.getStore());
            connection.end(Buffer.from('ok'));
          },
          onClose: () => undefined,
        });
      }, noFault(t)),
    );
  const first = await acquire(0, 'first', true);
  first.commit();
  await ask(first.address.port);
  const second = await acquire(first.address.port, 'second', false);
  second.commit();
  await ask(first.address.port);
  t.deepEqual(seen, ['first', 'first', undefined, undefined]);
});

test.serial('no handle is left when everything is closed', async (t) => {
  const network = (): string[] => process.getActiveResourcesInfo().filter((name) => /TCP|UDP|TLS|Timeout/.test(name)).sort();
  const before = network();
  const listeners = await openListeners(t, { tls: true, lingerMs: 60_000 });
  const common = { host: '127.0.0.1', port: 0, name: 'a' };
  const tcp = await listeners.tcp(common, () => undefined, noFault(t));
  const tls = await listeners.tls(common, () => undefined, noFault(t));
  const udp = await listeners.udp(common, () => undefined, noFault(t));
  const http = await listeners.http({ ...common, tls: false, http2: false }, { onRequest: () => undefined }, noFault(t));
  const h2 = await listeners.http({ ...common, tls: true, http2: true }, { onRequest: () => undefined }, noFault(t));
  for (const lease of [tcp, tls, udp, http, h2]) lease.commit();
  const clients = [tcp, tls, http, h2].map((lease) => connect(lease.address.port, '127.0.0.1').on('error', () => undefined));
  await until(() => listeners.list().filter((row) => row.connections === 1).length >= 3, 'the clients');
  tcp.release();
  udp.release();
  await listeners.closeAll();
  for (const client of clients) client.destroy();
  await until(() => network().length <= before.length, `no more than ${before.join()}`);
  await t.throwsAsync(listeners.tcp(common, () => undefined, noFault(t)), { code: 'SCOPE_E_CLOSED' });
});
