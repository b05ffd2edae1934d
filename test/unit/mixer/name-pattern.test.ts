import test from 'ava';
import fc from 'fast-check';
import { NamePattern, PATTERN_MAX_CHARS } from '../../../plugins/mixer/wire/name-pattern.ts';

/** Patterns of all that is known, built of a few signs, so that names and patterns meet. */
const { pattern } = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof({ maxDepth: 4 }, fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c]', '\\w', '\\d', '\\.'), tie('pattern').map((inner) => `(${inner})`)),
  pattern: fc.oneof(
    fc.array(fc.tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?')).map((pair) => pair.join('')), { maxLength: 4 }).map((parts) => parts.join('')),
    fc.tuple(tie('atom'), tie('atom')).map((pair) => pair.join('|')),
  ),
}));
const name = fc.array(fc.constantFrom('a', 'b', 'c', '1', '.', '-'), { maxLength: 6 }).map((signs) => signs.join(''));

test('a pattern takes the names that a regular expression takes', (t) => {
  fc.assert(
    fc.property(pattern.filter((text) => text.length <= PATTERN_MAX_CHARS), name, (text, given) => {
      t.is(new NamePattern(text).matches(given), new RegExp(`^(?:${text})$`, 'u').test(given), `${text} and ${given}`);
    }),
    { numRuns: 2000 },
  );
});

test('patterns that others need ages for are as quick as any', (t) => {
  const long = 'a'.repeat(250);
  for (const text of ['(a+)+b', '(a*)*(a*)*b', `${'.*'.repeat(90)}b`, '((a|a)+)+b', '(a|aa)+b']) t.false(new NamePattern(text).matches(long), text);
  t.true(new NamePattern('(a+)+').matches(long));
});

test('what is broken or not known is refused with a reason', (t) => {
  for (const text of ['(a', 'a)', '[a', 'a\\', '*a', 'a{2}', '(?=a)', '\\bx', '[b-a]', 'x'.repeat(PATTERN_MAX_CHARS + 1)]) t.throws(() => new NamePattern(text), { instanceOf: RangeError }, text);
});

test('what surrounds the whole is left out, and an escaped dollar is a sign', (t) => {
  t.true(new NamePattern('^cam.*$').matches('cam1'));
  t.true(new NamePattern('cam\\$').matches('cam$'));
  t.true(new NamePattern('').matches(''));
  t.false(new NamePattern('cam').matches('cam1'));
});
