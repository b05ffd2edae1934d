import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeHeaderExtensions, headerExtensionsOf, mapHeaderExtensions, parseHeaderExtensions, readHeaderExtension, withHeaderExtensions, withoutHeaderExtensions } from '../../../core/rtp/header-extensions.ts';
import { compactNtp, compactNtpOfMs, ntpOfUnixMs, unixMsOfNtp } from '../../../core/rtp/ntp.ts';
import { encodeRtp, isRtcp, parseRtp, rtpMarker, rtpPayloadType, setRtpPayloadType, setRtpSequenceNumber, setRtpSsrc, setRtpTimestamp, withoutPadding } from '../../../core/rtp/packet.ts';
import { SequenceUnwrapper, sequenceDistance, TimestampUnwrapper } from '../../../core/rtp/sequence.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const plain = (): Uint8Array => encodeRtp({ payloadType: 96, marker: true, sequenceNumber: 7, timestamp: 8, ssrc: 9, payload: bytes(1, 2, 3) });

test('the fields of a packet are rewritten where they stand', (t) => {
  const packet = plain();
  setRtpPayloadType(packet, 102);
  setRtpSequenceNumber(packet, 0x2_fffe);
  setRtpTimestamp(packet, 2 ** 32 + 5);
  setRtpSsrc(packet, 0xfeedbeef);
  const parsed = parseRtp(packet);
  t.like(parsed, { payloadType: 102, marker: true, sequenceNumber: 0xfffe, timestamp: 5, ssrc: 0xfeedbeef });
  t.deepEqual(parsed.payload, bytes(1, 2, 3));
});

test('padding is cut off, and its bit with it', (t) => {
  const padded = new Uint8Array([...plain(), 0, 0, 0, 4]);
  padded[0] = padded[0]! | 0x20;
  t.deepEqual(withoutPadding(padded), plain());
  t.deepEqual(parseRtp(padded).payload, bytes(1, 2, 3));
  const whole = plain();
  t.is(withoutPadding(whole), whole);
  padded[padded.length - 1] = 8;
  t.throws(() => parseRtp(padded), { instanceOf: ProtocolError });
});

test('a packet with a wrong version, too few bytes or lengths beyond its end is refused', (t) => {
  const version1 = plain();
  version1[0] = 0x40;
  const manyCsrcs = plain();
  manyCsrcs[0] = 0x8f;
  const longExtension = encodeRtp({ payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 0, extension: { profile: 0xbede, data: bytes(0, 0, 0, 0) }, payload: bytes() });
  longExtension[15] = 2;
  for (const broken of [version1, manyCsrcs, longExtension, plain().subarray(0, 11)]) t.throws(() => parseRtp(broken), { instanceOf: ProtocolError });
});

test('RTCP is told from RTP by its type, a marker on payload type 63 included', (t) => {
  t.true(isRtcp(bytes(0x80, 200)));
  t.true(isRtcp(bytes(0x8f, 206)));
  t.false(isRtcp(plain()));
  t.false(isRtcp(bytes(0x80, 0x80 | 111)));
  t.true(rtpMarker(plain()));
  t.is(rtpPayloadType(plain()), 96);
});

test('header extensions take the one-byte form where they fit, the two-byte form otherwise', (t) => {
  const small = [{ id: 3, data: bytes(1) }, { id: 14, data: bytes(1, 2, 3) }];
  t.deepEqual(encodeHeaderExtensions(small), { profile: 0xbede, data: bytes(0x30, 1, 0xe2, 1, 2, 3, 0, 0) });
  const large = [{ id: 15, data: bytes(7) }, { id: 4, data: bytes() }];
  t.deepEqual(encodeHeaderExtensions(large), { profile: 0x1000, data: bytes(15, 1, 7, 4, 0, 0, 0, 0) });
  for (const elements of [small, large]) t.deepEqual(headerExtensionsOf(withHeaderExtensions(plain(), elements)), elements);
  t.is(encodeHeaderExtensions([]), undefined);
});

