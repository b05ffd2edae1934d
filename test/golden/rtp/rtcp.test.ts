import test from 'ava';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { encodeRtcp, parseRtcp, type RtcpPacket, type WritableRtcp } from '../../../core/rtp/rtcp.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** Written by hand from the figures of the documents. */
const samples: Readonly<Record<string, readonly [hex: string, packet: WritableRtcp]>> = {
  'a sender report with one block': [
    '81c8000c 11223344 e93ce0d2 80000000 00015f90 0000000a 00002710 55667788 40ffffff 00010003 00000014 e0d28000 00010000',
    {
      type: 'senderReport',
      ssrc: 0x11223344,
      ntp: { seconds: 0xe93ce0d2, fraction: 0x80000000 },
      rtpTimestamp: 90_000,
      packetCount: 10,
      octetCount: 10_000,
      reports: [{ ssrc: 0x55667788, fractionLost: 64, cumulativeLost: -1, highestSequence: 0x10003, jitter: 20, lastSenderReport: 0xe0d28000, delaySinceLastSenderReport: 0x10000 }],
    },
  ],
  'an empty receiver report': ['80c90001 11223344', { type: 'receiverReport', ssrc: 0x11223344, reports: [] }],
  'a CNAME': ['81ca0003 11223344 01036162 63000000', { type: 'sourceDescription', chunks: [{ ssrc: 0x11223344, items: [{ item: 1, text: 'abc' }] }] }],
  'a CNAME that ends at a word': ['81ca0003 11223344 01056162 63646500', { type: 'sourceDescription', chunks: [{ ssrc: 0x11223344, items: [{ item: 1, text: 'abcde' }] }] }],
  'a goodbye with a reason': ['81cb0003 11223344 06637573 746f6d00', { type: 'goodbye', ssrcs: [0x11223344], reason: 'custom' }],
  'a NACK of two entries around the wrap': ['81cd0004 00000001 11223344 fffe0005 00400000', { type: 'nack', senderSsrc: 1, mediaSsrc: 0x11223344, sequences: [0xfffe, 0xffff, 1, 0x40] }],
  'a PLI': ['81ce0002 00000001 11223344', { type: 'pli', senderSsrc: 1, mediaSsrc: 0x11223344 }],
  'a FIR': ['84ce0004 00000001 00000000 11223344 07000000', { type: 'fir', senderSsrc: 1, entries: [{ ssrc: 0x11223344, commandSequence: 7 }] }],
  // 2.5 Mb/s is 156250 << 4.
  'a REMB': ['8fce0005 00000001 00000000 52454d42 0112625a 11223344', { type: 'remb', senderSsrc: 1, bitrateBps: 2_500_000, ssrcs: [0x11223344] }],
};

for (const [name, [hex, packet]] of Object.entries(samples)) {
  test(`${name} has the bytes of its document`, (t) => {
    t.deepEqual(parseRtcp(bytes(hex)), [packet]);
    t.is(hexOf(encodeRtcp([packet])), hex.replaceAll(' ', ''));
  });
}

test('a compound is read packet by packet, unknown ones among them, padding at its end', (t) => {
  const expected: RtcpPacket[] = [
    { type: 'receiverReport', ssrc: 0x11223344, reports: [] },
    { type: 'unknown', packetType: 204, format: 1 },
    { type: 'unknown', packetType: 206, format: 2 },
    { type: 'pli', senderSsrc: 1, mediaSsrc: 2 },
  ];
  t.deepEqual(parseRtcp(bytes('80c90001 11223344 81cc0002 11223344 6e616d65 82ce0002 00000001 00000002 a1ce0003 00000001 00000002 00000004')), expected);
});

test('transport-wide feedback tells arrivals from run-length and vector chunks', (t) => {
  // Base 0xfffe, nineteen packets: a run of two small deltas, a one-bit vector 101 and zeros, a two-bit vector large, lost, small.
  const [packet] = parseRtcp(bytes('afcd0008 00000001 11223344 fffe0013 fffffe09 2002a800 e1000408 0c10ffff 14000003'));
  t.deepEqual(packet, {
    type: 'twcc',
    senderSsrc: 1,
    mediaSsrc: 0x11223344,
    feedbackCount: 9,
    referenceTimeMs: -128,
    arrivals: [
      { sequence: 0xfffe, deltaUs: 1000 },
      { sequence: 0xffff, deltaUs: 2000 },
      { sequence: 0, deltaUs: 3000 },
      { sequence: 1 },
      { sequence: 2, deltaUs: 4000 },
      ...Array.from({ length: 11 }, (_, index) => ({ sequence: 3 + index })),
      { sequence: 14, deltaUs: -250 },
      { sequence: 15 },
      { sequence: 16, deltaUs: 5000 },
    ],
  });
});

test('an RTP packet with every part has the bytes of its document', (t) => {
  const hex = '92e41234 00015f90 11223344 00000001 00000002 bede0001 10aa0000 0a0b0c';
  const packet = {
    payloadType: 100,
    marker: true,
    sequenceNumber: 0x1234,
    timestamp: 90_000,
    ssrc: 0x11223344,
    csrcs: [1, 2],
    extension: { profile: 0xbede, data: bytes('10aa0000') },
    payload: bytes('0a0b0c'),
  };
  t.deepEqual(parseRtp(bytes(hex)), packet);
  t.is(hexOf(encodeRtp(packet)), hex.replaceAll(' ', ''));
});
