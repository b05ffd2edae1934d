import test from 'ava';
import { encodeFragment, encodeInitSegment, type Mp4Sample, type Mp4Track } from '../../../core/formats/mp4.ts';
import { boxesAt, readFragment, walkBoxes } from '../../support/mp4-walk.ts';

const video: Mp4Track = { id: 1, kind: 'video', codec: 'h264', timescaleHz: 90_000, codecConfig: Buffer.from('0142c01effe1', 'hex'), width: 640, height: 360 };
const audio: Mp4Track = { id: 7, kind: 'audio', codec: 'aac', timescaleHz: 48_000, codecConfig: Buffer.from('1190', 'hex'), sampleRateHz: 48_000, channels: 2 };

function sample(byte: number, rest: Partial<Mp4Sample> = {}): Mp4Sample {
  return { data: Buffer.alloc(5, byte), duration: 3000, compositionOffset: 0, isSync: false, ...rest };
}

test('the init segment has a track and a trex for each track, and no movie extends header', (t) => {
  const boxes = walkBoxes(encodeInitSegment([video, audio]));
  t.deepEqual(boxes.map((box) => box.type), ['ftyp', 'moov']);
  t.deepEqual(boxesAt(boxes, 'moov')[0]?.children.map((box) => box.type), ['mvhd', 'trak', 'trak', 'mvex']);
  t.deepEqual(boxesAt(boxes, 'moov/mvex/trex').map((box) => box.content.readUInt32BE(4)), [1, 7]);
  t.deepEqual(boxesAt(boxes, 'moov/trak/mdia/mdhd').map((box) => box.content.readUInt32BE(12)), [90_000, 48_000]);
  t.is(boxesAt(boxes, 'moov/mvhd')[0]?.content.readUInt32BE(96), 8, 'next_track_ID is above all ids');
});

test('only a single track is branded as CMAF', (t) => {
  const brands = (tracks: Mp4Track[]): string => walkBoxes(encodeInitSegment(tracks))[0]!.content.toString('latin1');
  t.is(brands([video]), 'iso6\0\0\0\0iso6mp41cmfc');
  t.is(brands([video, audio]), 'iso6\0\0\0\0iso6mp41');
  t.is(brands([{ ...video, codec: 'av1' }]), 'iso6\0\0\0\0iso6mp41cmfcav01');
});

test('each codec has its sample entry and configuration box', (t) => {
  const entryOf = (track: Mp4Track): string[] => {
    const stsd = boxesAt(walkBoxes(encodeInitSegment([track])), 'moov/trak/mdia/minf/stbl/stsd')[0]!.content;
    const entry = walkBoxes(stsd.subarray(8))[0]!;
    return [entry.type, walkBoxes(entry.content.subarray(track.kind === 'video' ? 78 : 28))[0]!.type];
  };
  const seen = (['h264', 'hevc', 'av1', 'vp8', 'vp9'] as const).map((codec) => entryOf({ ...video, codec }));
  t.deepEqual(seen, [['avc1', 'avcC'], ['hvc1', 'hvcC'], ['av01', 'av1C'], ['vp08', 'vpcC'], ['vp09', 'vpcC']]);
  const heard = (['aac', 'opus', 'mp3'] as const).map((codec) => entryOf({ ...audio, codec }));
  t.deepEqual(heard, [['mp4a', 'esds'], ['Opus', 'dOps'], ['mp4a', 'esds']]);
});

test('a decoder configuration of more than 127 bytes gets a length of two groups', (t) => {
  const codecConfig = Buffer.alloc(300, 0x55);
  const bytes = Buffer.from(encodeInitSegment([{ ...audio, codecConfig }]));
  const esds = bytes.subarray(bytes.indexOf('esds') + 8);
  t.is(esds.subarray(0, 3).toString('hex'), '038245', 'ES descriptor of 325 bytes');
  t.true(esds.includes(Buffer.concat([Buffer.from('05822c', 'hex'), codecConfig])));
  t.is(bytes.readUInt32BE(bytes.indexOf('esds') - 4), 12 + 3 + 325);
});

test('a sampling rate above 65535 Hz leaves its field empty', (t) => {
  const bytes = Buffer.from(encodeInitSegment([{ ...audio, sampleRateHz: 96_000 }]));
  t.is(bytes.readUInt32BE(bytes.indexOf('esds') - 8), 0);
});

test('track ids that are missing, repeated or zero are refused', (t) => {
  for (const tracks of [[], [video, { ...audio, id: 1 }], [{ ...video, id: 0 }]]) {
    t.throws(() => encodeInitSegment(tracks), { instanceOf: RangeError });
  }
});

test('times above 32 bits are exact', (t) => {
  const baseDecodeTime = 2 ** 40 + 12_345;
  const read = readFragment(encodeFragment({ sequenceNumber: 9, tracks: [{ id: 1, baseDecodeTime, samples: [sample(1), sample(2)] }] }));
  t.deepEqual(read.get(1)?.map((each) => each.dts), [BigInt(baseDecodeTime), BigInt(baseDecodeTime + 3000)]);
});

test('durations and flags that all samples share are said once', (t) => {
  const trunBytes = (samples: Mp4Sample[]): number =>
    boxesAt(walkBoxes(encodeFragment({ sequenceNumber: 1, tracks: [{ id: 1, baseDecodeTime: 0, samples }] })), 'moof/traf/trun')[0]!.content.length;
  t.is(trunBytes([sample(1), sample(2)]), 12 + 2 * 4);
  t.is(trunBytes([sample(1), sample(2, { duration: 1 })]), 12 + 2 * 8);
  t.is(trunBytes([sample(1, { isSync: true }), sample(2)]), 12 + 2 * 8);
  t.is(trunBytes([sample(1), sample(2, { compositionOffset: -1 })]), 12 + 2 * 8);
});

test('a track without samples is left out', (t) => {
  const tracks = [{ id: 1, baseDecodeTime: 0, samples: [] }, { id: 2, baseDecodeTime: 0, samples: [sample(3)] }];
  t.deepEqual([...readFragment(encodeFragment({ sequenceNumber: 1, tracks })).keys()], [2]);
});

test('the segment type stands first and moves no sample', (t) => {
  const tracks = [{ id: 1, baseDecodeTime: 0, samples: [sample(4)] }];
  const plain = encodeFragment({ sequenceNumber: 1, tracks });
  const branded = encodeFragment({ sequenceNumber: 1, tracks, segmentBrand: 'cmfl' });
  t.is(branded.toString('latin1', 0, 28), '\0\0\0\x1cstypcmfl\0\0\0\0cmfliso6msdh');
  t.deepEqual(branded.subarray(28), plain);
});

test('numbers that do not fit are refused', (t) => {
  const encode = (rest: Partial<Mp4Sample>, baseDecodeTime = 0): unknown =>
    encodeFragment({ sequenceNumber: 1, tracks: [{ id: 1, baseDecodeTime, samples: [sample(1, rest)] }] });
  t.throws(() => encode({ duration: 2 ** 32 }), { instanceOf: RangeError });
  t.throws(() => encode({ duration: 1.5 }), { instanceOf: RangeError });
  t.throws(() => encode({ duration: Number.NaN }), { instanceOf: RangeError });
  t.throws(() => encode({ compositionOffset: -(2 ** 31) - 1 }), { instanceOf: RangeError });
  t.throws(() => encode({}, -1), { instanceOf: RangeError });
  t.throws(() => encode({}, 2 ** 53), { instanceOf: RangeError });
});
