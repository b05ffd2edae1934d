import test, { type ExecutionContext } from 'ava';
import { DtlsAssociation, type AssociationHost, type AssociationKeys } from '../../../plugins/sip/media/bridge/dtls-association.ts';
import { DtlsHandshake, parseDtlsCertificate, type DtlsResult } from '../../../core/rtp/dtls/handshake.ts';
import { TestDtlsClient, clientCertificate, plainRecord, type ClientCertificate } from '../../support/webrtc/dtls-client.ts';
import { serverIdentity } from '../../support/webrtc/dtls-pair.ts';
import { until } from '../../support/until.ts';

const PEER = { address: '192.0.2.1', port: 4000 };
const STRANGER = { address: '198.51.100.7', port: 9000 };
let identity: AssociationHost['identity'];

test.before(async () => {
  identity = await serverIdentity();
});

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
      onSilence: () => this.failures.push('silence'),
    };
    this.association = new DtlsAssociation(host, { type: 'dtls', role: 'server', fingerprints: [described.fingerprint] });
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

/** An association that begins, and a server of another kind of code than its own. */
async function begun(t: ExecutionContext, described?: ClientCertificate, key?: string): Promise<{ readonly association: DtlsAssociation; readonly keys: AssociationKeys[]; readonly failures: string[]; readonly results: DtlsResult[]; readonly sentTo: Set<string> }> {
  const [keys, failures, results, sentTo]: [AssociationKeys[], string[], DtlsResult[], Set<string>] = [[], [], [], new Set()];
  const own = await clientCertificate();
  const { cert, fingerprint } = own;
  const server = new DtlsHandshake(parseDtlsCertificate(cert, key ?? own.key), [identity.fingerprint], {
    send: (datagram) => setImmediate(() => association.onDatagram(datagram, PEER, true, 0)),
    onConnected: (result) => results.push(result),
    onFailed: (info) => failures.push(`server: ${info}`),
  });
  const host: AssociationHost = {
    identity,
    send: (datagram, { address }) => {
      sentTo.add(address);
      setImmediate(() => address === PEER.address && server.onDatagram(Buffer.from(datagram)));
    },
    onKeys: (found) => keys.push(found),
    onFailed: (info, detail) => failures.push(`${info}: ${detail}`),
    onSilence: () => failures.push('silence'),
  };
  const association = new DtlsAssociation(host, { type: 'dtls', role: 'client', fingerprints: [(described ?? { fingerprint }).fingerprint] });
  t.teardown(() => {
    server.abort();
    association.close();
  });
  return { association, keys, failures, results, sentTo };
}

test('where the peer waits we begin, with who is described, and both have the same keys', async (t) => {
  const { association, keys, results, failures } = await begun(t);
  t.false(association.busy);
  association.begin(PEER);
  t.false(association.busy, 'another version can begin anew');
  await until(() => keys.length === 1 && results.length === 1, 'the keys of both');
  t.deepEqual(keys[0]!.localKeys, results[0]!.remoteKeys);
  t.deepEqual(keys[0]!.remoteKeys, results[0]!.localKeys);
  t.deepEqual(failures, []);
  const state = structuredClone(association.exportState());
  t.deepEqual(state?.remnant.lastFlight, [], 'nobody asks for it again');
  t.true(state!.remnant.nextSequence > 0);
  association.begin({ ...PEER, port: 5000 });
  t.false(association.busy, 'it is done');
});

test('a server with another certificate than the described one is refused', async (t) => {
  const { association, keys, failures } = await begun(t, await clientCertificate());
  association.begin(PEER);
  await until(() => failures.length > 0, 'the refusal');
  t.deepEqual(failures, ['Failed by DTLS fingerprint error: The certificate is not the one of the description.']);
  t.is(keys.length, 0);
});

test('a server that shows the described certificate without owning its key is refused', async (t) => {
  const { association, keys, failures } = await begun(t, undefined, (await clientCertificate()).key);
  association.begin(PEER);
  await until(() => failures.length > 0, 'the refusal');
  t.deepEqual(failures, ['Failed by DTLS error: The peer does not own the key of its certificate.']);
  t.is(keys.length, 0);
});

test('a stranger does not disturb what we have begun, and where media comes from elsewhere we begin there', async (t) => {
  const { association, keys, sentTo } = await begun(t);
  association.begin(STRANGER);
  await until(() => sentTo.has(STRANGER.address), 'the first ClientHello');
  association.onDatagram(plainRecord(22, 0, 0, Buffer.alloc(20)), { ...STRANGER, port: 1 }, false, 0);
  t.false(association.busy);
  association.begin(PEER);
  await until(() => keys.length === 1, 'the keys');
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
