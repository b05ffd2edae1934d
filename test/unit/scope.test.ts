import test from 'ava';
import { WcsError } from '../../core/errors/wcs-error.ts';
import { Scope } from '../../core/scope/scope.ts';

test('releases last in, first out, synchronously while releases are synchronous', (t) => {
  const scope = new Scope('s');
  const order: string[] = [];
  scope.add('a', () => void order.push('a'));
  scope.child('c').add('b', () => void order.push('b'));
  scope.add('d', () => void order.push('d'));
  void scope.close();
  t.deepEqual(order, ['d', 'b', 'a']);
  t.is(scope.size, 0);
});

test('waits for an asynchronous release before the next one', async (t) => {
  const scope = new Scope('s');
  const order: string[] = [];
  scope.add('first', () => void order.push('first'));
  scope.add('slow', async () => {
    await Promise.resolve();
    order.push('slow');
  });
  await scope.close();
  t.deepEqual(order, ['slow', 'first']);
});

test('a late registration is released at once and refused', async (t) => {
  const scope = new Scope('s');
  await scope.close();
  let released = false;
  const error = t.throws(() => scope.add('late', () => {
    released = true;
  }), { instanceOf: WcsError });
  t.is(error.code, 'SCOPE_E_CLOSED');
  t.true(released);
});

test('every release runs though one throws, and the errors are collected', async (t) => {
  const scope = new Scope('s');
  let ran = false;
  scope.add('a', () => {
    ran = true;
  });
  scope.add('b', () => {
    throw new Error('b failed');
  });
  const error = await t.throwsAsync(scope.close(), { instanceOf: AggregateError });
  t.true(ran);
  t.is(error.errors.length, 1);
});

test('a child that closed early or a detached resource is not held by the parent', async (t) => {
  const scope = new Scope('s');
  let released = 0;
  const held = scope.add('moved', () => {
    released++;
  });
  await scope.child('c').close();
  held.detach();
  t.is(scope.size, 0);
  await scope.close();
  t.is(released, 0);
});
