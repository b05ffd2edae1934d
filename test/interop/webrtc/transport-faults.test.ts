import test from 'ava';
import type { ERRORS } from '../../../core/errors/codes.ts';
import { PEER_FLOWS_MAX } from '../../../plugins/webrtc/server/transport-peer.ts';
import { STUN_ATTRIBUTE, valueOf } from '../../../plugins/webrtc/wire/stun.ts';
import { writeStun } from '../../../plugins/webrtc/wire/stun-write.ts';
import { clientCertificate, plainRecord } from '../../support/webrtc/dtls-client.ts';
import { createPeer, openHub } from '../../support/webrtc/hub.ts';
import { IcePeer, rtpPacket, tcpWire, udpWire } from '../../support/webrtc/ice-peer.ts';
import { until } from '../../support/until.ts';

test('each silence has its documented reason', async (t) => {
  const hub = await openHub(t);
  const never = await createPeer(hub, await IcePeer.open(await udpWire(t, hub.port)));
  const noHandshake = await IcePeer.open(await udpWire(t, hub.port));
  const stuck = await createPeer(hub, noHandshake);
  const gone = await IcePeer.open(await udpWire(t, hub.port));
  const silent = await createPeer(hub, gone);
  hub.hub.start();
  noHandshake.local = stuck.transport.local;
  await noHandshake.checked();
  await gone.connect(silent.transport.local);
  await until(() => silent.transport.state === 'connected', 'connected');

  hub.pass(9_999);
  t.is(hub.hub.size, 3);
  hub.pass(1);
  t.deepEqual(stuck.events.end, { type: 'failed', info: 'Failed by DTLS error', detail: 'The time for it is over.' });
  await gone.checked();
  hub.pass(5_000);
  t.like(never.events.end, { info: 'Failed by ICE timeout' });
  t.is(silent.transport.state, 'connected', 'its last check is 5 s ago');
  hub.pass(10_000);
  t.like(silent.events.end, { info: 'Failed by ICE keep alive' });
  t.is(hub.hub.size, 0);
});

test('a thousand idle peers cost one timer', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  hub.hub.start();
  for (let made = 0; made < 1000; made++) await createPeer(hub, peer);
  t.deepEqual(hub.timers, [1000]);
  t.is(hub.time.pending, 0);
});

test('a certificate that is not the one of the description ends the transport at once', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport, events } = await createPeer(hub, peer, { remote: { fingerprints: [(await clientCertificate()).fingerprint] } });
  void peer.connect(transport.local);
  await until(() => events.end !== undefined, 'the end');
  t.like(events.end, { info: 'Failed by DTLS fingerprint error' });
  t.is(transport.state, 'ended');
});

test('DTLS from an address without a valid check starts no handshake', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport } = await createPeer(hub, peer);
  peer.dtls.start();
  await until(() => (hub.drops.get('unknownSource') ?? 0) > 0, 'a drop');
  t.is(transport.state, 'waiting');
  t.is(peer.flights.length, 0);
});

test('alerts and handshakes in the clear end no connected peer, whoever sends them', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport, events } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
  peer.send(plainRecord(21, 0, 0, Buffer.from([2, 40])));
  peer.send(plainRecord(21, 1, 0, Buffer.alloc(26, 1)));
  peer.send(plainRecord(22, 0, 0, Buffer.alloc(60, 1)));
  peer.send(Buffer.alloc(13, 22));
  // At least: on a slow machine the client repeats a flight or two of its own.
  await until(() => (hub.drops.get('unexpectedDtls') ?? 0) >= 3 && hub.drops.get('malformedDtls') === 1, 'four drops');
  t.deepEqual(events.log, ['connected']);
});

test("a check of another peer from a live peer's address takes nothing over", async (t) => {
  const hub = await openHub(t);
  const victim = await IcePeer.open(await udpWire(t, hub.port));
  const { transport } = await createPeer(hub, victim);
  await victim.connect(transport.local);
  const other = await createPeer(hub, victim);
  // What a forged source address looks like from here.
  victim.check({ ...other.transport.local, nominate: true });
  await until(() => hub.drops.get('addressTaken') === 1, 'a refusal');
  t.is(other.transport.state, 'waiting');
  t.is(transport.remote?.port, victim.wire.port);
});

test('a peer keeps a bounded number of addresses, and always the one in use', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
  const first = peer.wire;
  for (let more = 0; more < PEER_FLOWS_MAX + 4; more++) {
    peer.use(await udpWire(t, hub.port));
    await peer.checked();
  }
  t.is(transport.exportState()?.flows.length, PEER_FLOWS_MAX);
  t.is(transport.remote?.port, first.port);
});

test('the credentials before an ICE restart are valid until the new ones are used', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport } = await createPeer(hub, peer);
  const { local: before } = transport;
  await peer.connect(before);
  const unused = transport.restartIce({ ufrag: IcePeer.remoteUfrag });
  const after = transport.restartIce({ ufrag: IcePeer.remoteUfrag });
  t.not(after.ufrag, before.ufrag);
  t.is((await peer.checked(before)).class, 'success', 'the old ones');
  t.is((await peer.checked(unused)).class, 'error', 'those of a restart that was replaced');
  peer.use(await udpWire(t, hub.port));
  t.is((await peer.checked({ ...after, nominate: true })).class, 'success');
  t.is(transport.remote?.port, peer.wire.port);
  t.is((await peer.checked(before)).class, 'error', 'the old ones once the new have been used');
  t.is(transport.state, 'connected');
});

