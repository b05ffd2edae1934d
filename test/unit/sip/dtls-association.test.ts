import test from 'ava';
import { DtlsAssociation, type AssociationHost, type AssociationKeys } from '../../../plugins/sip/media/bridge/dtls-association.ts';
import { TestDtlsClient, clientCertificate, plainRecord, type ClientCertificate } from '../../support/webrtc/dtls-client.ts';
import { serverIdentity } from '../../support/webrtc/dtls-pair.ts';
import { until } from '../../support/until.ts';

const PEER = { address: '192.0.2.1', port: 4000 };
const STRANGER = { address: '198.51.100.7', port: 9000 };
const identity = await serverIdentity();

/** An association, and clients of another implementation that speak to it from anywhere. */
class Bench {
  readonly keys: AssociationKeys[] = [];
  readonly failures: string[] = [];
  readonly #clients = new Map<string, TestDtlsClient>();
  readonly association: DtlsAssociation;
  nowMs = 0;

  constructor(described: ClientCertificate) {
    const host: AssociationHost = {
      identity,
      send: (datagram, { address }) => setImmediate(() => this.#clients.get(address)?.receive(Buffer.from(datagram))),
      onKeys: (keys) => this.keys.push(keys),
      onFailed: (info, _detail, { address }) => this.failures.push(`${address}: ${info}`),
    };
    this.association = new DtlsAssociation(host, [described.fingerprint]);
  }

  /** A client at an address; what it says arrives until it is muted. */
  client(from: typeof PEER, certificate: ClientCertificate): { readonly dtls: TestDtlsClient; muted: boolean } {
    const speaker = { dtls: new TestDtlsClient(certificate, (datagram) => setImmediate(() => speaker.muted || this.association.onDatagram(datagram, from, from.address === PEER.address, this.nowMs)), [1]), muted: false };
    this.#clients.set(from.address, speaker.dtls);
    return speaker;
  }
}

test('the peer whose certificate is described gets the same keys as we, and is answered again where it has missed our last flight', async (t) => {
  const certificate = await clientCertificate();
  const bench = new Bench(certificate);
  const { dtls } = bench.client(PEER, certificate);
  dtls.start();
  await until(() => bench.keys.length === 1, 'our keys');
  await dtls.connected;
  const theirs = dtls.keys(1);
  t.deepEqual(Buffer.from(bench.keys[0]!.remoteKeys.masterKey), theirs.localKey);
  t.deepEqual(Buffer.from(bench.keys[0]!.localKeys.masterKey), theirs.remoteKey);
  t.false(bench.association.busy);
  const state = structuredClone(bench.association.exportState());
  t.deepEqual(state?.remoteKeys, bench.keys[0]!.remoteKeys);
  t.true((state?.remnant.lastFlight.length ?? 0) > 0);
});

test('another certificate than the described one is told, and leaves the way open for the peer', async (t) => {
  const [certificate, other] = [await clientCertificate(), await clientCertificate()];
  const bench = new Bench(certificate);
  bench.client(STRANGER, other).dtls.start();
  await until(() => bench.failures.length > 0, 'the refusal');
  t.deepEqual(bench.failures, [`${STRANGER.address}: Failed by DTLS fingerprint error`]);
  t.is(bench.keys.length, 0);
  bench.client(PEER, certificate).dtls.start();
  await until(() => bench.keys.length === 1, 'the peer');
});

test('a stranger who began first does not keep the peer out', async (t) => {
  const certificate = await clientCertificate();
  const bench = new Bench(certificate);
  const stranger = bench.client(STRANGER, await clientCertificate());
  stranger.dtls.start();
  await until(() => bench.association.busy, 'the stranger');
  stranger.muted = true;
  bench.client(PEER, certificate).dtls.start();
  await until(() => bench.keys.length === 1, 'the peer');
  t.deepEqual(bench.failures, []);
});

test('strangers make us begin a few times, and the peer is heard all the same', async (t) => {
  const certificate = await clientCertificate();
  const bench = new Bench(certificate);
  const hello = plainRecord(22, 0, 0, Buffer.alloc(20));
  for (let port = 1; port < 100; port++) {
    bench.nowMs += 60_000;
    bench.association.onDatagram(hello, { ...STRANGER, port }, false, bench.nowMs);
  }
  bench.association.close();
  bench.association.onDatagram(hello, STRANGER, false, bench.nowMs);
  t.false(bench.association.busy, 'they have had their handshakes');
  bench.client(PEER, certificate).dtls.start();
  await until(() => bench.keys.length === 1, 'the peer');
});
