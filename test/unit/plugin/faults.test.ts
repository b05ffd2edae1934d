import test from 'ava';
import { FAULT_LIMIT, FAULT_WINDOW_MS, FaultWindow, RECOVERED_MS, RESTART_FIRST_MS, RESTART_MAX_MS } from '../../../core/plugin/faults.ts';

test('the limit counts faults within the window only', (t) => {
  const faults = new FaultWindow();
  for (let index = 1; index < FAULT_LIMIT; index++) t.false(faults.add(index));
  t.false(faults.add(FAULT_WINDOW_MS + 1), 'the first has left the window');
  t.true(faults.add(FAULT_WINDOW_MS + 1));
  t.is(faults.count(3 * FAULT_WINDOW_MS), 0);
});

test('a flood of faults takes no more memory than the limit', (t) => {
  const faults = new FaultWindow();
  for (let index = 0; index < 100_000; index++) faults.add(1);
  t.is(faults.count(1), FAULT_LIMIT);
});

test('waits double up to the longest, and begin anew after a long time without failure or a change', (t) => {
  const faults = new FaultWindow();
  const waits = Array.from({ length: 9 }, () => faults.nextRestartMs(0));
  t.deepEqual(waits.slice(0, 3), [RESTART_FIRST_MS, 2 * RESTART_FIRST_MS, 4 * RESTART_FIRST_MS]);
  t.is(waits.at(-1), RESTART_MAX_MS);
  t.is(faults.nextRestartMs(RECOVERED_MS - 1), RESTART_MAX_MS);
  t.is(faults.nextRestartMs(RECOVERED_MS), RESTART_FIRST_MS);
  faults.nextRestartMs(0);
  faults.clear();
  t.is(faults.nextRestartMs(0), 4 * RESTART_FIRST_MS, 'other code alone proves nothing');
  faults.reset();
  t.is(faults.nextRestartMs(0), RESTART_FIRST_MS);
});
