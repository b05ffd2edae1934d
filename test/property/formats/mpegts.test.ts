import test from 'ava';
import fc from 'fast-check';
import { TsMuxer, type TsAccessUnit } from '../../../core/formats/mpegts.ts';
import { demuxTs } from '../../support/ts-demux.ts';

const VIDEO = 0x100;
const AUDIO = 0x101;
const WRAP = 2 ** 33;

const unit: fc.Arbitrary<TsAccessUnit> = fc.record({
  pid: fc.constantFrom(VIDEO, AUDIO),
  pts90k: fc.maxSafeNat(),
  dts90k: fc.maxSafeNat(),
  key: fc.boolean(),
  // Sizes gather where a packet is just full, one byte short of it and one over.
  data: fc.array(fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.integer({ min: 140, max: 380 }).map((size) => Buffer.alloc(size, size))), { minLength: 1, maxLength: 4 }),
  discontinuity: fc.boolean(),
});

test('whatever access units go in, a demultiplexer gets the same units, times and marks, with whole counters over a swap', (t) => {
  const streams = [{ pid: VIDEO, codec: 'h264' }, { pid: AUDIO, codec: 'aac' }] as const;
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 20 }), fc.nat(20), (units, swapAt) => {
      let muxer = new TsMuxer(streams);
      const packets = units.flatMap((each, index) => {
        if (index === swapAt) muxer = new TsMuxer(streams, structuredClone(muxer.exportState()));
        return [...(index % 5 === 0 ? [muxer.writeTables()] : []), muxer.writeAccessUnit(each)];
      });
      const read = demuxTs(Buffer.concat(packets)).units;
      t.deepEqual(
        read.map(({ pid, pts, dts, randomAccess, discontinuity, data }) => ({ pid, pts, dts, randomAccess, discontinuity, data })),
        units.map(({ pid, pts90k, dts90k, key, discontinuity, data }) => ({
          pid,
          pts: pts90k % WRAP,
          dts: dts90k % WRAP,
          randomAccess: key,
          discontinuity: discontinuity === true,
          data: Buffer.concat(data),
        })),
      );
      for (const each of read) t.is(each.clock, each.pid === VIDEO ? (each.dts - 9000 + WRAP) % WRAP : undefined);
    }),
    { numRuns: 200 },
  );
});
