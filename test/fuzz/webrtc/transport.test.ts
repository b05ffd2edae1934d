import test from 'ava';
import fc from 'fast-check';
import type { UdpLease } from '../../../core/net/udp-listener.ts';
import { DTLS_CONTENT } from '../../../core/rtp/dtls/record.ts';
import { STUN_ATTRIBUTE } from '../../../plugins/webrtc/wire/stun.ts';
import { udpPeer } from '../../../core/rtp/fanout/udp.ts';
import { integrityKey } from '../../../plugins/webrtc/wire/stun.ts';
import { writeStun } from '../../../plugins/webrtc/wire/stun-write.ts';
import { TestDtlsClient, clientCertificate, plainRecord } from '../../support/webrtc/dtls-client.ts';
import { createPeer, openHub } from '../../support/webrtc/hub.ts';
import { IcePeer, udpWire } from '../../support/webrtc/ice-peer.ts';
import { until } from '../../support/until.ts';

const SEED = 20_260_301;

/** Datagrams of every kind: nonsense behind each first byte, and honest ones with bytes altered, cut or put after one another. */
function datagrams(honest: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const nonsense = fc.tuple(fc.constantFrom(0, 1, 3, 4, 20, 21, 22, 23, 63, 64, 128, 144, 191, 255), fc.uint8Array({ maxLength: 200 })).map(([first, rest]) => Buffer.from([first, ...rest]));
  const altered = fc.tuple(fc.constantFrom(...honest), fc.array(fc.tuple(fc.nat(1500), fc.nat(255)), { maxLength: 6 }), fc.nat(1500)).map(([datagram, changes, cut]) => {
    const copy = Buffer.from(datagram);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return cut < copy.length && cut % 3 === 0 ? copy.subarray(0, cut) : copy;
  });
  const records = fc
    .array(fc.tuple(fc.constantFrom(...Object.values(DTLS_CONTENT)), fc.nat(2), fc.uint8Array({ maxLength: 80 })), { maxLength: 5 })
    .map((list) => Buffer.concat(list.map(([type, epoch, body], index) => plainRecord(type, epoch, index, Buffer.from(body)))));
  return fc.oneof(nonsense, { weight: 3, arbitrary: altered }, records);
}

/** A client's flights as they are on the wire, taken from a handshake with nobody. */
async function recordedHello(): Promise<Buffer> {
  const certificate = await clientCertificate();
  return new Promise((resolve) => {
    const client = new TestDtlsClient(certificate, resolve);
    client.start();
    client.dtls.dtls.flight = 255;
  });
}

test('no datagram throws out of the handler, ends a connected peer, or moves it', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const honest: Buffer[] = [await recordedHello()];
  const wire = peer.wire;
  peer.lose = (_kind, direction, packet) => {
    if (direction === 'out') honest.push(packet);
    return false;
  };
  const { transport, events } = await createPeer(hub, peer);
  await peer.connect(transport.local);
  await until(() => transport.state === 'connected', 'connected');
  await peer.checked({ nominate: true });
  const user = { type: STUN_ATTRIBUTE.username, value: Buffer.from(`${transport.local.ufrag}:peer`) };
  honest.push(writeStun({ class: 'request', transactionId: Buffer.alloc(12), attributes: [user], key: integrityKey('guessed') }));

  let thrown: unknown;
  const known = udpPeer('127.0.0.1', wire.port);
  const stranger = udpPeer('127.0.0.1', 1);
  fc.assert(
    fc.property(datagrams(honest), fc.boolean(), (datagram, isKnown) => {
      try {
        hub.onDatagram(Buffer.from(datagram), isKnown ? known : stranger, {} as UdpLease);
      } catch (error) {
        thrown ??= error;
      }
      return thrown === undefined && transport.remote?.port === wire.port;
    }),
    { seed: SEED, numRuns: 20_000, interruptAfterTimeLimit: 20_000 },
  );
  t.is(thrown, undefined);
  t.deepEqual(events.log, ['connected']);
  t.is(events.rtp.length + events.rtcp.length, 0);
  const causes = [...hub.drops.keys()].sort();
  for (const cause of ['malformedDtls', 'malformedStun', 'refusedSrtp', 'replayedCheck', 'unexpectedDtls', 'unknownKind', 'unknownSource', 'wrongIntegrity']) t.true(causes.includes(cause), `${cause} in ${causes.join()}`);
});

test('no datagram throws out of a handshake, and an honest client connects afterwards', async (t) => {
  const hub = await openHub(t);
  const peer = await IcePeer.open(await udpWire(t, hub.port));
  const { transport } = await createPeer(hub, peer);
  peer.local = transport.local;
  await peer.checked({ nominate: true });
  const hello = await recordedHello();
  const from = udpPeer('127.0.0.1', peer.wire.port);
  let thrown: unknown;
  fc.assert(
    fc.property(datagrams([hello]), (datagram) => {
      // A whole hello with other contents is a client's right; here the honest one is still to come.
      if (datagram[0] === DTLS_CONTENT.handshake && datagram[13] !== 1) {
        try {
          hub.onDatagram(Buffer.from(datagram), from, {} as UdpLease);
        } catch (error) {
          thrown ??= error;
        }
      }
      return thrown === undefined;
    }),
    { seed: SEED + 1, numRuns: 5_000, interruptAfterTimeLimit: 10_000 },
  );
  t.is(thrown, undefined);
  peer.dtls.start();
  await peer.dtls.connected;
  await until(() => transport.state === 'connected', 'connected');
});
