import test from 'ava';
import { TsMuxer } from '../../../core/formats/mpegts.ts';

/** Hexadecimal text without its blanks. */
function hex(text: string): string {
  return text.replace(/\s+/g, '');
}

test('the tables have the bytes that other multiplexers write for the same program', (t) => {
  const tables = new TsMuxer([{ pid: 0x100, codec: 'h264' }, { pid: 0x101, codec: 'aac' }]).writeTables();
  t.is(tables.toString('hex', 0, 21), hex('47 4000 10 00 00 b00d 0001 c1 00 00 0001 f000 2ab104b2'));
  t.true(tables.subarray(21, 188).every((byte) => byte === 0xff));
  t.is(tables.toString('hex', 188, 188 + 27), hex('47 5000 10 00 02 b017 0001 c1 00 00 e100 f000 1b e100 f000 0f e101 f000'));
  t.is(tables.toString('hex', 215, 219), '2f44b99b');
});

test('a key frame of one packet has clock, stuffing and both time stamps in their places', (t) => {
  const packet = new TsMuxer([{ pid: 0x100, codec: 'h264' }]).writeAccessUnit({
    pid: 0x100,
    pts90k: 132_003,
    dts90k: 129_000,
    key: true,
    data: [Buffer.from('0000000109f0', 'hex'), Buffer.from('000001658880', 'hex')],
  });
  t.is(
    packet.toString('hex'),
    hex(`
      47 4100 30 98 50 0000ea60 7e 00 ${'ff'.repeat(145)}
      000001 e0 0019 84 c0 0a 31 0009 0747 11 0007 efd1
      0000000109f0 000001658880`),
  );
});
