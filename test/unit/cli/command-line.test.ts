import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { MAX_LINE_LENGTH, MAX_WORDS, parseCommandLine, splitLine } from '../../../plugins/cli/wire/command-line.ts';
import { editDistance, nearest } from '../../../plugins/cli/wire/nearest.ts';

test('words are separated by blanks, tabs and line ends', (t) => {
  t.deepEqual(parseCommandLine('  plugin\tlist \r\n all '), ['plugin', 'list', 'all']);
  t.deepEqual(parseCommandLine(''), []);
});

test('quotes keep blanks, join with what touches them, and may be empty', (t) => {
  t.deepEqual(parseCommandLine(`a 'b c' "d e"f''`), ['a', 'b c', 'd ef']);
  t.deepEqual(parseCommandLine(`x '' ""`), ['x', '', '']);
  t.deepEqual(parseCommandLine(`key='{"a": "it"}'`), ['key={"a": "it"}']);
});

test('a backslash protects any character outside of quotes, only quote and backslash inside double ones, none in single ones', (t) => {
  t.deepEqual(parseCommandLine(String.raw`a\ b \'c`), ['a b', "'c"]);
  t.deepEqual(parseCommandLine(String.raw`"a\"b\\c\nd"`), [String.raw`a"b\c\nd`]);
  t.deepEqual(parseCommandLine(String.raw`'a\b'`), [String.raw`a\b`]);
});

test('an unfinished line is refused with what is missing', (t) => {
  for (const [line, said] of [[`say "hi`, /close the quote/], [`say 'hi`, /close the quote/], ['end \\', /backslash/], [String.raw`a "b\ `.trim(), /close the quote/]] as const) {
    const error = t.throws(() => parseCommandLine(line), { instanceOf: ProtocolError });
    t.regex(error.message, said);
  }
});

test('lines and words are limited', (t) => {
  t.throws(() => parseCommandLine('a'.repeat(MAX_LINE_LENGTH + 1)), { instanceOf: ProtocolError });
  t.throws(() => parseCommandLine('a '.repeat(MAX_WORDS + 1)), { instanceOf: ProtocolError });
  t.is(parseCommandLine('a '.repeat(MAX_WORDS)).length, MAX_WORDS);
});

test('an unfinished line tells where its last word begins', (t) => {
  t.deepEqual(splitLine('plugin "re lo'), { words: ['plugin', 're lo'], open: '"', inWord: true, lastStart: 7 });
  t.deepEqual(splitLine('plugin '), { words: ['plugin'], open: '', inWord: false, lastStart: 7 });
});

test('edit distance counts insertions, deletions and replacements', (t) => {
  t.is(editDistance('', 'abc'), 3);
  t.is(editDistance('kitten', 'sitting'), 3);
  t.is(editDistance('plugin list', 'plugin list'), 0);
});

test('the nearest candidates come best first, far ones not at all', (t) => {
  const commands = ['plugin list', 'plugin reload', 'stream find', 'stat'];
  t.deepEqual(nearest('plugn list', commands), ['plugin list']);
  t.deepEqual(nearest('stream', commands, 1), ['stream find']);
  t.deepEqual(nearest('qqqqqqqqqqqqqqq', commands), []);
});
