import test from 'ava';
import { DecodeTimes } from '../../../core/formats/decode-times.ts';

const run = (times: DecodeTimes, pts: readonly number[]): number[] => pts.map((at) => times.next(at));

test('without reordering frames are decoded when they are shown', (t) => {
  t.deepEqual(run(new DecodeTimes({ depth: 0, maxDepth: 16, frameUs: 40 }), [100, 140, 180]), [100, 140, 180]);
});

test('with reordering decoding times are the presentation times in order, as many frames earlier as are reordered', (t) => {
  // I P B b: shown as I B b P.
  t.deepEqual(run(new DecodeTimes({ depth: 2, maxDepth: 16, frameUs: 40 }), [1000, 1120, 1040, 1080, 1240, 1160, 1200]), [920, 960, 1000, 1040, 1080, 1120, 1160]);
});

test('a stream that reorders more than it said steps back once, then never again', (t) => {
  const times = new DecodeTimes({ depth: 0, maxDepth: 16, frameUs: 40 });
  const pts = [1000, 1080, 1040, 1160, 1120, 1240, 1200];
  const dts = run(times, pts);
  t.deepEqual(dts, [1000, 1080, 1080, 1080, 1120, 1160, 1200]);
  t.deepEqual(pts.filter((at, index) => at < dts[index]!), [1040]);
});

test('a codec that never reorders follows its presentation times and holds small steps back', (t) => {
  t.deepEqual(run(new DecodeTimes({ depth: 2, maxDepth: 0, frameUs: 40 }), [1000, 990, 1010, 1020]), [1000, 1000, 1010, 1020]);
});
