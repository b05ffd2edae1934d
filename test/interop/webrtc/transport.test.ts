import { randomBytes } from 'node:crypto';
import test from 'ava';
import { RtpHeader } from 'werift';
import { createPeer, openHub } from '../../support/webrtc/hub.ts';
import { IcePeer, rtpPacket, tcpWire, udpWire } from '../../support/webrtc/ice-peer.ts';
import { until } from '../../support/until.ts';

/** werift protects a payload with the header beside it. */
function protectedRtp(peer: IcePeer, sequence: number, payload: Buffer, profile: 1 | 7 = 7): Buffer {
  return peer.srtp(profile).encrypt(payload, RtpHeader.deSerialize(rtpPacket(sequence, 77, payload)));
}

for (const kind of ['udp', 'tcp'] as const) {
  for (const profile of [7, 1] as const) {
    test(`a peer of another implementation connects over ${kind} and media flows both ways with SRTP profile ${profile}`, async (t) => {
      const hub = await openHub(t);
      const wire = kind === 'udp' ? await udpWire(t, hub.port) : await tcpWire(t, hub.port);
      const peer = await IcePeer.open(wire, profile === 7 ? [1, 7] : [1]);
      const { transport, events } = await createPeer(hub, peer, { wish: kind });
      t.is(transport.state, 'waiting');
      t.deepEqual([...new Set(transport.local.candidates.map(({ transport: name }) => name))], [kind]);
      await peer.connect(transport.local);
      await until(() => transport.state === 'connected', 'connected', 9000);
      t.deepEqual(transport.remote, { transport: kind, address: '127.0.0.1', port: wire.port });

      const payload = Buffer.from('media of the peer');
      peer.send(protectedRtp(peer, 5, payload, profile));
      await until(() => events.rtp.length === 1, 'media of the peer');
      t.deepEqual(events.rtp[0]?.subarray(12), payload);

      const ours = rtpPacket(9, 1234, Buffer.from('media of ours'));
      transport.sender?.sendRtp(ours, 9);
      const received = await until(() => peer.media[0], 'media of ours');
      t.deepEqual(Buffer.from(peer.srtp(profile).decrypt(received)), ours);
      t.deepEqual(events.log, ['connected']);
    });
  }
}

test('a replayed or altered packet goes no further', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport, events } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  const packet = protectedRtp(peer, 1, Buffer.from('once'));
  const altered = Buffer.from(protectedRtp(peer, 2, Buffer.from('twice')));
  altered[15] = (altered[15] ?? 0) ^ 1;
  for (const sent of [packet, packet, altered]) peer.send(sent);
  await until(() => hub.drops.get('refusedSrtp') === 2, 'two refused');
  t.is(events.rtp.length, 1);
  t.is(transport.counters.dropped, 2);
});

for (const lost of ['first ClientHello', 'HelloVerifyRequest', 'second ClientHello', 'flight 4', 'flight 5', 'flight 6'] as const) {
  test(`the peers connect although ${lost} is lost once`, async (t) => {
    const hub = await openHub(t);
    const peer = await IcePeer.open(await udpWire(t, hub.port));
    const { transport } = await createPeer(hub, peer);
    const order = { out: ['first ClientHello', 'second ClientHello', 'flight 5'], in: ['HelloVerifyRequest', 'flight 4', 'flight 6'] };
    let [dropping, wasLost] = [false, 0];
    peer.lose = (kind, direction, packet) => {
      if (kind !== 'dtls' || wasLost > 0) return false;
      const flight = order[direction][stageOf(packet, direction)] ?? '';
      if (flight !== lost) {
        if (dropping) wasLost++;
        return false;
      }
      // Every datagram of the flight that goes out at one time.
      if (!dropping) setTimeout(() => wasLost++, 100);
      dropping = true;
      return true;
    };
    await peer.connect(transport.local);
    await until(() => transport.state === 'connected', 'connected', 9000);
    t.true(dropping);
  });
}

/** Which flight of its direction a datagram belongs to, by its first handshake message. */
function stageOf(packet: Buffer, direction: 'out' | 'in'): number {
  const [contentType, messageType] = [packet[0], packet[13]];
  if (direction === 'in') return contentType === 22 && messageType === 3 ? 0 : contentType === 22 && packet.readUInt16BE(3) === 0 ? 1 : 2;
  if (contentType !== 22 || packet.readUInt16BE(3) > 0) return 2;
  return messageType === 1 ? packet.readUInt16BE(17) : 2;
}

test('a live peer that nominates another address is followed there, and its old one is no longer sent to', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport, events } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected', 9000);
  const other = await udpWire(t, hub.port);
  peer.send(protectedRtp(peer, 1, Buffer.from('from nowhere')), other);
  await until(() => hub.drops.get('unknownSource') === 1, 'an unknown source');
  t.is(transport.remote?.port, peer.wire.port, 'media from an unknown address moves nothing');

  peer.use(other);
  await peer.checked();
  t.is(events.moves.length, 0, 'a check without nomination moves nothing');
  await peer.checked({ nominate: true });
  t.deepEqual(events.moves, [{ transport: 'udp', address: '127.0.0.1', port: other.port }]);
  transport.sender?.sendRtp(rtpPacket(1, 1234, randomBytes(50)), 1);
  await until(() => peer.media.length === 1, 'media at the new address');
  peer.send(protectedRtp(peer, 2, Buffer.from('from the new address')));
  await until(() => events.rtp.length === 1, 'media from the new address');
});

test('our close tells the peer by a DTLS alert, and a close_notify of the peer ends the transport', async (t) => {
  const hub = await openHub(t);
  const peers = await Promise.all([1, 2].map(async () => IcePeer.open(await udpWire(t, hub.port))));
  const [left, right] = peers as [IcePeer, IcePeer];
  const one = await createPeer(hub, left);
  const two = await createPeer(hub, right);
  await Promise.all([left.connect(one.transport.local), right.connect(two.transport.local)]);
  await until(() => one.transport.state === 'connected' && two.transport.state === 'connected', 'both connected');

  let told = 0;
  left.dtls.dtls.onClose.subscribe(() => told++);
  one.transport.close();
  await until(() => told === 1, 'the peer is told');
  t.is(one.events.end, undefined, 'whoever closes needs no event');

  right.send(right.dtls.alert());
  await until(() => two.events.end !== undefined, 'the end of the transport');
  t.deepEqual(two.events.end, { type: 'closed' });
  t.is(hub.hub.size, 0);
});

test('a crowd that comes at once shakes hands by turns, and everybody connects', async (t) => {
  t.timeout(60_000);
  const hub = await openHub(t);
  const peers = await Promise.all(Array.from({ length: 40 }, async () => IcePeer.open(await udpWire(t, hub.port))));
  const made = await Promise.all(peers.map(async (peer) => ({ peer, ...(await createPeer(hub, peer)) })));
  await Promise.all(made.map(({ peer, transport }) => peer.connect(transport.local)));
  await until(() => made.every(({ transport }) => transport.state === 'connected'), 'all to connect', 40_000);
  t.true((hub.drops.get('busyHandshaking') ?? 0) > 0, 'some had to wait for their turn');
});
