import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
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

test('rounds come as they ask for the next one, stand still while there is none, and end with their scope', async (t) => {
  const scope = new Scope('test');
  const { timers, guarded } = timersIn(scope);
  let left = 3;
  const rounds = timers.rounds(() => (--left > 0 ? 1 : undefined));
  t.is(guarded.length, 0);
  rounds.begin();
  rounds.begin();
  await until(() => left === 0);
  await sleep(10);
  t.deepEqual([left, guarded.length], [0, 3]);
  left = 2;
  rounds.begin();
  await until(() => left === 0);
  left = 1000;
  rounds.begin();
  await scope.close();
  rounds.begin();
  await sleep(10);
  t.is(left, 1000);
});

test('a round that fails is told to the guard, and the next one comes all the same', async (t) => {
  const faults: unknown[] = [];
  const scope = new Scope('test');
  const timers = new ScopedTimers(scope, (work) => {
    try {
      work();
    } catch (error) {
      faults.push(error);
    }
  });
  let count = 0;
  const rounds = timers.rounds(() => {
    if (++count === 2) throw new Error('broken');
    return count < 4 ? 1 : undefined;
  });
  rounds.begin();
  await until(() => count === 4);
  t.is(faults.length, 1);
  await scope.close();
});

test('whoever begins rounds is not their context', async (t) => {
  const storage = new AsyncLocalStorage<string>();
  const scope = new Scope('test');
  const { timers } = timersIn(scope);
  const seen: (string | undefined)[] = [];
  const rounds = storage.run('plugin', () => timers.rounds(() => {
    seen.push(storage.getStore());
    return seen.length < 2 ? 1 : undefined;
  }));
  storage.run('session', () => rounds.begin());
  await until(() => seen.length === 2);
  t.deepEqual(seen, ['plugin', 'plugin']);
  await scope.close();
});
