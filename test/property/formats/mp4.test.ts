import test from 'ava';
import fc from 'fast-check';
import { encodeFragment, encodeFragmentPieces, type Mp4Sample } from '../../../core/formats/mp4.ts';
import { readFragment } from '../../support/mp4-walk.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const sample: fc.Arbitrary<Mp4Sample> = fc.record({
  data: fc.oneof(bytes, fc.array(bytes, { maxLength: 4 })),
  duration: fc.oneof(fc.constant(1024), fc.nat(2 ** 32 - 1)),
  compositionOffset: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  isSync: fc.boolean(),
});
const tracks = fc.uniqueArray(
  fc.record({ id: fc.integer({ min: 1, max: 9 }), baseDecodeTime: fc.maxSafeNat(), samples: fc.array(sample, { maxLength: 12 }) }),
  { selector: (track) => track.id, maxLength: 3 },
);

test('whatever samples go in, a reader of the boxes gets the same samples, times and flags', (t) => {
  fc.assert(
    fc.property(tracks, fc.nat(2 ** 32 - 1), fc.constantFrom('cmfs', 'cmff', 'cmfl', undefined), (input, sequenceNumber, brand) => {
      const fragment = { sequenceNumber, tracks: input, ...(brand && { segmentBrand: brand }) };
      const encoded = encodeFragment(fragment);
      t.deepEqual(Buffer.concat(encodeFragmentPieces(fragment)), encoded);
      const read = readFragment(encoded);
      const written = input.filter((track) => track.samples.length > 0);
      t.deepEqual([...read.keys()], written.map((track) => track.id));
      for (const track of written) {
        let dts = BigInt(track.baseDecodeTime);
        const expected = track.samples.map(({ data, duration, compositionOffset, isSync }) => {
          const whole = Buffer.concat(data instanceof Uint8Array ? [data] : data);
          const one = { dts, offset: compositionOffset, duration, flags: isSync ? 0x02000000 : 0x01010000, data: whole };
          dts += BigInt(duration);
          return one;
        });
        t.deepEqual(read.get(track.id), expected);
      }
    }),
    { numRuns: 150 },
  );
});