test('padding within an extension is skipped, the stop id ends it, another profile has no elements', (t) => {
  t.deepEqual(parseHeaderExtensions({ profile: 0xbede, data: bytes(0, 0x10, 5, 0) }), [{ id: 1, data: bytes(5) }]);
  t.deepEqual(parseHeaderExtensions({ profile: 0xbede, data: bytes(0x10, 5, 0xf0, 0x20, 1, 1, 1, 1) }), [{ id: 1, data: bytes(5) }]);
  t.deepEqual(parseHeaderExtensions({ profile: 0xbede, data: bytes(0x10, 5, 0x03, 0x20) }), [{ id: 1, data: bytes(5) }]);
  t.deepEqual(parseHeaderExtensions({ profile: 0x1234, data: bytes(0x10, 5, 0, 0) }), []);
  t.throws(() => parseHeaderExtensions({ profile: 0xbede, data: bytes(0x1f, 5, 0, 0) }), { instanceOf: ProtocolError });
  t.throws(() => parseHeaderExtensions({ profile: 0x1000, data: bytes(0, 0, 0, 1) }), { instanceOf: ProtocolError });
});

test('extension ids are changed to the receiver’s, and what it did not negotiate is left out', (t) => {
  const packet = withHeaderExtensions(plain(), [{ id: 3, data: bytes(1) }, { id: 4, data: bytes(2) }]);
  const mapped = mapHeaderExtensions(packet, new Map([[4, 13]]));
  t.deepEqual(headerExtensionsOf(mapped), [{ id: 13, data: bytes(2) }]);
  t.deepEqual(readHeaderExtension(mapped, 13), bytes(2));
  t.deepEqual(mapHeaderExtensions(packet, new Map()), plain());
});

test('sequence numbers are extended over wraps, late ones and ones before the first included', (t) => {
  const unwrapper = new SequenceUnwrapper();
  t.deepEqual([65_534, 1, 65_535, 0, 65_533].map((sequence) => unwrapper.unwrap(sequence)), [131_070, 131_073, 131_071, 131_072, 131_069]);
  t.is(unwrapper.highest, 131_073);
  t.is(new SequenceUnwrapper(131_073).unwrap(2), 131_074);
  unwrapper.reset();
  t.is(unwrapper.unwrap(0), 65_536);
  t.is(unwrapper.unwrap(65_535), 65_535);
  t.is(sequenceDistance(65_535, 1), 2);
  t.is(sequenceDistance(1, 65_535), -2);
});

test('timestamps are extended over wraps', (t) => {
  const unwrapper = new TimestampUnwrapper();
  t.deepEqual([0xffff_ff00, 0x100, 0xffff_fe00].map((timestamp) => unwrapper.unwrap(timestamp)), [2 ** 33 - 0x100, 2 ** 33 + 0x100, 2 ** 33 - 0x200]);
});

test('wall-clock time goes to NTP and back', (t) => {
  t.deepEqual(ntpOfUnixMs(0), { seconds: 2_208_988_800, fraction: 0 });
  t.deepEqual(ntpOfUnixMs(1500), { seconds: 2_208_988_801, fraction: 0x8000_0000 });
  t.true(Math.abs(unixMsOfNtp(ntpOfUnixMs(1_700_000_000_123.25)) - 1_700_000_000_123.25) < 0.001);
  t.is(compactNtp({ seconds: 0x1234_5678, fraction: 0x9abc_def0 }), 0x5678_9abc);
  t.is(compactNtpOfMs(1500), 0x1_8000);
});

test('a packet without header extensions is a copy that may be written into, also of a Buffer, whose slice is none', (t) => {
  const bare = encodeRtp({ payloadType: 96, sequenceNumber: 1, timestamp: 2, ssrc: 3, payload: Uint8Array.of(4, 5) });
  for (const packet of [bare, withHeaderExtensions(bare, [{ id: 1, data: Uint8Array.of(6) }])]) {
    const received = Buffer.from(packet);
    const copy = withoutHeaderExtensions(received);
    t.deepEqual([...copy], [...bare]);
    copy.fill(0xff);
    t.deepEqual([...received], [...packet]);
  }
});
