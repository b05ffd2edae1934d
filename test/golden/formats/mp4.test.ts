import test from 'ava';
import { encodeFragment, encodeInitSegment } from '../../../core/formats/mp4.ts';

/** Hexadecimal text with blanks and line ends, as a box table reads best. */
function hex(text: string): string {
  return text.replace(/\s+/g, '');
}

test('a fragment of two tracks has the bytes that the box definitions give', (t) => {
  const bytes = encodeFragment({
    sequenceNumber: 3,
    tracks: [
      {
        id: 1,
        baseDecodeTime: 0x1_0000_0002,
        samples: [
          { data: Buffer.from('aabb', 'hex'), duration: 10, compositionOffset: 0, isSync: true },
          { data: [Buffer.from('cc', 'hex'), Buffer.from('ddee', 'hex')], duration: 11, compositionOffset: -5, isSync: false },
        ],
      },
      { id: 2, baseDecodeTime: 7, samples: [{ data: Buffer.from('ff', 'hex'), duration: 1024, compositionOffset: 0, isSync: true }] },
    ],
  });
  t.is(
    bytes.toString('hex'),
    hex(`
      000000c4 6d6f6f66
        00000010 6d666864 00000000 00000003
        00000060 74726166
          00000010 74666864 00020000 00000001
          00000014 74666474 01000000 00000001 00000002
          00000034 7472756e 01000f01 00000002 000000cc
            0000000a 00000002 02000000 00000000
            0000000b 00000003 01010000 fffffffb
        0000004c 74726166
          00000018 74666864 00020028 00000002 00000400 02000000
          00000014 74666474 01000000 00000000 00000007
          00000018 7472756e 01000201 00000001 000000d1
            00000001
      0000000e 6d646174 aabb ccddee ff`),
  );
});

test('AAC, MP3, Opus and VP9 sample entries have the bytes of their specifications', (t) => {
  const entryHex = (bytes: Uint8Array, name: string): string => {
    const buffer = Buffer.from(bytes);
    const at = buffer.indexOf(name, buffer.indexOf('stsd')) - 4;
    return buffer.toString('hex', at, at + buffer.readUInt32BE(at));
  };
  const audio = { id: 1, kind: 'audio', timescaleHz: 48_000, sampleRateHz: 48_000, channels: 2 } as const;
  t.is(
    entryHex(encodeInitSegment([{ ...audio, codec: 'aac', codecConfig: Buffer.from('1190', 'hex') }]), 'mp4a'),
    hex(`
      0000004b 6d703461 000000000000 0001 0000000000000000 0002 0010 0000 0000 bb800000
        00000027 65736473 00000000
          03 19 0000 00
            04 11 40 15 000000 00000000 00000000
              05 02 1190
            06 01 02`),
  );
  t.is(
    entryHex(encodeInitSegment([{ ...audio, codec: 'mp3', sampleRateHz: 24_000, codecConfig: new Uint8Array(0) }]), 'mp4a'),
    hex(`
      00000047 6d703461 000000000000 0001 0000000000000000 0002 0010 0000 0000 5dc00000
        00000023 65736473 00000000
          03 15 0000 00
            04 0d 69 15 000000 00000000 00000000
            06 01 02`),
  );
  t.is(
    entryHex(encodeInitSegment([{ ...audio, codec: 'opus', codecConfig: Buffer.from('00 02 0138 0000bb80 0000 00'.replaceAll(' ', ''), 'hex') }]), 'Opus'),
    hex(`
      00000037 4f707573 000000000000 0001 0000000000000000 0002 0010 0000 0000 bb800000
        00000013 644f7073 00020138 0000bb80 000000`),
  );
  const vp9 = { id: 1, kind: 'video', codec: 'vp9', timescaleHz: 90_000, width: 320, height: 180, codecConfig: Buffer.from('000a820101010000', 'hex') } as const;
  t.is(
    entryHex(encodeInitSegment([vp9]), 'vp09'),
    hex(`
      0000006a 76703039 000000000000 0001 00000000000000000000000000000000 0140 00b4 00480000 00480000 00000000 0001
        ${'00'.repeat(32)} 0018 ffff
        00000014 76706343 01000000 000a820101010000`),
  );
});
