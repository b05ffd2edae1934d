import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { ScopedTimers } from '../../../core/plugin/scoped-timers.ts';
import { Scope } from '../../../core/scope/scope.ts';
import { until } from '../../support/until.ts';

function timersIn(scope: Scope): { timers: ScopedTimers; guarded: number[] } {
  const guarded: number[] = [];
  const timers = new ScopedTimers(scope, (work) => {
    guarded.push(1);
    work();
  });
  return { timers, guarded };
}

test('a timer fires once through the guard and leaves nothing in its scope', async (t) => {
  const scope = new Scope('test');
  const { timers, guarded } = timersIn(scope);
  let fired = 0;
  const cancel = timers.after(1, () => fired++);
  await until(() => fired === 1);
  cancel();
  t.is(guarded.length, 1);
  t.is(scope.size, 0);
});

test('what is cancelled, or whose scope has closed, does not fire', async (t) => {
  const scope = new Scope('test');
  const { timers } = timersIn(scope);
  let fired = 0;
  timers.after(2, () => fired++)();
  t.is(scope.size, 0);
  timers.every(2, () => fired++);
  timers.after(2, () => fired++);
  await scope.close();
  let other = 0;
  new ScopedTimers(new Scope('other'), (work) => work()).after(10, () => other++);
  await until(() => other === 1);
  t.is(fired, 0);
  t.throws(() => timers.after(1, () => fired++), { instanceOf: WcsError, message: /is closed/ });
});

test('an interval goes on until it is cancelled', async (t) => {
  const scope = new Scope('test');
  const { timers } = timersIn(scope);
  let fired = 0;
  const cancel = timers.every(1, () => fired++);
  await until(() => fired >= 3);
  cancel();
  t.is(scope.size, 0);
});
