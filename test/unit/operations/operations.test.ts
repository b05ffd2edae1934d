import test from 'ava';
import { z } from 'zod';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { looseBoolean, looseNumber } from '../../../core/operations/loose.ts';
import { defineOperation, type AnyOperation, type Caller } from '../../../core/operations/operation.ts';
import { Operations } from '../../../core/operations/operations.ts';

const admin: Caller = { kind: 'rest', user: 'admin', role: 'admin' };
const viewer: Caller = { kind: 'cli', user: 'guest', role: 'viewer' };
const { signal } = new AbortController();

function terminate(answer: string) {
  return defineOperation({
    name: 'stream.terminate',
    summary: 'Ends a stream.',
    input: z.object({ name: z.string(), force: looseBoolean().optional(), count: looseNumber().pipe(z.number().int().min(1)).default(1) }),
    role: 'admin',
    aliases: ['stream.stop'],
    handler: ({ name, force, count }, { caller }) => ({ answer, name, force, count, by: caller.user }),
  });
}

test('a call validates loose input and reaches the handler by name and by alias', async (t) => {
  const operations = new Operations();
  operations.register(terminate('one'));
  const input = { name: 'cam', force: 'TRUE', count: '3' };
  const expected = { answer: 'one', name: 'cam', force: true, count: 3, by: 'admin' };
  t.deepEqual(await operations.call('stream.terminate', input, { caller: admin, signal }), expected);
  t.deepEqual(await operations.call('stream.stop', input, { caller: admin, signal }), expected);
});

test('wrong input names the field and the reason, missing input too', async (t) => {
  const operations = new Operations();
  operations.register(terminate('one'));
  const wrong = await t.throwsAsync(operations.call('stream.terminate', { name: 'a', force: 'maybe', count: 0.5 }, { caller: admin, signal }), { instanceOf: WcsError });
  t.is(wrong.code, 'OPERATION_E_INPUT');
  t.is(wrong.message, 'stream.terminate: field "force": Expected true or false.');
  t.is((wrong.details['issues'] as unknown[]).length, 2);
  const missing = await t.throwsAsync(operations.call('stream.terminate', undefined, { caller: admin, signal }), { instanceOf: WcsError });
  t.is(missing.details['field'], 'name');
});

test('a viewer may not call what needs an administrator, and unknown names are told', async (t) => {
  const operations = new Operations();
  operations.register(terminate('one'));
  const refused = await t.throwsAsync(operations.call('stream.stop', { name: 'a' }, { caller: viewer, signal }), { instanceOf: WcsError });
  t.is(refused.code, 'ACCESS_E_REFUSED');
  const unknown = await t.throwsAsync(operations.call('stream.find', {}, { caller: admin, signal }), { instanceOf: WcsError });
  t.is(unknown.code, 'OPERATION_E_UNKNOWN');
});

test('a newer registration covers the older, whichever is released first', async (t) => {
  const operations = new Operations();
  const answer = async () => ((await operations.call('stream.terminate', { name: 'a' }, { caller: admin, signal })) as { answer: string }).answer;
  const releaseOld = operations.register(terminate('old'));
  const releaseFailed = operations.register(terminate('failed'));
  t.is(await answer(), 'failed');
  releaseFailed();
  t.is(await answer(), 'old');
  const releaseNew = operations.register(terminate('new'));
  releaseOld();
  releaseOld();
  t.is(await answer(), 'new');
  t.is(operations.list().length, 1);
  releaseNew();
  t.deepEqual(operations.list(), []);
  t.is(operations.get('stream.stop'), undefined);
});

test('a list of operations of different types can be registered as one', (t) => {
  const operations = new Operations();
  const all: AnyOperation[] = [terminate('x'), defineOperation({ name: 'log.list', summary: 'Levels.', input: z.object({}), role: 'viewer', handler: () => [] })];
  for (const operation of all) operations.register(operation);
  t.deepEqual(operations.list().map(({ name }) => name), ['log.list', 'stream.terminate']);
});

test('an operation name that no front end could show is refused', (t) => {
  for (const name of ['find', 'stream.', '../x.y', 'Stream.find', 'a.b c']) {
    t.throws(() => new Operations().register({ ...terminate('x'), name }), { instanceOf: WcsError }, name);
  }
});

test('loose numbers and booleans take what clients send and nothing else', (t) => {
  for (const [given, number] of [['25', 25], [' -0.5 ', -0.5], ['1e3', 1000], [7, 7]] as const) t.is(looseNumber().parse(given), number);
  for (const given of ['', 'x', '0x10', 'Infinity', Number.NaN, true, null]) t.false(looseNumber().safeParse(given).success, String(given));
  for (const given of ['yes', 1, '', null]) t.false(looseBoolean().safeParse(given).success, String(given));
});
