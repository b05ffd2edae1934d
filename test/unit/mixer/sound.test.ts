import test from 'ava';
import fc from 'fast-check';
import { levelDb, Limiter, sumOf, withoutOwn, type MixInput } from '../../../plugins/mixer/child/audio-mix.ts';
import { Playout } from '../../../plugins/mixer/child/playout.ts';

const input = (samples: number[], gain = 1, speaking = true): MixInput => ({ samples: Int16Array.from(samples), gain, speaking });

test('levels are told in dB below full scale', (t) => {
  t.is(levelDb(new Int16Array(100)), -100);
  t.true(Math.abs(levelDb(new Int16Array(100).fill(32_767))) < 0.01);
  t.true(Math.abs(levelDb(new Int16Array(100).fill(3277)) + 20) < 0.01);
});

test('the sum has everybody who speaks at the level that is set, and without the own voice it has all others', (t) => {
  const all = [input([100, -200]), input([1000, 1000], 0.5), input([7, 7], 1, false)];
  const [total, rest] = [new Int32Array(2), new Int32Array(2)];
  sumOf(all, total);
  t.deepEqual([...total], [600, 300]);
  withoutOwn(total, all[1]!, rest);
  t.deepEqual([...rest], [100, -200]);
});

test('what fits is left as it is; a peak lowers the gain at once and nothing is ever cut off', (t) => {
  const limiter = new Limiter();
  const out = new Int16Array(4);
  limiter.limit(Int32Array.from([1, -2, 3, 32_767]), out);
  t.deepEqual([...out], [1, -2, 3, 32_767]);
  limiter.limit(Int32Array.from([65_534, 0, 0, 65_534]), out);
  t.deepEqual([...out], [32_767, 0, 0, 32_767]);
  limiter.limit(Int32Array.from([10_000, 10_000, 10_000, 10_000]), out);
  t.true((out[0] ?? 0) < 10_000 && (out[3] ?? 0) > (out[0] ?? 0));
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: -2_000_000, max: 2_000_000 }), { minLength: 8, maxLength: 8 }), { maxLength: 20 }), (ticks) => {
      const own = new Limiter();
      return ticks.every((tick) => {
        own.limit(Int32Array.from(tick), out);
        // A sample that was cut off, or ran over into the other sign, does not keep its proportion.
        return tick.slice(0, 4).every((sample, index) => Math.sign(sample) === 0 || Math.abs(out[index] ?? 0) <= Math.abs(sample) + 1);
      });
    }),
  );
});

const RATE_HZ = 8000;
const TICK = 160;

/** Plays pieces of 20 ms that carry their number, over a network that delays each as told; answers the numbers as they were played. */
function played(count: number, delayMs: (index: number) => number, options: { ppm?: number; lost?: (index: number) => boolean } = {}): { numbers: number[]; delayMs: number } {
  const playout = new Playout({ sampleRateHz: RATE_HZ, channels: 1, maxDelayMs: 200 });
  const arrivals = Array.from({ length: count }, (_, index) => ({ index, atMs: 1000 + index * 20 * (1 + (options.ppm ?? 0) / 1e6) + delayMs(index) }))
    .filter(({ index }) => options.lost?.(index) !== true)
    .sort((a, b) => a.atMs - b.atMs);
  const out = new Int16Array(TICK);
  const numbers: number[] = [];
  for (let nowMs = 1000; nowMs < 1000 + count * 20; nowMs += 20) {
    while (arrivals[0] !== undefined && arrivals[0].atMs <= nowMs) {
      const { index, atMs } = arrivals.shift()!;
      playout.push(index * 20, new Int16Array(TICK).fill(index + 1), atMs);
    }
    numbers.push(playout.read(out, nowMs) ? (out[TICK / 2] ?? 0) : 0);
  }
  return { numbers, delayMs: playout.delayMs };
}

const steps = (numbers: readonly number[]): number[] => numbers.slice(1).map((number, index) => number - (numbers[index] ?? 0));

test('sound over a calm network comes out whole, in order and with a short delay', (t) => {
  const { numbers, delayMs } = played(500, () => 3);
  const heard = numbers.slice(5);
  t.true(steps(heard).every((step) => step === 1), heard.join(' '));
  t.true(delayMs <= 25);
});

test('jitter raises the delay until nothing is missed any more', (t) => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const delays = Array.from({ length: 1500 }, () => random() * 60);
  // A network keeps the order of what it delays.
  for (let index = 1; index < delays.length; index += 1) delays[index] = Math.max(delays[index] ?? 0, (delays[index - 1] ?? 0) - 20);
  const { numbers, delayMs } = played(1500, (index) => delays[index] ?? 0);
  const late = numbers.slice(750);
  t.true(late.filter((number) => number === 0).length <= 8, `${late.filter((number) => number === 0).length} ticks of silence`);
  t.true(delayMs > 40 && delayMs < 100, String(delayMs));
});

