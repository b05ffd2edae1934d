import test from 'ava';
import { z } from 'zod';
import { looseBoolean, looseNumber } from '../../../core/operations/loose.ts';
import { parseArguments } from '../../../plugins/cli/session/arguments.ts';
import { inputShape } from '../../../plugins/cli/session/input-shape.ts';
import { UsageError } from '../../../plugins/cli/session/usage-error.ts';

const schema = z.object({
  name: z.string().describe('Plugin'),
  cascade: looseBoolean().default(false).describe('Also others'),
  rate: looseNumber().optional(),
  mode: z.enum(['fast', 'slow']).optional(),
  tags: z.array(z.string()).optional(),
  location: z.object({ url: z.string() }).optional(),
});
const shape = inputShape(schema);
const parse = (...words: string[]) => parseArguments(words, shape, ['name']).input;

test('the shape of an input comes from its schema', (t) => {
  t.deepEqual(
    shape.fields.map(({ name, kind, required, typeText, defaultText }) => [name, kind, required, typeText, defaultText]),
    [
      ['name', 'string', true, 'string', undefined],
      ['cascade', 'boolean', false, 'true|false', 'false'],
      ['rate', 'number', false, 'number', undefined],
      ['mode', 'string', false, 'fast|slow', undefined],
      ['tags', 'array', false, 'array of string', undefined],
      ['location', 'object', false, 'object', undefined],
    ],
  );
  t.false(shape.open);
  t.true(inputShape(z.looseObject({})).open);
  t.true(inputShape(z.object({ password: z.string(), key: z.string().meta({ writeOnly: true }) })).fields.every(({ secret }) => secret));
  const union = inputShape(z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]));
  t.deepEqual(union.fields.map(({ name, required }) => [name, required]), [['a', false], ['b', false]]);
});

test('fields are given by position, by equals sign and as options', (t) => {
  t.deepEqual(parse('rtmp'), { name: 'rtmp' });
  t.deepEqual(parse('name=rtmp', 'rate=5'), { name: 'rtmp', rate: 5 });
  t.deepEqual(parse('--name', 'rtmp', '--rate=-0.5', '--cascade'), { name: 'rtmp', rate: -0.5, cascade: true });
  t.deepEqual(parse('--cascade', 'false', 'rtmp'), { cascade: false, name: 'rtmp' });
  t.deepEqual(parse('-c', '-n', 'x'), { cascade: true, name: 'x' });
  t.deepEqual(parse('--no-cascade', 'x'), { cascade: false, name: 'x' });
  t.deepEqual(parse('--', '--odd=name'), { name: '--odd=name' });
  t.deepEqual(parse('a=b'), { name: 'a=b' });
});

test('values keep their text unless the field has another kind', (t) => {
  t.deepEqual(parse('name=5', 'rate=five'), { name: '5', rate: 'five' });
  t.deepEqual(parse('tags=a', '--tags', 'b', 'tags=["c","d"]'), { tags: ['a', 'b', 'c', 'd'] });
  t.deepEqual(parse('location={"url":"x"}'), { location: { url: 'x' } });
  t.deepEqual(parse('location.url=rtmp://h/a=b'), { location: { url: 'rtmp://h/a=b' } });
});

test('words that fit nowhere are named, with what was meant', (t) => {
  const refused = (...words: string[]): string => t.throws(() => parse(...words), { instanceOf: UsageError }).message;
  t.regex(refused('a', 'b'), /Unexpected word "b"/);
  t.regex(refused('--cascde'), /Did you mean cascade/);
  t.regex(refused('a', 'rtae=1'), /Did you mean rate/);
  t.regex(refused('--name'), /needs a value/);
  t.throws(() => parseArguments(['__proto__=1'], inputShape(z.looseObject({}))), { instanceOf: UsageError });
  t.throws(() => parseArguments(['a.__proto__.b=1'], inputShape(z.looseObject({}))), { instanceOf: UsageError });
});
