import test from 'ava';
import fc from 'fast-check';
import { headerExtensionsOf, withHeaderExtensions } from '../../../core/rtp/header-extensions.ts';
import { encodeRtp, parseRtp } from '../../../core/rtp/packet.ts';
import { encodeRtcp, parseRtcp, type WritableRtcp } from '../../../core/rtp/rtcp.ts';
import { SequenceUnwrapper } from '../../../core/rtp/sequence.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat({ max: 0xffff_ffff });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const reports = fc.array(
  fc.record({ ssrc: u32, fractionLost: u8, cumulativeLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }), highestSequence: u32, jitter: u32, lastSenderReport: u32, delaySinceLastSenderReport: u32 }),
  { maxLength: 31 },
);

const packet: fc.Arbitrary<WritableRtcp> = fc.oneof(
  fc.record({ type: fc.constant('senderReport' as const), ssrc: u32, ntp: fc.record({ seconds: u32, fraction: u32 }), rtpTimestamp: u32, packetCount: u32, octetCount: u32, reports }),
  fc.record({ type: fc.constant('receiverReport' as const), ssrc: u32, reports }),
  fc.record({
    type: fc.constant('sourceDescription' as const),
    chunks: fc.array(fc.record({ ssrc: u32, items: fc.array(fc.record({ item: fc.integer({ min: 1, max: 255 }), text }), { maxLength: 4 }) }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant('goodbye' as const), ssrcs: fc.array(u32, { maxLength: 31 }) }),
  fc.record({ type: fc.constant('goodbye' as const), ssrcs: fc.array(u32, { maxLength: 31 }), reason: text }),
  fc.record({ type: fc.constant('nack' as const), senderSsrc: u32, mediaSsrc: u32, sequences: fc.uniqueArray(u16, { maxLength: 100 }).map((list) => list.sort((a, b) => a - b)) }),
  fc.record({ type: fc.constant('pli' as const), senderSsrc: u32, mediaSsrc: u32 }),
  fc.record({ type: fc.constant('fir' as const), senderSsrc: u32, entries: fc.array(fc.record({ ssrc: u32, commandSequence: u8 }), { maxLength: 10 }) }),
  fc.record({ type: fc.constant('remb' as const), senderSsrc: u32, bitrateBps: fc.nat(0x3_ffff).chain((mantissa) => fc.nat(30).map((exponent) => mantissa * 2 ** exponent)), ssrcs: fc.array(u32, { maxLength: 20 }) }),
);

test('every RTCP compound is read as it was written', (t) => {
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 8 }), (packets) => {
      t.deepEqual(parseRtcp(encodeRtcp(packets)), packets);
    }),
    { numRuns: 300 },
  );
});

test('every RTP packet is read as it was written, header extensions included', (t) => {
  const elements = fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 255 }), data: fc.uint8Array({ maxLength: 40 }) }), { selector: ({ id }) => id, maxLength: 6 });
  const fields = fc.record({ payloadType: fc.nat(127), marker: fc.boolean(), sequenceNumber: u16, timestamp: u32, ssrc: u32, csrcs: fc.array(u32, { maxLength: 15 }), payload: fc.uint8Array({ maxLength: 200 }) });
  fc.assert(
    fc.property(fields, elements, (given, extensions) => {
      const bare = encodeRtp(given);
      t.deepEqual(parseRtp(bare), { ...given, extension: undefined });
      const extended = withHeaderExtensions(bare, extensions);
      t.deepEqual(headerExtensionsOf(extended), extensions);
      t.deepEqual(withHeaderExtensions(extended, []), bare);
    }),
    { numRuns: 300 },
  );
});

test('a loop of sequence numbers, reordered and with holes, extends to the numbers it was made from', (t) => {
  const steps = fc.array(fc.record({ step: fc.integer({ min: 1, max: 9_000 }), back: fc.nat(500) }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(u16, steps, (start, list) => {
      const unwrapper = new SequenceUnwrapper();
      let front = 0x1_0000 + start;
      t.is(unwrapper.unwrap(start), front);
      for (const { step, back } of list) {
        front += step;
        t.is(unwrapper.unwrap(front & 0xffff), front);
        t.is(unwrapper.unwrap((front - back) & 0xffff), front - back);
      }
    }),
    { numRuns: 200 },
  );
});
