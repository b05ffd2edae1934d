import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeAudioBody, encodeFlvHeader, encodeVideoBody, encodeVideoCommand, encodeVideoTracks, FlvReader, MAX_FLV_TAG_BYTES, parseAudioBody, parseVideoBody, type FlvVideoPacket } from '../../../core/formats/flv.ts';
import { NEED_MORE } from '../../../core/formats/need-more.ts';

const of = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const protocolError = { instanceOf: ProtocolError };
const hevc: FlvVideoPacket = { type: 'video', packet: 'frame', codec: 'h265', trackId: 0, timestampOffsetNs: 0, key: true, disposable: false, compositionTimeMs: -40, data: of('01') };

test('a legacy composition time is signed', (t) => {
  const [packet] = parseVideoBody(of('2701 ffffd8 aa'));
  t.like(packet, { codec: 'h264', packet: 'frame', key: false, compositionTimeMs: -40 });
});

test('H.265 as codec 12 is read, and written only when asked for', (t) => {
  const body = of('1c01 ffffd8 01');
  t.deepEqual(parseVideoBody(body), [hevc]);
  t.deepEqual(Buffer.concat(encodeVideoBody(hevc, 'legacy')), Buffer.from(body));
  t.is(encodeVideoBody(hevc)[0]?.[0], 0x91);
});

test('payloads are neither copied when read nor when written', (t) => {
  const body = of('1701 000000 aabb');
  const [packet] = parseVideoBody(body);
  if (packet?.packet !== 'frame') return t.fail();
  t.is(packet.data.buffer, body.buffer);
  t.is(encodeVideoBody(packet)[1], packet.data);
});

test('an end without composition time, a generated key frame and an empty body are taken as they are meant', (t) => {
  t.like(parseVideoBody(of('1702'))[0], { packet: 'end' });
  t.like(parseVideoBody(of('4701000000'))[0], { packet: 'frame', key: true });
  t.deepEqual(parseVideoBody(of('')), []);
  t.deepEqual(parseAudioBody(of('')), []);
});

test('commands to the player are told from pictures', (t) => {
  t.deepEqual(parseVideoBody(of('5700')), [{ type: 'video', packet: 'command', command: 0 }]);
  t.deepEqual(parseVideoBody(of('d101')), [{ type: 'video', packet: 'command', command: 1 }]);
  t.deepEqual(encodeVideoCommand({ type: 'video', packet: 'command', command: 1 }), [of('5701')]);
});

test('an unknown modifier is skipped, also one with a long size', (t) => {
  t.like(parseVideoBody(of('97 00 ff 11 61763031 aa'))[0], { codec: 'av1', packet: 'frame', timestampOffsetNs: 0 });
  const long = Buffer.concat([of('97 ff 00ff'), Buffer.alloc(256), of('11 61763031 aa')]);
  t.like(parseVideoBody(long)[0], { codec: 'av1', packet: 'frame' });
});

for (const [name, hex] of [
  ['a cut composition time', '2701ff'],
  ['a reserved codec', '18'],
  ['a reserved AVC packet type', '170300000000'],
  ['a reserved frame type', '0701000000'],
  ['an unknown four-character code', '9178787878'],
  ['a reserved packet type', '9861763031'],
  ['a multitrack message inside of another', '961661763031'],
  ['a reserved multitrack type', '963161763031'],
  ['a track longer than the message', '96116176303100000003aabb'],
  ['a time stamp offset of a millisecond', '97020f42400161763031'],
  ['a modifier that is cut', '97ff'],
] as const) {
  test(`${name} in a video body is refused`, (t) => {
    const error = t.throws(() => parseVideoBody(of(hex)), protocolError);
    t.is(typeof error.details['offset'], 'number');
  });
}

for (const [name, hex] of [
  ['a cut AAC header', 'af'],
  ['a reserved AAC packet type', 'af02'],
  ['a reserved sound format', 'c0'],
  ['a reserved packet type', '934f707573'],
  ['a reserved channel order', '944f7075730302'],
] as const) {
  test(`${name} in an audio body is refused`, (t) => {
    t.throws(() => parseAudioBody(of(hex)), protocolError);
  });
}

test('what a form cannot carry is refused', (t) => {
  t.throws(() => encodeVideoBody({ ...hevc, codec: 'vp9' }, 'enhanced'), { instanceOf: RangeError });
  t.throws(() => encodeVideoBody({ ...hevc, trackId: 1 }, 'legacy'), { instanceOf: RangeError });
  t.throws(() => encodeVideoBody({ ...hevc, codec: 'h263' }, 'enhanced'), { instanceOf: RangeError });
  t.throws(() => encodeVideoTracks([]), { instanceOf: RangeError });
  t.throws(() => encodeVideoTracks([hevc, { ...hevc, trackId: 1, key: false }]), { instanceOf: RangeError });
  const speex = { type: 'audio', packet: 'frame', codec: 'speex', trackId: 1, timestampOffsetNs: 0, sound: undefined, data: of('') } as const;
  t.throws(() => encodeAudioBody(speex), { instanceOf: RangeError });
  t.throws(() => encodeAudioBody(speex, 'legacy'), { instanceOf: RangeError });
});

test('the extended time stamp byte is the highest', (t) => {
  const reader = new FlvReader();
  reader.push(encodeFlvHeader({ hasAudio: false, hasVideo: true }));
  t.deepEqual(reader.next(), { type: 'header', hasAudio: false, hasVideo: true });
  t.is(reader.next(), NEED_MORE);
  reader.push(of('09 000001 020304 81 000000 aa 0000000c'));
  t.deepEqual(reader.next(), { type: 'video', timestampMs: 0x81020304, body: of('aa') });
});

for (const [name, hex] of [
  ['another signature', '464c57 0105 00000009 00000000'],
  ['another version', '464c56 0205 00000009 00000000'],
  ['an endless header', '464c56 0105 ffffffff 00000000'],
  ['an encrypted tag', '464c56 0105 00000009 00000000 28 000000 000000 00 000000'],
  ['an unknown tag', '464c56 0105 00000009 00000000 07 000000 000000 00 000000'],
  ['a tag above the limit', `464c56 0105 00000009 00000000 09 ${(MAX_FLV_TAG_BYTES + 1).toString(16)} 000000 00 000000`],
] as const) {
  test(`a file with ${name} is refused`, (t) => {
    const reader = new FlvReader();
    reader.push(of(hex));
    t.throws(() => { while (reader.next() !== NEED_MORE); }, protocolError);
  });
}