test('error responses have a ceiling, so that nobody is flooded through us', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  hub.hub.start();
  for (let sent = 0; sent < 300; sent++) peer.check({ ufrag: 'nobody', pwd: 'nothing' });
  await until(() => hub.drops.get('unknownUfrag') === 300, 'all refused');
  t.is(peer.answers.size, 100);
  hub.pass(1000);
  t.is((await peer.checked({ ufrag: 'nobody', pwd: 'nothing' })).class, 'error');
});

test('TCP connections that send no check are ended, and each address has few of them', async (t) => {
  const hub = await openHub(t, { settings: { tcpPerAddress: 3, tcpFirstCheckMs: 1000 } });
  hub.hub.start();
  const wires = await Promise.all(Array.from({ length: 4 }, () => tcpWire(t, hub.port)));
  await until(() => hub.drops.get('tooManyTcp') === 1, 'one too many');
  hub.pass(1000);
  await until(() => wires.every(({ socket }) => socket.destroyed), 'all ended');
  t.is(hub.drops.get('silentTcp'), 3);
  const late = await tcpWire(t, hub.port);
  late.socket.write(Buffer.from([0xff, 0xff]));
  await until(() => late.socket.destroyed, 'ended');
  t.is(hub.drops.get('brokenTcp'), 1);
});

test('a peer over TCP whose connection breaks goes on by its next one', async (t) => {
  const hub = await openHub(t);
  const first = await tcpWire(t, hub.port);
  const peer = await IcePeer.open(first);
  const { transport, events } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
  first.socket.destroy();
  await until(() => transport.remote === undefined, 'the loss');
  transport.sender?.sendRtp(rtpPacket(1, 9, Buffer.alloc(10)), 1);
  peer.use(await tcpWire(t, hub.port));
  await peer.checked({ nominate: true });
  t.is(transport.remote?.port, peer.wire.port);
  transport.sender?.sendRtp(rtpPacket(2, 9, Buffer.alloc(10)), 2);
  await until(() => peer.media.length === 1, 'media again');
  t.is(events.end, undefined);
});

test('packets to a TCP peer that does not read are dropped above a ceiling', async (t) => {
  const hub = await openHub(t);
  const wire = await tcpWire(t, hub.port);
  const peer = await IcePeer.open(wire);
  const { transport } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
  wire.socket.pause();
  const packet = rtpPacket(1, 9, Buffer.alloc(1100));
  for (let sent = 0; sent < 40_000 && !hub.drops.has('slowTcp'); sent++) transport.sender?.sendRtp(packet, sent);
  t.true(hub.drops.has('slowTcp'));
});

test('the session that ends takes its transport along, and a session that has ended gets none', async (t) => {
  const hub = await openHub(t, { settings: { udpPorts: 'perPeer' } });
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport, events, session } = await createPeer(hub, peer);
  await session.scope.close();
  t.is(transport.state, 'ended');
  t.is(events.end, undefined);
  t.is(hub.hub.size, 0);
  t.throws(() => transport.restartIce({}), { message: /ended/ });
  await t.throwsAsync(hub.hub.create({ session, events, remote: { fingerprints: [] } }), { code: 'SCOPE_E_CLOSED' satisfies keyof typeof ERRORS });
});

test('each peer has a port of its own where the setting says so, and a port that is free again serves the next', async (t) => {
  const hub = await openHub(t, { settings: { udpPorts: 'perPeer' } });
  const spare = await udpWire(t, hub.port);
  const made = await Promise.all([1, 2].map(async () => createPeer(hub, await IcePeer.open(spare))));
  const ports = made.map(({ transport }) => transport.local.candidates.find((candidate) => candidate.transport === 'udp')?.port ?? 0);
  t.not(ports[0], ports[1]);
  t.true(ports.every((port) => port >= 31_000 && port <= 31_999));
  const peer = await IcePeer.open(await udpWire(t, ports[0] ?? 0));
  made[0]?.transport.close();
  const next = await createPeer(hub, peer);
  t.is(next.transport.local.candidates[0]?.port, ports[0]);
  await peer.connect(next.transport.local);
  await until(() => next.transport.state === 'connected', 'connected');
  t.is(next.transport.exportState(), undefined, 'its port belongs to this generation');
});

test('peers are served over IPv6', async (t) => {
  const hub = await openHub(t, { settings: { host: '::1' } });
  const peer = await IcePeer.open(await udpWire(t, hub.port, '::1'));
  const { transport } = await createPeer(hub, peer);
  t.is(transport.local.candidates[0]?.address, '::1');
  await peer.connect(transport.local);
  const answer = await peer.checked();
  t.is(valueOf(answer, STUN_ATTRIBUTE.xorMappedAddress)?.[1], 2);
  await until(() => transport.state === 'connected', 'connected');
});

test('the start-up test is quiet where the address answers, and says what to do where it does not', async (t) => {
  const quiet = await openHub(t);
  quiet.hub.start();
  const deaf = await openHub(t, { settings: { advertise: ['127.0.0.1', '127.0.0.99'] } });
  deaf.serve();
  deaf.hub.start();
  await until(() => deaf.warnings.length > 0, 'a warning');
  t.is(deaf.warnings.length, 1);
  t.regex(deaf.warnings[0] ?? '', /told 127\.0\.0\.99, but UDP port \d+ does not answer there.*advertise/);
  t.deepEqual(quiet.warnings, []);
});

test('a STUN request without credentials is answered with 400', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const transactionId = Buffer.alloc(12, 5);
  peer.send(writeStun({ class: 'request', transactionId, attributes: [] }));
  const answer = await until(() => peer.answers.get(transactionId.toString('hex')), 'an answer');
  t.deepEqual(valueOf(answer, STUN_ATTRIBUTE.errorCode)?.subarray(0, 4), Buffer.from([0, 0, 4, 0]));
});
