import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { openRecord } from '../../../core/rtp/dtls/record-cipher.ts';
import { closeNotify, readRemnant } from '../../../core/rtp/dtls/remnant.ts';
import { DTLS_CONTENT, parseRecords } from '../../../core/rtp/dtls/record.ts';
import { clientCertificate, plainRecord } from '../../support/webrtc/dtls-client.ts';
import { DtlsPair, serverIdentity } from '../../support/webrtc/dtls-pair.ts';
import { until } from '../../support/until.ts';

const identity = serverIdentity();
const certificate = clientCertificate();
const attacker = clientCertificate();

test('both sides get the same keys, and GCM is taken before CM', async (t) => {
  const pair = new DtlsPair(await identity, { client: await certificate, profiles: [1, 7] });
  pair.client.start();
  const { localKeys, remoteKeys } = await until(() => pair.result, 'the end of the handshake');
  await pair.client.connected;
  const keys = pair.client.keys(7);
  t.is(localKeys.profile, 'AEAD_AES_128_GCM');
  t.deepEqual([Buffer.from(remoteKeys.masterKey), Buffer.from(remoteKeys.masterSalt)], [keys.localKey, keys.localSalt]);
  t.deepEqual([Buffer.from(localKeys.masterKey), Buffer.from(localKeys.masterSalt)], [keys.remoteKey, keys.remoteSalt]);
});

test('a client that offers CM alone gets CM, with salts of its length', async (t) => {
  const pair = new DtlsPair(await identity, { client: await certificate, profiles: [1] });
  pair.client.start();
  const { localKeys } = await until(() => pair.result, 'the end of the handshake');
  t.is(localKeys.profile, 'AES_CM_128_HMAC_SHA1_80');
  t.is(localKeys.masterSalt.length, 14);
});

test('a certificate other than the one of the description is refused', async (t) => {
  const pair = new DtlsPair(await identity, { client: await attacker, described: await certificate });
  pair.client.start();
  t.regex(await until(() => pair.failure, 'a failure'), /^Failed by DTLS fingerprint error/);
  t.is(pair.result, undefined);
});

test("whoever shows the victim's certificate without owning its key is refused", async (t) => {
  const victim = await certificate;
  const pair = new DtlsPair(await identity, { client: { ...victim, key: (await attacker).key }, described: victim });
  pair.client.start();
  t.regex(await until(() => pair.failure, 'a failure'), /^Failed by DTLS error: The peer does not own the key/);
  t.is(pair.result, undefined);
});

test('a Finished that does not match the transcript is refused', async (t) => {
  const pair = new DtlsPair(await identity, { client: await certificate });
  pair.client.dtls.cipher.verifyData = () => Buffer.alloc(12, 7);
  pair.client.start();
  t.regex(await until(() => pair.failure, 'a failure'), /^Failed by DTLS error: The Finished value/);
  t.is(pair.result, undefined);
});

test('a byte of the CertificateVerify that is altered on the way ends the handshake', async (t) => {
  const onTheWay = (datagram: Buffer): Buffer[] => {
    const altered = Buffer.from(datagram);
    let offset = 0;
    for (const record of parseRecords(datagram)) {
      if (record.type === DTLS_CONTENT.handshake && record.epoch === 0 && record.body[0] === 15) altered[offset + record.bytes.length - 1] = (altered[offset + record.bytes.length - 1] ?? 0) ^ 1;
      offset += record.bytes.length;
    }
    return [altered];
  };
  const pair = new DtlsPair(await identity, { client: await certificate, onTheWay });
  pair.client.start();
  t.regex(await until(() => pair.failure, 'a failure'), /^Failed by DTLS error/);
});

test('plain alerts, application data and nonsense of anybody disturb no handshake', async (t) => {
  const hostile = [
    plainRecord(DTLS_CONTENT.alert, 0, 0, Buffer.from([2, 40])),
    plainRecord(DTLS_CONTENT.alert, 0, 0, Buffer.from([1, 0])),
    plainRecord(DTLS_CONTENT.alert, 1, 0, Buffer.from([1, 0])),
    plainRecord(DTLS_CONTENT.applicationData, 0, 0, Buffer.from('hello')),
    plainRecord(DTLS_CONTENT.handshake, 1, 0, Buffer.alloc(40)),
    plainRecord(99, 0, 0, Buffer.alloc(3)),
    Buffer.alloc(13, 22),
    Buffer.from([22, 0xfe, 0xfd]),
  ];
  const pair = new DtlsPair(await identity, { client: await certificate, onTheWay: (datagram) => [...hostile, datagram, ...hostile] });
  pair.client.start();
  await until(() => pair.result, 'the end of the handshake');
  t.is(pair.failure, undefined);
  t.true(pair.server.dropped > 0);
  t.true(pair.errors.length > 0 && pair.errors.every((error) => error instanceof ProtocolError));
});

test('messages in small fragments, out of order and twice, make the same handshake', async (t) => {
  const onTheWay = (datagram: Buffer): Buffer[] => {
    const pieces = parseRecords(datagram).flatMap((record) => (record.type === DTLS_CONTENT.handshake && record.epoch === 0 ? fragmented(record.body, 37) : [record.bytes]));
    return [...pieces, ...pieces].reverse();
  };
  const pair = new DtlsPair(await identity, { client: await certificate, onTheWay });
  pair.client.start();
  await until(() => pair.result, 'the end of the handshake');
  await pair.client.connected;
  t.is(pair.failure, undefined);
});

test('what is left of a handshake tells authentic records from forged ones, repeats the last flight, and says goodbye', async (t) => {
  const flight5: Buffer[] = [];
  const pair = new DtlsPair(await identity, {
    client: await certificate,
    onTheWay: (datagram) => {
      flight5.push(datagram);
      return [datagram];
    },
  });
  pair.client.start();
  const { remnant } = await until(() => pair.result, 'the end of the handshake');
  await pair.client.connected;
  t.is(readRemnant(plainRecord(DTLS_CONTENT.alert, 0, 9, Buffer.from([2, 40])), remnant), 'nothing');
  t.is(readRemnant(plainRecord(DTLS_CONTENT.alert, 1, 9, Buffer.alloc(26)), remnant), 'nothing');
  t.is(readRemnant(pair.client.alert(), remnant), 'closed');
  t.is(readRemnant(flight5.find((datagram) => parseRecords(datagram).some(({ epoch }) => epoch === 1))!, remnant), 'repeat');

  const goodbye = parseRecords(closeNotify(remnant))[0]!;
  const written = remnant.lastFlight.flatMap((datagram) => parseRecords(Buffer.from(datagram))).filter(({ epoch }) => epoch === 1);
  t.true(written.every(({ sequence }) => sequence < goodbye.sequence), 'a nonce is used once');
  t.deepEqual(openRecord(goodbye, { key: remnant.writeKey, salt: remnant.writeSalt }), Buffer.from([1, 0]));
  t.is(structuredClone(remnant).nextSequence, remnant.nextSequence);
});

function fragmented(body: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const length = body.readUIntBE(at + 1, 3);
    const data = body.subarray(at + 12, at + 12 + length);
    for (let offset = 0; offset < Math.max(1, length); offset += size) {
      const piece = data.subarray(offset, offset + size);
      const head = Buffer.from(body.subarray(at, at + 12));
      head.writeUIntBE(offset, 6, 3);
      head.writeUIntBE(piece.length, 9, 3);
      pieces.push(plainRecord(DTLS_CONTENT.handshake, 0, pieces.length, Buffer.concat([head, piece])));
    }
    at += 12 + length;
  }
  return pieces;
}
