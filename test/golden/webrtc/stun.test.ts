import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { hasIntegrity, integrityKey, parseStun, STUN_ATTRIBUTE, valueOf } from '../../../plugins/webrtc/wire/stun.ts';
import { xorMappedAddress } from '../../../plugins/webrtc/wire/stun-write.ts';

const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';
const TRANSACTION = 'b7e7a701bc34d686fa87dfae';
const hex = (...lines: string[]): Buffer => Buffer.from(lines.join('').replaceAll(' ', ''), 'hex');

/** RFC 5769 section 2.1. */
const REQUEST = hex(
  '00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae',
  '80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74',
  '00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36',
  '00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20',
  '00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2',
  '80 28 00 04 e5 7a 3b cf',
);

/** RFC 5769 section 2.2. */
const RESPONSE_IPV4 = hex(
  '01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae',
  '80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20',
  '00 20 00 08 00 01 a1 47 e1 12 a6 43',
  '00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7',
  '80 28 00 04 c0 7d 4c 96',
);

/** RFC 5769 section 2.3. */
const RESPONSE_IPV6 = hex(
  '01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae',
  '80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20',
  '00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9',
  '00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41',
  '80 28 00 04 c8 fb 0b 4c',
);

test('the sample request of RFC 5769 is read, and its integrity holds for its password alone', (t) => {
  const message = parseStun(REQUEST);
  t.like(message, { class: 'request', method: 1 });
  t.is(message.transactionId.toString('hex'), TRANSACTION);
  t.is(valueOf(message, STUN_ATTRIBUTE.username)?.toString(), 'evtj:h6vY');
  t.is(valueOf(message, STUN_ATTRIBUTE.software)?.toString(), 'STUN test client');
  t.deepEqual(valueOf(message, STUN_ATTRIBUTE.priority), Buffer.from([0x6e, 0x00, 0x01, 0xff]));
  t.true(hasIntegrity(message, integrityKey(PASSWORD)));
  t.false(hasIntegrity(message, integrityKey(`${PASSWORD}x`)));
});

for (const [name, bytes, address] of [['IPv4', RESPONSE_IPV4, '192.0.2.1'], ['IPv6', RESPONSE_IPV6, '2001:db8:1234:5678:11:2233:4455:6677']] as const) {
  test(`the sample ${name} response of RFC 5769 has the mapped address that we write`, (t) => {
    const message = parseStun(bytes);
    t.is(message.class, 'success');
    t.true(hasIntegrity(message, integrityKey(PASSWORD)));
    t.deepEqual(valueOf(message, STUN_ATTRIBUTE.xorMappedAddress), xorMappedAddress(address, 32_853, message.transactionId).value);
  });
}

/** Where FINGERPRINT begins: what comes after MESSAGE-INTEGRITY is not protected by it. */
const PROTECTED_BYTES = REQUEST.length - 8;

test('every bit of the sample request is covered: with one flipped, it is malformed or has no integrity', (t) => {
  let malformed = 0;
  for (let bit = 0; bit < PROTECTED_BYTES * 8; bit++) {
    const altered = Buffer.from(REQUEST);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      t.false(hasIntegrity(parseStun(altered), integrityKey(PASSWORD)), `bit ${bit}`);
    } catch (error) {
      t.true(error instanceof ProtocolError);
      malformed++;
    }
  }
  t.true(malformed > PROTECTED_BYTES * 7);
});
