import test from 'ava';
import fc from 'fast-check';
import { DRIFT_STEP_SAMPLES, MAX_FILL_US, MAX_SLIP_US, SampleClock } from '../../../plugins/transcoder/child/sample-clock.ts';

const RATE_HZ = 48_000;
const PIECE = 1024;
const PIECE_US = (PIECE * 1_000_000) / RATE_HZ;

/** Plays pieces with the given stamps as a chain does, drift worked off; gives the clock's steps and the last slip. */
function play(stampsUs: readonly number[], clock = new SampleClock()): { steps: string[]; slipUs: number } {
  const steps: string[] = [];
  let since = 0;
  let slipUs = 0;
  for (const ptsUs of stampsUs) {
    slipUs = ptsUs - (clock.nowUs ?? ptsUs);
    const step = clock.next(ptsUs);
    steps.push(step.type);
    if (step.type === 'fill') clock.advance(Math.round((step.us * RATE_HZ) / 1_000_000), RATE_HZ);
    since += PIECE;
    if (clock.correction !== 0 && since >= DRIFT_STEP_SAMPLES) {
      since = 0;
      clock.advance(clock.correction, RATE_HZ);
    }
    clock.advance(PIECE, RATE_HZ);
  }
  return { steps, slipUs };
}

const regular = (count: number, ppm = 0, fromUs = 0): number[] => Array.from({ length: count }, (_, index) => fromUs + Math.round(index * PIECE_US * (1 + ppm / 1_000_000)));

test('sound that comes as it is stamped is used as it is, also after an hour of rounded stamps', (t) => {
  const clock = new SampleClock();
  const { steps, slipUs } = play(regular(Math.ceil(3_600_000_000 / PIECE_US)), clock);
  t.true(steps.every((step) => step === 'go'));
  t.true(Math.abs(slipUs) < 100, `${slipUs} us`);
  t.is(clock.correction, 0);
});

test('jitter of stamps changes nothing', (t) => {
  const jittered = regular(2000).map((us, index) => us + (index % 2 === 0 ? 6000 : -6000));
  const clock = new SampleClock();
  t.true(play(jittered, clock).steps.every((step) => step === 'go'));
  t.is(clock.correction, 0);
});

for (const ppm of [200, -200, 500]) {
  test(`a source that is ${ppm} millionths off is followed within the slip that nobody hears`, (t) => {
    const { steps, slipUs } = play(regular(30_000, ppm));
    t.true(steps.every((step) => step === 'go'));
    t.true(Math.abs(slipUs) < 10_000, `${slipUs} us`);
  });
}

test('a hole up to the limit is filled by its length, a longer one and a step back begin anew', (t) => {
  const clock = new SampleClock();
  play(regular(10), clock);
  const endUs = clock.nowUs!;
  t.deepEqual(clock.next(endUs + MAX_FILL_US), { type: 'fill', us: MAX_FILL_US });
  t.deepEqual(clock.next(endUs + MAX_FILL_US + 1), { type: 'restart' });
  t.is(clock.nowUs, endUs + MAX_FILL_US + 1);
  t.deepEqual(clock.next(clock.nowUs! - MAX_SLIP_US), { type: 'go' });
  t.deepEqual(clock.next(clock.nowUs! - MAX_SLIP_US - 1), { type: 'restart' });
});

test('whatever the stamps, the clock is never further off than the slip once a step has been taken', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), { minLength: 1, maxLength: 50 }), (stamps) => {
      const clock = new SampleClock();
      for (const ptsUs of stamps) {
        const step = clock.next(ptsUs);
        if (step.type === 'fill') clock.advance((step.us * RATE_HZ) / 1_000_000, RATE_HZ);
        if (Math.abs(clock.nowUs! - ptsUs) > MAX_SLIP_US + 1) return false;
        clock.advance(PIECE, RATE_HZ);
      }
      return true;
    }),
  );
  t.pass();
});
