import { serialize } from 'node:v8';
import test from 'ava';
import { RtpHeader } from 'werift';
import { createPeer, openHub, RecordedEvents, testSession, type TestHub } from '../../support/webrtc/hub.ts';
import { IcePeer, rtpPacket, tcpWire, udpWire } from '../../support/webrtc/ice-peer.ts';
import { until } from '../../support/until.ts';

/** As the kernel does it: export, import in the same tick, then the old session's scope closes. */
async function handOver(t: Parameters<typeof openHub>[0], from: TestHub, made: Awaited<ReturnType<typeof createPeer>>): Promise<{ to: TestHub; transport: ReturnType<TestHub['hub']['importPeer']>; events: RecordedEvents }> {
  const to = await openHub(t, { before: from });
  to.serve();
  const state = made.transport.exportState();
  if (state === undefined) throw new Error('Nothing to hand over.');
  const events = new RecordedEvents();
  const transport = to.hub.importPeer(structuredClone(state), { session: testSession(to.scope, [...made.session.connections]), events });
  await made.session.scope.close();
  return { to, transport, events };
}

for (const kind of ['udp', 'tcp'] as const) {
  test(`a connected peer over ${kind} goes on in the next generation: no packet lost, none twice, no index used again`, async (t) => {
    const hub = await openHub(t);
    const wire = kind === 'udp' ? await udpWire(t, hub.port) : await tcpWire(t, hub.port);
    const peer = await IcePeer.open(wire);
    const made = await createPeer(hub, peer);
    await peer.connect(made.transport.local);
    await until(() => made.transport.state === 'connected', 'connected');
    const srtp = peer.srtp();
    const packet = (sequence: number): Buffer => srtp.encrypt(Buffer.from(`${sequence}`), RtpHeader.deSerialize(rtpPacket(sequence, 77, Buffer.from(`${sequence}`))));
    const first = packet(65_535);
    peer.send(first);
    await until(() => made.events.rtp.length === 1, 'the first packet');
    made.transport.sender?.sendRtcp(Buffer.from('80c90001000004d2', 'hex'));
    await until(() => peer.media.length === 1, 'the first report');

    const { to, transport, events } = await handOver(t, hub, made);
    await hub.scope.close();
    t.is(transport.state, 'connected');
    t.deepEqual(transport.remote, { transport: kind, address: '127.0.0.1', port: wire.port });
    t.is(transport.counters.packetsIn, 1);
    peer.send(first);
    peer.send(packet(0));
    await until(() => events.rtp.length === 1, 'the second packet');
    t.is(events.rtp[0]?.subarray(12).toString(), '0', 'past the wrap of the sequence numbers');
    t.is(to.drops.get('refusedSrtp'), 1, 'the replay of the first');
    t.is(made.events.rtp.length, 1);
    t.is(made.events.end, undefined);

    transport.sender?.sendRtcp(Buffer.from('80c90001000004d2', 'hex'));
    await until(() => peer.media.length === 2, 'the second report');
    const indices = peer.media.map((report) => report.readUInt32BE(report.length - 4) & 0x7fffffff);
    t.deepEqual(indices, [1, 2]);
    t.is((await peer.checked({ nominate: true })).class, 'success');
    peer.send(peer.dtls.alert());
    await until(() => events.end?.type === 'closed', 'the goodbye of the peer');
  });
}

test('a peer that has not checked yet connects to the next generation, with the certificate of its answer', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const made = await createPeer(hub, peer);
  const { fingerprint } = made.transport.local;
  const { to, transport } = await handOver(t, hub, made);
  t.deepEqual(transport.local, made.transport.local);
  t.deepEqual(to.hub.identity.fingerprint, fingerprint);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
});

test('a peer in the middle of its handshake does not move, and moves when it is through', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const made = await createPeer(hub, peer);
  peer.local = made.transport.local;
  await peer.checked({ nominate: true });
  t.not(made.transport.exportState(), undefined, 'before the first ClientHello');
  const to = await openHub(t, { before: hub });
  peer.lose = (kind, direction) => kind === 'dtls' && direction === 'in' && !to.timers.includes(1000);
  peer.dtls.start();
  await until(() => made.transport.state === 'handshaking' && made.transport.exportState() === undefined, 'the handshake');
  to.serve();
  to.hub.start();
  await peer.dtls.connected;
  await until(() => made.transport.state === 'connected', 'connected by the old generation');
  const state = made.transport.exportState();
  t.truthy(state?.secure);
});

test('a repeated Finished after the hand-over gets our last flight again', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const made = await createPeer(hub, peer);
  let deaf = true;
  const isFlight6 = (packet: Buffer): boolean => packet[0] === 20;
  peer.lose = (kind, direction, packet) => deaf && kind === 'dtls' && direction === 'in' && isFlight6(packet);
  const connected = peer.connect(made.transport.local);
  await until(() => made.transport.state === 'connected', 'connected');
  const { transport } = await handOver(t, hub, made);
  deaf = false;
  await connected;
  t.is(transport.state, 'connected');
});

test('a peer that knows another certificate is refused by the next generation', async (t) => {
  const hub = await openHub(t);
  const made = await createPeer(hub, await IcePeer.open(await udpWire(t, hub.port)));
  const state = made.transport.exportState();
  const other = await openHub(t);
  t.throws(() => other.hub.importPeer(state!, { session: other.session(), events: new RecordedEvents() }), { message: /another certificate/ });
  t.is(other.hub.size, 0);
});

test('connected peers are small: state as plain data below 4 KB', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const made = await createPeer(hub, peer);
  await peer.connect(made.transport.local);
  await until(() => made.transport.state === 'connected', 'connected');
  t.true(serialize(made.transport.exportState()).length < 4096);
});
