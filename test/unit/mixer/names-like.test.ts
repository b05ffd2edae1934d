import test from 'ava';
import { namesLike } from '../../../plugins/mixer/wire/names-like.ts';

test('names are chosen whole by a regular expression', (t) => {
  const names = ['cam1', 'cam12', 'desk'];
  t.deepEqual(namesLike('cam\\d', names), ['cam1']);
  t.deepEqual(namesLike('cam.*|desk', names), names);
  t.deepEqual(namesLike('', names), []);
});

test('a pattern that is none, or that would hold up the server, is refused', (t) => {
  t.throws(() => namesLike('(a', ['a']), { instanceOf: SyntaxError });
  t.throws(() => namesLike('(a+)+', [`${'a'.repeat(40)}!`]), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' });
});
