import test from 'ava';
import fc from 'fast-check';
import { Transits } from '../../../plugins/mixer/child/transits.ts';

test('the fastest and every share of the last 250 transits are those of a sorted list', (t) => {
  t.plan(1);
  const transit = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constant('restart' as const));
  fc.assert(
    fc.property(fc.array(transit, { minLength: 1, maxLength: 900, size: 'max' }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
      const transits = new Transits();
      let known: number[] = [];
      return steps.every((step) => {
        if (step === 'restart') {
          transits.restart();
          known = known.length === 0 ? [0] : known.slice(-1);
        } else {
          transits.add(step);
          known = [...known, step].slice(-250);
        }
        const sorted = [...known].sort((a, b) => a - b);
        return transits.size === known.length && transits.fastest === sorted[0] && transits.percentile(share) === sorted[Math.floor((sorted.length - 1) * share)];
      });
    }),
    { numRuns: 40 },
  );
  t.pass();
});
