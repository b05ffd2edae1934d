import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import * as aac from '../../../core/formats/aac.ts';
import * as av1 from '../../../core/formats/av1.ts';
import { BitReader, removeEmulationPrevention } from '../../../core/formats/bit-reader.ts';
import * as h264 from '../../../core/formats/h264.ts';
import * as hevc from '../../../core/formats/hevc.ts';
import { parseMp3Header } from '../../../core/formats/mp3.ts';
import * as opus from '../../../core/formats/opus.ts';
import * as vp9 from '../../../core/formats/vp9.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

test('Exp-Golomb codes are read as in table 9-2 and 9-3 of H.264', (t) => {
  const reader = new BitReader(Uint8Array.of(0b10100110, 0b01000010, 0b10011000));
  t.deepEqual([reader.ue(), reader.ue(), reader.ue(), reader.ue(), reader.ue()], [0, 1, 2, 3, 4]);
  const signed = new BitReader(Uint8Array.of(0b10100110, 0b01000010, 0b10000000));
  t.deepEqual([signed.se(), signed.se(), signed.se(), signed.se(), signed.se()], [0, 1, -1, 2, -2]);
});

test('an Exp-Golomb code of more than 31 zeros is a ProtocolError', (t) => {
  t.throws(() => new BitReader(new Uint8Array(20)).ue(), { instanceOf: ProtocolError });
});

test('32 bits are read unsigned, across byte borders too', (t) => {
  const reader = new BitReader(bytes('0fffffffff'));
  reader.skip(4);
  t.is(reader.bits(32), 0xffffffff);
  t.throws(() => reader.bits(5), { instanceOf: ProtocolError });
});

test('emulation prevention bytes go and other threes stay', (t) => {
  t.deepEqual(removeEmulationPrevention(bytes('67 000003 000003 01 03 000003')), bytes('67 0000 0000 01 03 0000'));
  const plain = bytes('67 00 03 01 00');
  t.is(removeEmulationPrevention(plain), plain);
});

test('a byte stream gets one delimiter, then the parameter sets', (t) => {
  const [sps, pps, idr] = [bytes('67 42'), bytes('68 ce'), bytes('65 88')];
  const plain = h264.lengthPrefixedToAnnexB(h264.joinNals([idr]), { parameterSets: [sps, pps] });
  t.deepEqual(plain, bytes('00000001 09f0 00000001 6742 00000001 68ce 00000001 6588'));
  const delimited = h264.lengthPrefixedToAnnexB(h264.joinNals([bytes('0910'), idr]));
  t.deepEqual(delimited, bytes('00000001 09f0 00000001 6588'));
  const high = hevc.lengthPrefixedToAnnexB(hevc.joinNals([bytes('2601af')]));
  t.deepEqual(high, bytes('00000001 460150 00000001 2601af'));
});

test('three-byte start codes, leading bytes and trailing zeros are understood', (t) => {
  const nals = h264.listNals(new h264.AnnexBCursor(bytes('ff 000001 6501 0000 000001 4102 0000')));
  t.deepEqual(nals, [bytes('6501'), bytes('4102')]);
});

test('every length size is walked, and a length past the end is a ProtocolError', (t) => {
  for (const size of [1, 2, 3, 4] as const) {
    const sample = bytes(`${'00'.repeat(size - 1)}02 06ff ${'00'.repeat(size - 1)}02 6588`);
    t.true(h264.isKeySample(sample, size));
    t.deepEqual(h264.listNals(new h264.LengthPrefixedCursor(sample, size)), [bytes('06ff'), bytes('6588')]);
  }
  t.throws(() => h264.isKeySample(bytes('00000009 41')), { instanceOf: ProtocolError });
  t.throws(() => h264.isKeySample(bytes('ffffffff 41')), { instanceOf: ProtocolError });
});

test('HEVC codec strings follow annex E', (t) => {
  const base = { profileSpace: 0, highTier: false, profileIdc: 1, compatibilityFlags: 0x60000000, constraintFlags: bytes('b00000000000'), levelIdc: 93 };
  t.is(hevc.codecString({ profile: base }), 'hvc1.1.6.L93.B0');
  const high = { ...base, profileSpace: 1, highTier: true, profileIdc: 2, compatibilityFlags: 0x20000000, constraintFlags: bytes('900010000000') };
  t.is(hevc.codecString({ profile: high }), 'hvc1.A2.4.H93.90.0.10');
});

