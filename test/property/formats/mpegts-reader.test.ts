import test from 'ava';
import fc from 'fast-check';
import { TsMuxer, type TsAccessUnit } from '../../../core/formats/mpegts.ts';
import { TsReader, type TsInputStream, type TsReaderState, type TsUnit } from '../../../core/formats/mpegts-reader.ts';

const VIDEO = 0x100;
const AUDIO = 0x101;
const STREAMS = [{ pid: VIDEO, codec: 'h264' }, { pid: AUDIO, codec: 'aac' }] as const;
const WRAP = 2 ** 33;

/** Units whose times rise by at most ten seconds, from anywhere before a wrap of the clock. */
const units: fc.Arbitrary<readonly TsAccessUnit[]> = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: WRAP - 1 }), fc.integer({ min: WRAP - 1_000_000, max: WRAP - 1 })),
    fc.array(fc.record({ pid: fc.constantFrom(VIDEO, AUDIO), step: fc.nat(900_000), lead: fc.nat(90_000), key: fc.boolean(), size: fc.oneof(fc.nat(8), fc.integer({ min: 140, max: 800 })) }), { minLength: 1, maxLength: 15 }),
  )
  .map(([start, steps]) => {
    let dts90k = start;
    return steps.map(({ pid, step, lead, key, size }, index) => {
      if (index > 0) dts90k += step;
      return { pid, pts90k: dts90k + lead, dts90k, key, data: [Buffer.alloc(size, index + 1)] };
    });
  });
const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 });

function cut(bytes: Buffer, pieceSizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = pieceSizes[turn % pieceSizes.length]!;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function collect(): { units: TsUnit[]; programs: (readonly TsInputStream[])[]; sink: ConstructorParameters<typeof TsReader>[0] } {
  const got: TsUnit[] = [];
  const programs: (readonly TsInputStream[])[] = [];
  return { units: got, programs, sink: { onProgram: (streams) => programs.push(streams), onUnit: (unit) => got.push(unit) } };
}

const muxed = (all: readonly TsAccessUnit[]): Buffer => {
  const muxer = new TsMuxer(STREAMS);
  return Buffer.concat(all.flatMap((unit, index) => [...(index % 4 === 0 ? [muxer.writeTables()] : []), muxer.writeAccessUnit(unit)]));
};
const byPid = (list: readonly { pid: number; pts90k?: number | undefined; dts90k?: number | undefined; data: Uint8Array | readonly Uint8Array[] }[], pid: number) =>
  list.filter((unit) => unit.pid === pid).map(({ pts90k, dts90k, data }) => ({ pts90k, dts90k, data: Buffer.concat(Array.isArray(data) ? (data as Uint8Array[]) : [data as Uint8Array]).toString('hex') }));

test('what the multiplexer wrote is read again, through splits anywhere, a wrap of the clock, and a successor at any point', (t) => {
  const property = fc.property(units, sizes, fc.nat(30), (sent, pieceSizes, handOverAt) => {
    const got = collect();
    let reader = new TsReader(got.sink);
    cut(muxed(sent), pieceSizes).forEach((piece, index) => {
      // A successor gets plain data, as a swap of the plugin hands it over.
      if (index === handOverAt) reader = new TsReader(got.sink, structuredClone(reader.exportState()) as TsReaderState);
      reader.push(piece);
    });
    reader.flush();
    for (const pid of [VIDEO, AUDIO]) t.deepEqual(byPid(got.units, pid), byPid(sent, pid));
    t.is(got.programs.length, 1);
    t.like(reader.counters, { gaps: 0, skippedBytes: 0, damaged: 0 });
    t.true(got.units.every(({ discontinuity }) => !discontinuity));
  });
  fc.assert(property, { numRuns: 60 });
});

test('lost packets cost the units that they were of, and mark the next of their stream', (t) => {
  const property = fc.property(units, fc.nat(), (sent, nth) => {
    const bytes = muxed(sent);
    const packets = bytes.length / 188;
    const gone = 2 + (nth % (packets - 2));
    const got = collect();
    const reader = new TsReader(got.sink);
    reader.push(Buffer.concat([bytes.subarray(0, gone * 188), bytes.subarray((gone + 1) * 188)]));
    reader.flush();
    const whole = new Set(byPid(sent, VIDEO).concat(byPid(sent, AUDIO)).map(({ data }) => data));
    for (const { data } of byPid(got.units, VIDEO).concat(byPid(got.units, AUDIO))) t.true(whole.has(data), 'no unit is made of pieces');
    t.true(got.units.length >= sent.length - 2);
  });
  fc.assert(property, { numRuns: 60 });
});

test('any bytes, and any damage to a stream, are taken without a throw and without growth', (t) => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 40 });
  const property = fc.property(units, damage, fc.uint8Array({ maxLength: 400 }), sizes, (sent, changes, noise, pieceSizes) => {
    const bytes = Buffer.concat([muxed(sent), noise, muxed(sent)]);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    const reader = new TsReader(collect().sink);
    for (const piece of cut(bytes, pieceSizes)) reader.push(piece);
    reader.flush();
    t.true(reader.exportState().rest.length < 188);
    t.true(reader.exportState().streams.length <= 32);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 150 }));
});
