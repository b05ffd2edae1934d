import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { formatAnswer } from '../../../plugins/cli/wire/answer.ts';
import { parseCommandLine, quoteWord, splitLine } from '../../../plugins/cli/wire/command-line.ts';

test('quoted words come back as they were', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 10 }), (words) => {
      return JSON.stringify(parseCommandLine(words.map(quoteWord).join(' '))) === JSON.stringify(words);
    }),
  );
  t.pass();
});

const typed = fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '\\', '=', '-', '\n', '{', '\u0000'), maxLength: 200 });

test('any line gives words or a ProtocolError, and its beginnings can always be split', (t) => {
  fc.assert(
    fc.property(typed, (line) => {
      try {
        parseCommandLine(line);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
      const { lastStart } = splitLine(line);
      return lastStart >= 0 && lastStart <= line.length;
    }),
  );
  t.pass();
});

test('what lies before the last word never changes the last word', (t) => {
  fc.assert(
    fc.property(typed, (line) => {
      const { words, lastStart, inWord } = splitLine(line);
      t.deepEqual(splitLine(line.slice(lastStart)).words, inWord ? words.slice(-1) : []);
    }),
  );
});

test('any JSON answer can be shown, and comes back from --json', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.option(fc.integer({ min: 1, max: 200 })), (value, columns) => {
      const text = formatAnswer(value, { json: false, columns: columns ?? undefined });
      t.true(text.endsWith('\n'));
      t.deepEqual(JSON.parse(formatAnswer(value, { json: true })), JSON.parse(JSON.stringify(value)));
    }),
  );
});