test('CRA and BLA pictures of HEVC are key samples, leading pictures are not', (t) => {
  const ofType = (type: number): Uint8Array => hevc.joinNals([Uint8Array.of(type << 1, 1, 0)]);
  t.deepEqual([1, 9, 16, 19, 21, 23, 24].map((type) => hevc.isKeySample(ofType(type))), [false, false, true, true, true, true, false]);
});

test('explicit, hierarchical and backward-compatible AAC signalling are read', (t) => {
  t.like(aac.parseAudioSpecificConfig(bytes('1210')), { objectType: 2, sampleRateHz: 44100, channels: 2 });
  const heAac = aac.parseAudioSpecificConfig(bytes('2b920800'));
  t.like(heAac, { objectType: 2, sampleRateHz: 22050, channels: 2, sbr: { sampleRateHz: 44100, parametricStereo: false } });
  t.is(aac.codecString(heAac), 'mp4a.40.5');
  const compatible = aac.parseAudioSpecificConfig(bytes('131056e59d4880'));
  t.like(compatible, { sampleRateHz: 24000, channels: 2, sbr: { sampleRateHz: 48000, parametricStereo: true } });
  t.is(aac.codecString(compatible), 'mp4a.40.29');
  t.throws(() => aac.parseAudioSpecificConfig(bytes('12')), { instanceOf: ProtocolError });
});

test('an ADTS header that is no header, or shorter than itself, is a ProtocolError', (t) => {
  t.throws(() => aac.parseAdtsHeader(bytes('fff1508000')), { instanceOf: ProtocolError });
  t.throws(() => aac.parseAdtsHeader(bytes('00f15080000000')), { instanceOf: ProtocolError });
  t.throws(() => aac.parseAdtsHeader(bytes('fff150800001fc')), { instanceOf: ProtocolError });
  t.throws(() => aac.encodeAdtsHeader(aac.aacLcConfig(48000, 2), 9000), { instanceOf: RangeError });
});

test('Opus durations follow the table of configurations', (t) => {
  const samples = (configuration: number, code: number, count = 0): number => opus.opusPacketSamples(Uint8Array.of((configuration << 3) | code, count));
  t.deepEqual([samples(0, 0), samples(3, 0), samples(13, 1), samples(16, 2), samples(31, 3, 6)], [480, 2880, 1920, 240, 5760]);
  t.throws(() => samples(3, 3, 3), { instanceOf: ProtocolError });
  t.throws(() => samples(3, 3, 0), { instanceOf: ProtocolError });
  t.throws(() => opus.opusPacketSamples(new Uint8Array(0)), { instanceOf: ProtocolError });
});

test('MPEG-2 and mono MP3 headers are read, free format is refused', (t) => {
  t.like(parseMp3Header(bytes('fff384c4')), { version: 2, layer: 3, sampleRateHz: 24000, channels: 1, samplesPerFrame: 576, bitRate: 64000, frameLength: 192 });
  t.throws(() => parseMp3Header(bytes('fffb04c4')), { instanceOf: ProtocolError });
});

test('an AV1 OBU without a size ends the sample, one past the end is a ProtocolError', (t) => {
  const cursor = new av1.ObuCursor(bytes('1200 30 1020'));
  t.true(cursor.next());
  t.is(cursor.type, av1.OBU_TYPE.temporalDelimiter);
  t.true(cursor.next());
  t.deepEqual([cursor.type, cursor.payloadStart, cursor.end], [av1.OBU_TYPE.frame, 3, 5]);
  t.false(cursor.next());
  t.true(av1.isKeySample(bytes('1200 30 1020')));
  t.throws(() => av1.isKeySample(bytes('32 05 10')), { instanceOf: ProtocolError });
  t.throws(() => av1.isKeySample(bytes('32 ffffffffffffffff01')), { instanceOf: ProtocolError });
});

test('the VP9 key bit is found behind the reserved bit of profile 3', (t) => {
  t.deepEqual(['80', '84', '88', 'b0', 'b2', 'b4', '00'].map((hex) => vp9.isKeySample(bytes(hex))), [true, false, false, true, false, false, false]);
});
