import { createHmac } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { HmacSha1 } from '../../../core/rtp/srtp/hmac-sha1.ts';

test('an HMAC is that of node:crypto, for keys and inputs of any length, with a number behind the input and without', (t) => {
  const number = Buffer.alloc(4);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 5000 }), fc.nat(), fc.nat(0xffff_ffff), (key, bytes, where, suffix) => {
      const length = where % (bytes.length + 1);
      number.writeUInt32BE(suffix);
      const hmac = new HmacSha1(key);
      t.is(Buffer.from(hmac.digest(bytes, length)).toString('hex'), createHmac('sha1', key).update(bytes.subarray(0, length)).digest('hex'));
      t.is(Buffer.from(hmac.digest(bytes, length, suffix)).toString('hex'), createHmac('sha1', key).update(bytes.subarray(0, length)).update(number).digest('hex'));
    }),
  );
});
