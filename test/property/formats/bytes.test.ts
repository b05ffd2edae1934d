import test from 'ava';
import fc from 'fast-check';
import { ByteCursor } from '../../../core/formats/byte-reader.ts';
import { ByteWriter } from '../../../core/formats/byte-writer.ts';

const field = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.nat(0xff) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.nat(0xffff) }),
  fc.record({ type: fc.constant('u24' as const), value: fc.nat(0xffffff) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('i8' as const), value: fc.integer({ min: -0x80, max: 0x7f }) }),
  fc.record({ type: fc.constant('i16' as const), value: fc.integer({ min: -0x8000, max: 0x7fff }) }),
  fc.record({ type: fc.constant('i24' as const), value: fc.integer({ min: -0x800000, max: 0x7fffff }) }),
  fc.record({ type: fc.constant('i32' as const), value: fc.integer() }),
);

test('whatever numbers are written are read back', (t) => {
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const writer = new ByteWriter(1);
      for (const { type, value } of fields) writer[type](value);
      const cursor = new ByteCursor(writer.toBytes());
      for (const { type, value } of fields) if (cursor[type]() !== value) return false;
      return cursor.remaining === 0;
    }),
  );
  t.pass();
});
