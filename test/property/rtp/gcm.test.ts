import { createCipheriv } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { GcmCipher } from '../../../core/rtp/srtp/gcm-cipher.ts';
import { deriveSession } from '../../../core/rtp/srtp/key-derivation.ts';
import { srtpKeys } from '../../support/srtp.ts';

const SSRC = 0xdecafbad;
const TAG_BYTES = 16;
const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
const index = fc.nat({ max: 2 ** 48 - 100 });
/** Header and payload: blocks begun, full and left out, up to what one datagram holds. */
const sizes = fc.record({ header: fc.integer({ min: 12, max: 90 }), payload: fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 1500 }), fc.nat({ max: 65_000 })) });

function sessionOf(masterKey: Uint8Array): ReturnType<typeof deriveSession> {
  return deriveSession({ ...srtpKeys('AEAD_AES_128_GCM'), masterKey });
}

/** What node:crypto makes of a packet. @see RFC 7714 section 8.1 */
function expected({ rtp }: ReturnType<typeof deriveSession>, packet: Buffer, headerBytes: number, at: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(SSRC, 2);
  iv.writeUIntBE(at, 6, 6);
  const cipher = createCipheriv('aes-128-gcm', rtp.key, iv.map((byte, place) => byte ^ (rtp.salt[place] ?? 0)), { authTagLength: TAG_BYTES });
  cipher.setAAD(packet.subarray(0, headerBytes));
  const text = cipher.update(packet.subarray(headerBytes));
  cipher.final();
  return Buffer.concat([packet.subarray(0, headerBytes), text, cipher.getAuthTag()]);
}

function packetOf(bytes: number, seed: number): Buffer {
  const packet = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31 + seed) & 0xff));
  packet.writeUInt32BE(SSRC, 8);
  return packet;
}

test('a packet of any length is what node:crypto makes of it, and is opened again', (t) => {
  fc.assert(
    fc.property(key, sizes, index, (masterKey, { header, payload }, at) => {
      const session = sessionOf(masterKey);
      const packet = packetOf(header + payload, at % 251);
      const out = Buffer.alloc(packet.length + TAG_BYTES);
      t.is(new GcmCipher(session).protectRtp(packet, header, at, out), out.length);
      t.true(out.equals(expected(session, packet, header, at)));
      const opened = new GcmCipher(session).openRtp(out, header, at);
      t.true(opened !== undefined && packet.equals(opened));
    }),
    { numRuns: 150 },
  );
});

test('packets that were readied together are the same, whatever else is protected between them', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(sizes, fc.boolean()), { minLength: 1, maxLength: 70 }), key, index, (list, masterKey, offset) => {
      const [session, other] = [sessionOf(masterKey), sessionOf(masterKey.map((byte) => byte ^ 1))];
      const [cipher, between] = [new GcmCipher(session), new GcmCipher(other)];
      const headerBytes = Int32Array.from(list, ([{ header }]) => header);
      const lengths = Int32Array.from(list, ([{ header, payload }]) => header + payload);
      cipher.readyRtp({ sequences: Float64Array.from(list, (_, at) => at), lengths, headerBytes, count: list.length }, SSRC, offset);
      list.forEach(([{ header, payload }, isDisturbed], at) => {
        const packet = packetOf(header + payload, at);
        const out = Buffer.alloc(packet.length + TAG_BYTES);
        if (isDisturbed && at % 5 === 4) {
          between.protectRtp(packet, header, at, out);
          t.true(out.equals(expected(other, packet, header, at)));
        }
        cipher.protectRtp(packet, header, offset + at, out);
        t.true(out.equals(expected(session, packet, header, offset + at)));
      });
    }),
    { numRuns: 25 },
  );
});
