import { createRequire } from 'node:module';
import test from 'ava';
import { useNativeX25519 } from '../../../core/rtp/dtls/native-x25519.ts';
import { DTLS_CONTENT, parseRecords } from '../../../core/rtp/dtls/record.ts';
import { clientCertificate } from '../../support/webrtc/dtls-client.ts';
import { DtlsPair, serverIdentity } from '../../support/webrtc/dtls-pair.ts';
import { until } from '../../support/until.ts';

interface Curve {
  scalarMult: (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array;
  readonly box: { readonly keyPair: () => { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array } };
}

const CLIENT_KEY_EXCHANGE = 16;
const POINT_BYTES = 32;

const curve = createRequire(createRequire(import.meta.url).resolve('werift'))('tweetnacl') as Curve;
/** Of the implementation in JavaScript. */
const before = { pair: curve.box.keyPair(), scalarMult: curve.scalarMult };

test.before((t) => t.true(useNativeX25519()));

test('keys of node:crypto agree with those of the implementation in JavaScript', (t) => {
  const pair = curve.box.keyPair();
  t.is(pair.secretKey.buffer.byteLength, POINT_BYTES, 'nothing lies beside it');
  t.not(curve.scalarMult, before.scalarMult);
  const shared = Buffer.from(before.scalarMult(before.pair.secretKey, pair.publicKey));
  t.deepEqual(Buffer.from(curve.scalarMult(pair.secretKey, before.pair.publicKey)), shared);
  t.deepEqual(Buffer.from(curve.scalarMult(Buffer.from(pair.secretKey.buffer), before.pair.publicKey)), shared, 'whatever view of it is given');
  t.deepEqual(Buffer.from(curve.scalarMult(before.pair.secretKey, pair.publicKey)), shared, 'keys that are not its own are taken as before');
});

test('a handshake with it gives both sides the same keys, and no copy of it twice', async (t) => {
  const { scalarMult } = curve;
  t.true(useNativeX25519());
  t.is(curve.scalarMult, scalarMult);
  const pair = new DtlsPair(await serverIdentity(), { client: await clientCertificate() });
  pair.client.start();
  const { remoteKeys } = await until(() => pair.result, 'the end of the handshake');
  await pair.client.connected;
  t.deepEqual(Buffer.from(remoteKeys.masterKey), pair.client.keys(7).localKey);
});

test('a public key that gives nothing but zeros ends the handshake and nothing else', async (t) => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);
  let zeroed = 0;
  const onTheWay = (datagram: Buffer): Buffer[] => {
    const altered = Buffer.from(datagram);
    let offset = 0;
    for (const { type, epoch, body, bytes } of parseRecords(datagram)) {
      offset += bytes.length;
      if (type !== DTLS_CONTENT.handshake || epoch > 0 || body[0] !== CLIENT_KEY_EXCHANGE) continue;
      altered.fill(0, offset - POINT_BYTES, offset);
      zeroed++;
    }
    return [altered];
  };
  const pair = new DtlsPair(await serverIdentity(), { client: await clientCertificate(), onTheWay });
  pair.client.start();
  await until(() => zeroed > 0 && (pair.failure !== undefined || pair.server.lastError !== ''), 'what went wrong');
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(pair.result, undefined);
  t.deepEqual(rejections, []);
  process.off('unhandledRejection', note);
});
