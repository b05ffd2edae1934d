import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { ByteCursor } from '../../../core/formats/byte-reader.ts';
import { ByteWriter } from '../../../core/formats/byte-writer.ts';

test('numbers are read big-endian at their width', (t) => {
  const cursor = new ByteCursor(Uint8Array.of(1, 0xff, 2, 0xff, 0, 3, 0xff, 0, 0, 4, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe));
  t.is(cursor.u8(), 1);
  t.is(cursor.u16(), 0xff02);
  t.is(cursor.u24(), 0xff0003);
  t.is(cursor.u32(), 0xff000004);
  t.is(cursor.u64(), Number.MAX_SAFE_INTEGER);
  t.is(cursor.i24(), -2);
  t.is(cursor.remaining, 0);
});

test('a read past the end throws a ProtocolError with the offset and moves nothing', (t) => {
  const cursor = new ByteCursor(Uint8Array.of(1, 2, 3));
  cursor.u8();
  const error = t.throws(() => cursor.u32(), { instanceOf: ProtocolError });
  t.is(error.details['offset'], 1);
  t.is(cursor.u16(), 0x0203);
});

test('a negative length or a position outside is a ProtocolError', (t) => {
  t.throws(() => new ByteCursor(new Uint8Array(2)).skip(-1), { instanceOf: ProtocolError });
  t.throws(() => new ByteCursor(new Uint8Array(2)).take(0.5), { instanceOf: ProtocolError });
  t.throws(() => new ByteCursor(new Uint8Array(2), 3), { instanceOf: ProtocolError });
});

test('a 64-bit number above 2^53 - 1 throws and is not taken', (t) => {
  const cursor = new ByteCursor(new Uint8Array(8).fill(0xff));
  t.throws(() => cursor.u64(), { instanceOf: ProtocolError });
  t.is(cursor.position, 0);
});

test('the writer grows, patches and copies', (t) => {
  const writer = new ByteWriter(1);
  writer.u32(0).latin1('moov').put(new Uint8Array(300).fill(7)).zeros(2).i24(-1);
  writer.patchU32(0, writer.length);
  const kept = writer.toBytes();
  writer.reset().zeros(4);
  t.deepEqual(writer.toBytes(), new Uint8Array(4));
  const cursor = new ByteCursor(kept);
  t.is(cursor.u32(), kept.length);
  t.is(cursor.latin1(4), 'moov');
  t.deepEqual(cursor.take(300), new Uint8Array(300).fill(7));
  t.deepEqual([...cursor.rest()], [0, 0, 255, 255, 255]);
});

test('a number that does not fit in its field is a RangeError', (t) => {
  const writer = new ByteWriter();
  t.throws(() => writer.u8(256), { instanceOf: RangeError });
  t.throws(() => writer.u32(-1), { instanceOf: RangeError });
  t.throws(() => writer.i24(0x800000), { instanceOf: RangeError });
  t.throws(() => writer.u64(2 ** 53), { instanceOf: RangeError });
  t.throws(() => writer.patchU32(0, 1), { instanceOf: RangeError });
  t.is(writer.length, 0);
});
