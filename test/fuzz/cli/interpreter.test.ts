import test from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { defineOperation } from '../../../core/operations/operation.ts';
import { Operations } from '../../../core/operations/operations.ts';
import { complete } from '../../../plugins/cli/session/completion.ts';
import { Interpreter } from '../../../plugins/cli/session/interpreter.ts';
import { parseLogLine } from '../../../plugins/cli/wire/log-line.ts';

const operations = new Operations();
const input = z.looseObject({ name: z.string().optional(), n: z.number().optional(), on: z.boolean().optional(), list: z.array(z.number()).optional() });
operations.register(defineOperation({ name: 'thing.set', summary: 'Sets', role: 'viewer', input, cli: { positional: ['name', 'list'] }, handler: (given) => given }));
operations.register(defineOperation({ name: 'thing.fail', summary: 'Fails', role: 'viewer', input, handler: () => { throw new WcsError('MEDIA_E_NOT_FOUND', 'Nothing.'); } }));

const faults: unknown[] = [];
const backend = { operations: () => operations.list(), call: operations.call.bind(operations), onFault: (_command: string, error: unknown) => void faults.push(error) };
const interpreter = new Interpreter(backend, [], { name: 'fuzz', address: '', role: () => 'viewer' });

const piece = fc.oneof(
  fc.constantFrom('thing', 'set', 'fail', 'help', 'exit', '--json', '--help', '--', '-n', '--n', 'name=', 'list=[', 'a.b.c=', '__proto__', 'constructor=', '{"a":1}', "'", '"', '\\', ' ', '=', '--no-on', '\u0000', '\n'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const line = fc.array(piece, { maxLength: 30 }).chain((pieces) => fc.constantFrom(pieces.join(' '), pieces.join('')));
const CONTROLS = /(?![\n\t])[\p{Cc}]/u;

test('no line makes the interpreter throw, fault, or write control characters', async (t) => {
  await fc.assert(
    fc.asyncProperty(line, async (text) => {
      let written = '';
      const write = (more: string): void => void (written += more);
      const io = { signal: new AbortController().signal, columns: 80, out: write, err: write, backlogBytes: () => 0, askSecret: () => Promise.resolve(undefined), sleep: () => Promise.resolve() };
      const { exitCode } = await interpreter.run(text, io);
      interpreter.holdsSecret(text);
      return [0, 1, 2, 3].includes(exitCode) && !CONTROLS.test(written) && ({} as Record<string, unknown>)['b'] === undefined;
    }),
    { numRuns: 1500, seed: 2001, interruptAfterTimeLimit: 15_000 },
  );
  t.deepEqual(faults, []);
});

test('completion always answers, with candidates that go on from what is typed', async (t) => {
  await fc.assert(
    fc.asyncProperty(line, async (text) => {
      const [candidates, typed] = await complete(text, interpreter.commands(), () => Promise.resolve(['one', 'two three']));
      return text.endsWith(typed) && candidates.every((candidate) => candidate.length > 0);
    }),
    { numRuns: 1000, seed: 2001, interruptAfterTimeLimit: 15_000 },
  );
  t.pass();
});

test('any log line can be shown', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue().map((value) => JSON.stringify(value))), (text) => !/\p{Cc}/u.test(parseLogLine(text).text)),
    { numRuns: 500, seed: 2001 },
  );
  t.pass();
});
