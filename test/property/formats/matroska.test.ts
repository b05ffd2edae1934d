import test from 'ava';
import fc from 'fast-check';
import { encodeCluster, encodeMatroskaHead, type MatroskaBlock, type MatroskaTrack } from '../../../core/formats/matroska.ts';
import { readBlocks, walkElements } from '../../support/ebml-walk.ts';

const block: fc.Arbitrary<MatroskaBlock> = fc.record({
  track: fc.integer({ min: 1, max: 126 }),
  ticks: fc.integer({ min: 5_000_000, max: 5_032_767 }),
  key: fc.boolean(),
  data: fc.uint8Array({ maxLength: 300 }),
});
const track: fc.Arbitrary<MatroskaTrack> = fc.oneof(
  fc.record({ number: fc.integer({ min: 1, max: 126 }), kind: fc.constant('video' as const), codec: fc.constantFrom('vp8' as const, 'h264' as const, 'av1' as const), width: fc.nat(65_535), height: fc.nat(65_535), codecConfig: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ number: fc.integer({ min: 1, max: 126 }), kind: fc.constant('audio' as const), codec: fc.constantFrom('pcma' as const, 'mp3' as const, 'g722' as const), sampleRateHz: fc.integer({ min: 8000, max: 96_000 }), channels: fc.integer({ min: 1, max: 8 }) }),
);

test('whatever blocks go into a cluster, a reader of its elements gets the same ones', (t) => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 20 }), (blocks) => {
      const expected = blocks.map(({ track: number, ticks, key, data }) => ({ track: number, ticks, key, data: Buffer.from(data) }));
      t.deepEqual(readBlocks(Buffer.concat(encodeCluster(blocks))), expected);
    }),
    { numRuns: 100 },
  );
});

test('a head of any tracks fills any room that is large enough, and its elements add up', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(track, { selector: ({ number }) => number, maxLength: 6 }), fc.integer({ min: 0, max: 400 }), fc.boolean(), (tracks, room, isComplete) => {
      const least = encodeMatroskaHead({ docType: 'matroska', tracks }).length;
      const headBytes = least + room + 64;
      const closing = { durationMs: 10, fileBytes: headBytes + 10, cuesAt: headBytes };
      const head = encodeMatroskaHead({ docType: 'matroska', tracks, headBytes, ...(isComplete ? { closing } : {}) });
      t.is(head.length, headBytes);
      const [ebml, segment] = walkElements(head);
      t.is(ebml!.id, 0x1a45dfa3);
      t.is(segment!.id, 0x18538067);
      t.is(segment!.children.find(({ id }) => id === 0x1654ae6b)!.children.length, tracks.length);
    }),
    { numRuns: 100 },
  );
});

test('tracks of one number, times without a cluster and heads without room are refused', (t) => {
  const one: MatroskaTrack = { number: 1, kind: 'video', codec: 'vp8', width: 1, height: 1 };
  t.throws(() => encodeMatroskaHead({ docType: 'webm', tracks: [one, one] }), { instanceOf: RangeError });
  t.throws(() => encodeMatroskaHead({ docType: 'webm', tracks: [{ ...one, number: 127 }] }), { instanceOf: RangeError });
  t.throws(() => encodeMatroskaHead({ docType: 'webm', tracks: [one], headBytes: 100 }), { instanceOf: RangeError });
  const data = new Uint8Array(1);
  t.throws(() => encodeCluster([{ track: 1, ticks: 0, key: true, data }, { track: 1, ticks: 32_768, key: true, data }]), { instanceOf: RangeError });
  t.throws(() => encodeCluster([{ track: 1, ticks: -1, key: true, data }]), { instanceOf: RangeError });
});
