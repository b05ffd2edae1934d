import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import test from 'ava';
import { UdpBatches } from '../../../core/net/udp-batches.ts';
import { UdpPort } from '../../../core/net/udp-port.ts';
import { FfiEngine } from '../../../core/rtp/fanout/ffi.ts';
import { loadNativeLibrary } from '../../../core/rtp/fanout/native-library.ts';
import type { NativeUdp, TakeDatagram, UdpPeer } from '../../../core/rtp/fanout/udp.ts';
import { until } from '../../support/until.ts';

const NOTHING: NativeUdp = {
  bind: () => undefined, duplicate: () => undefined, growBuffers: () => undefined, send: () => undefined,
  watch: () => true, unwatch: () => undefined, read: () => 0, close: () => undefined,
};

/** Enough at once for a port to be read in batches. */
const FLOOD = 1500;

function native(): UdpBatches {
  return new UdpBatches(new FfiEngine(loadNativeLibrary()).udp);
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

async function openPeer(address: string): Promise<Socket> {
  const peer = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  peer.bind(0, address);
  await once(peer, 'listening');
  return peer;
}

/** Sends numbered datagrams, never more at a time than a socket buffer takes. */
async function flood(peer: Socket, port: number, address: string, count: number, heard: () => number): Promise<void> {
  for (let first = 0; first < count; first += 50) {
    for (let number = first; number < Math.min(count, first + 50); number++) peer.send(String(number), port, address);
    await until(() => heard() >= Math.min(count, first + 50));
  }
}

test('many datagrams make it busy, and it stays so until there are few for a while', (t) => {
  let nowMs = 0;
  const batches = new UdpBatches(NOTHING, () => nowMs);
  const second = (perSecond: number): boolean => {
    let isBusy = false;
    for (let at = 0; at < perSecond; at++, nowMs += 1000 / perSecond) isBusy = batches.note(1);
    return isBusy;
  };
  t.false(second(300));
  t.true(second(500));
  t.true(second(300), 'less than it takes to begin is enough to go on');
  t.false(second(150));
  t.false(second(300));
  nowMs += 60_000;
  t.false(batches.note(1), 'what came long ago counts no more');
});

test('ports that nothing comes to any more go back to events, a few at a time, and those that cannot stay', async (t) => {
  let nowMs = 0;
  const unwatched: number[] = [];
  const batches = new UdpBatches({ ...NOTHING, unwatch: (fd) => void unwatched.push(fd) }, () => nowMs);
  const take: TakeDatagram = () => undefined;
  const ports = Array.from({ length: 20 }, (_unused, fd) => ({ toEvents: () => fd !== 3 }));
  for (const [fd, port] of ports.entries()) batches.add(port, fd, take);
  t.is(batches.size, 20);
  nowMs += 10_000;
  await until(() => unwatched.length >= 7);
  t.true(unwatched.length < 19, 'not all at once');
  await until(() => batches.size === 1);
  t.false(unwatched.includes(3));
  batches.remove(ports[3]!);
  t.is(unwatched.at(-1), 3);
  t.is(batches.size, 0);
});

for (const [host, from] of [['127.0.0.1', '127.0.0.1'], ['::1', '::1'], ['::', '127.0.0.1']] as const) {
  test(`a port on ${host} gets every datagram from ${from} in order, whichever way it is read, and answers`, async (t) => {
    const batches = native();
    const port = await UdpPort.bind({ host, port: 0 }, batches);
    const peer = await openPeer(from);
    const answers: string[] = [];
    peer.on('message', (data) => answers.push(data.toString()));
    const got: string[] = [];
    const peers = new Set<string>();
    const modes = new Set<number>();
    port.onDatagram = (data: Buffer, who: UdpPeer) => {
      got.push(data.toString());
      peers.add(`${who.family} ${who.address} ${who.port}`);
      modes.add(batches.size);
    };
    await flood(peer, port.port, from, FLOOD, () => got.length);
    t.is(batches.size, 1, 'it is read in batches');
    t.deepEqual(got, Array.from({ length: FLOOD }, (_unused, number) => String(number)));
    t.deepEqual([...modes].sort(), [0, 1]);
    port.growBuffers({ recvBufferBytes: 300_000, sendBufferBytes: 300_000 });
    port.send(Buffer.from('<batches>'), peer.address().port, from, 1, 7);
    await until(() => answers.length === 1);
    await until(() => batches.size === 0);
    peer.send('later', port.port, from);
    await until(() => got.at(-1) === 'later');
    t.deepEqual([...peers], [`${from.includes(':') ? 'IPv6' : 'IPv4'} ${from} ${peer.address().port}`], 'a peer has one name in both ways');
    port.send(Buffer.from('events'), peer.address().port, from);
    await until(() => answers.length === 2);
    t.deepEqual(answers, ['batches', 'events']);
    await new Promise<void>((resolve) => port.close(resolve));
    t.is(port.fd, undefined);
    peer.close();
  });
}

// Alone: the others open descriptors as well.
test.serial('a port gives its descriptors back, whichever way it is read when it is closed', async (t) => {
  const batches = native();
  const peer = await openPeer('127.0.0.1');
  let [heard, before] = [0, 0];
  for (const isBusy of [false, true, false, true]) {
    const port = await UdpPort.bind({ host: '127.0.0.1', port: 0 }, batches);
    port.onDatagram = () => {
      heard++;
    };
    heard = 0;
    await flood(peer, port.port, '127.0.0.1', isBusy ? FLOOD : 10, () => heard);
    t.is(batches.size, isBusy ? 1 : 0);
    await new Promise<void>((resolve) => port.close(resolve));
    // What is opened once, such as the inbox, is open after the second of them.
    if (isBusy && before === 0) before = openDescriptors();
    if (before > 0) t.true(openDescriptors() <= before);
    await until(() => !batches.note(0), 'calm');
  }
  peer.close();
});

test('a port that is closed by the taker of a datagram gives out nothing more of the batch, and another one goes on', async (t) => {
  const batches = native();
  const [doomed, other] = [await UdpPort.bind({ host: '127.0.0.1', port: 0 }, batches), await UdpPort.bind({ host: '127.0.0.1', port: 0 }, batches)];
  const peer = await openPeer('127.0.0.1');
  let [heardOfDoomed, heardOfOther] = [0, 0];
  doomed.onDatagram = () => {
    heardOfDoomed++;
  };
  other.onDatagram = () => {
    heardOfOther++;
  };
  await Promise.all([flood(peer, doomed.port, '127.0.0.1', FLOOD, () => heardOfDoomed), flood(peer, other.port, '127.0.0.1', FLOOD, () => heardOfOther)]);
  t.is(batches.size, 2);
  let after = 0;
  doomed.onDatagram = () => {
    after++;
    doomed.close(() => undefined);
  };
  for (let count = 0; count < 20; count++) peer.send('x', doomed.port, '127.0.0.1');
  await until(() => after > 0);
  const before = heardOfOther;
  peer.send('x', other.port, '127.0.0.1');
  await until(() => heardOfOther > before);
  t.is(after, 1);
  doomed.send(Buffer.from('nothing'), other.port, '127.0.0.1');
  t.is(batches.size, 1);
  await new Promise<void>((resolve) => other.close(resolve));
  t.is(batches.size, 0);
  peer.close();
});

test('a datagram longer than any of RTP is dropped while batches are read, and the next one is whole', async (t) => {
  const batches = native();
  const port = await UdpPort.bind({ host: '127.0.0.1', port: 0 }, batches);
  const peer = await openPeer('127.0.0.1');
  let got: number[] = [];
  port.onDatagram = (data) => void got.push(data.length);
  await flood(peer, port.port, '127.0.0.1', FLOOD, () => got.length);
  t.is(batches.size, 1);
  got = [];
  peer.send(Buffer.alloc(20_000), port.port, '127.0.0.1');
  peer.send(Buffer.alloc(9216), port.port, '127.0.0.1');
  peer.send(Buffer.alloc(0), port.port, '127.0.0.1');
  await until(() => got.length === 2);
  t.deepEqual(got, [9216, 0]);
  await new Promise<void>((resolve) => port.close(resolve));
  peer.close();
});
