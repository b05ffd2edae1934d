import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { Listeners } from '../../../core/net/listeners.ts';
import { UdpBatches } from '../../../core/net/udp-batches.ts';
import type { UdpSocket } from '../../../core/net/udp-listener.ts';
import { createFanoutEngine } from '../../../core/rtp/fanout/create.ts';
import type { FanoutEngine } from '../../../core/rtp/fanout/engine.ts';
import type { UdpPeer } from '../../../core/rtp/fanout/udp.ts';
import { noFault } from '../../support/net.ts';
import { rtpPacket } from '../../support/srtp.ts';
import { until } from '../../support/until.ts';

const log = { info: () => undefined, warn: () => undefined };

function listenersOf(engine: FanoutEngine): Listeners {
  return new Listeners({ log, lingerMs: 0, batches: engine.udp && new UdpBatches(engine.udp) });
}

for (const host of ['127.0.0.1', '::1', 'localhost']) {
  test(`a UDP socket for RTP on ${host} receives and sends as any other, and the engine sends through it`, async (t) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const engine = createFanoutEngine({ tier: 'auto', log });
    const listeners = listenersOf(engine);
    const got: { data: Buffer; from: UdpPeer; socket: UdpSocket }[] = [];
    const lease = await listeners.udp({ host, port: 0, name: 'x', forRtp: true, recvBufferBytes: 300_000, sendBufferBytes: 300_000 }, (data, from, socket) => got.push({ data, from, socket }), noFault(t));
    lease.commit();
    t.is(typeof lease.fd, engine.tier === 'ffi' && host !== 'localhost' ? 'number' : 'undefined');
    const isIpv6 = host === '::1';
    const peer = createSocket(isIpv6 ? 'udp6' : 'udp4');
    const heard: string[] = [];
    peer.on('message', (data) => heard.push(data.toString('hex')));
    const address = isIpv6 ? '::1' : '127.0.0.1';
    peer.bind(0, address);
    await once(peer, 'listening');
    peer.send('hello', lease.address.port, address);
    const { data, from, socket } = await until(() => got[0]);
    t.is(data.toString(), 'hello');
    t.is(socket.fd, lease.fd);
    socket.send(Buffer.from('aa', 'hex'), from.port, from.address);
    const sender = engine.openSender({ destination: { type: 'udp', socket, address: from.address, port: from.port } });
    const packet = rtpPacket(1, new Uint8Array(5));
    sender.sendRtp(packet, 1);
    await until(() => heard.length === 2);
    t.deepEqual(heard, ['aa', Buffer.from(packet).toString('hex')]);
    lease.release();
    t.is(lease.fd, undefined);
    sender.sendRtp(packet, 1);
    peer.close();
    await listeners.closeAll();
    process.off('warning', onWarning);
    t.deepEqual(warnings, []);
  });
}

test('a UDP port in use is reported as any other, also for RTP', async (t) => {
  const engine = createFanoutEngine({ tier: 'auto', log });
  const listeners = listenersOf(engine);
  const taken = createSocket('udp4');
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const error = await t.throwsAsync(listeners.udp({ host: '127.0.0.1', port, name: 'x', forRtp: true }, () => undefined, noFault(t)), { code: 'NET_E_LISTEN' });
  t.regex(error.message, new RegExp(String(port)));
  taken.close();
  await listeners.closeAll();
});

test('a UDP socket that is not for RTP tells no descriptor', async (t) => {
  const listeners = listenersOf(createFanoutEngine({ tier: 'auto', log }));
  const lease = await listeners.udp({ host: '127.0.0.1', port: 0, name: 'x' }, () => undefined, noFault(t));
  t.is(lease.fd, undefined);
  lease.release();
  await listeners.closeAll();
});

test('a closed UDP socket for RTP gives its descriptor back to the system', async (t) => {
  const engine = createFanoutEngine({ tier: 'auto', log });
  const listeners = listenersOf(engine);
  const lease = await listeners.udp({ host: '127.0.0.1', port: 0, name: 'x', forRtp: true }, () => undefined, noFault(t));
  const { fd } = lease;
  const { port } = lease.address;
  await listeners.closeAll();
  t.is(lease.fd, undefined);
  const again = listenersOf(engine);
  const next = await again.udp({ host: '127.0.0.1', port, name: 'x', forRtp: true }, () => undefined, noFault(t));
  t.is(typeof next.fd, typeof fd);
  await again.closeAll();
  // The event loop is none the worse.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
});