for (const ppm of [200, -200]) {
  test(`a sender whose clock is off by ${ppm} ppm is followed for minutes with hardly a step`, (t) => {
    const { numbers } = played(15_000, () => 3, { ppm });
    // A fast sender has sent its last piece before the end.
    const heard = numbers.slice(10, -10);
    t.true(steps(heard).filter((step) => step !== 1).length <= 12, `${steps(heard).filter((step) => step !== 1).length} steps`);
    t.true((heard.at(-1) ?? 0) > 14_970, String(heard.at(-1)));
  });
}

test('lost pieces are silence in their place, and what comes after is in time', (t) => {
  const { numbers } = played(300, () => 3, { lost: (index) => index % 50 === 49 });
  const heard = numbers.slice(5);
  const missing = heard.filter((number) => number === 0).length;
  t.true(missing >= 5 && missing <= 7, String(missing));
  t.true((heard.at(-1) ?? 0) > 294);
});

test('a clock that jumps, forwards or back, goes on at once', (t) => {
  const playout = new Playout({ sampleRateHz: RATE_HZ, channels: 1, maxDelayMs: 200 });
  const out = new Int16Array(TICK);
  let heard = 0;
  for (let tick = 0; tick < 300; tick += 1) {
    const offsetMs = tick < 100 ? 0 : tick < 200 ? 3_600_000 : -50_000;
    playout.push(tick * 20 + offsetMs, new Int16Array(TICK).fill(tick + 1), 5000 + tick * 20);
    if (playout.read(out, 5000 + tick * 20)) heard += 1;
  }
  t.true(heard >= 285, String(heard));
});

test('silence that is only told of is played as its zeros would be', (t) => {
  t.plan(1);
  // Length in ticks, whether it is silence, and how far the stamp of the next piece is off, in ticks.
  const piece = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -500, max: 500 }) }));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 60 }), (pieces) => {
      const [told, zeros] = [0, 1].map(() => new Playout({ sampleRateHz: RATE_HZ, channels: 1, maxDelayMs: 200 })) as [Playout, Playout];
      const [a, b] = [new Int16Array(TICK), new Int16Array(TICK)];
      let [ptsMs, nowMs] = [0, 1000];
      return pieces.every(([ticks, isSilent, off], index) => {
        ptsMs += off * 20;
        const samples = new Int16Array(TICK * ticks).fill(isSilent ? 0 : index + 1);
        zeros.push(ptsMs, samples, nowMs);
        if (isSilent) told.pushSilence(ptsMs, TICK * ticks, nowMs);
        else told.push(ptsMs, samples, nowMs);
        let isEqual = true;
        for (let tick = 0; tick < ticks; tick += 1, nowMs += 20, ptsMs += 20) {
          told.read(a, nowMs);
          zeros.read(b, nowMs);
          isEqual &&= a.every((sample, at) => sample === b[at]) && told.timeMs(nowMs) === zeros.timeMs(nowMs);
        }
        return isEqual;
      });
    }),
  );
  t.pass();
});

test('any stamps and any pace keep the memory and give whole ticks', (t) => {
  t.plan(1);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 5000 })), { maxLength: 60 }), (pieces) => {
      const playout = new Playout({ sampleRateHz: RATE_HZ, channels: 1, maxDelayMs: 200 });
      const out = new Int16Array(TICK);
      let nowMs = 0;
      return pieces.every(([ptsMs, samples, waitMs]) => {
        nowMs += waitMs;
        playout.push(ptsMs, new Int16Array(samples).fill(5), nowMs);
        playout.read(out, nowMs);
        return out.every((sample) => sample === 0 || sample === 5) && playout.delayMs >= 20 && playout.delayMs <= 200;
      });
    }),
  );
  t.pass();
});

test('the place on the input\'s clock goes with what is played, and begins anew when that clock jumps', (t) => {
  const playout = new Playout({ sampleRateHz: 8000, channels: 1, maxDelayMs: 200 });
  const out = new Int16Array(160);
  t.is(playout.timeMs(0), undefined);
  for (let tick = 0; tick < 50; tick += 1) {
    playout.push(5000 + tick * 20, new Int16Array(160).fill(100), 1000 + tick * 20);
    playout.read(out, 1000 + tick * 20);
  }
  // What came at 1980 is stamped 5980; it is played after the delay.
  t.true(Math.abs(playout.timeMs(1980)! - (5980 - playout.delayMs)) <= 22, `${playout.timeMs(1980)}`);
  t.is(playout.timeMs(1990), playout.timeMs(1980)! + 10);
  playout.push(90_000, new Int16Array(160), 2000);
  t.is(playout.timeMs(2000), undefined);
});
