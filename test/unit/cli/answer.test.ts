import test from 'ava';
import { formatAnswer, formatTable, toJson } from '../../../plugins/cli/wire/answer.ts';
import { parseLogLine } from '../../../plugins/cli/wire/log-line.ts';
import { displayWidth } from '../../../plugins/cli/wire/printable.ts';

const table = { json: false };

test('an array of objects is a table with header, rule and padded columns', (t) => {
  const rows = [
    { name: 'rtmp', state: 'active', sessions: 12 },
    { name: 'websocket', state: 'failed', sessions: 0, error: 'port in use' },
  ];
  t.is(
    formatAnswer(rows, table),
    [
      'name       state   sessions  error',
      '----------------------------------------',
      'rtmp       active  12        -',
      'websocket  failed  0         port in use',
      '',
    ].join('\n'),
  );
});

test('an object is a list of names and values, with objects and tables inside indented', (t) => {
  const answer = { name: 'rtmp', lastSwap: { moved: 3 }, list: [{ a: 1 }], labels: ['x', 'y'], none: undefined, nothing: null, empty: [] };
  t.is(
    formatAnswer(answer, table),
    ['name     rtmp', 'lastSwap:', '  moved  3', 'list:', '  a', '  -', '  1', 'labels   x, y', 'nothing  -', 'empty    -', ''].join('\n'),
  );
});

test('plain answers are shown as they are, no answer as OK, an empty list as such', (t) => {
  t.is(formatAnswer(undefined, table), 'OK\n');
  t.is(formatAnswer('two\nlines\n', table), 'two\nlines\n');
  t.is(formatAnswer(['a', 'b'], table), 'a\nb\n');
  t.is(formatAnswer([], table), '(none)\n');
  t.is(formatAnswer(42, table), '42\n');
});

test('a table wider than the terminal becomes one block of fields a row', (t) => {
  const rows = [{ name: 'a', text: 'x'.repeat(30) }, { name: 'b', text: 'y' }];
  t.deepEqual(formatTable(rows, 20), ['name  a', `text  ${'x'.repeat(30)}`, '', 'name  b', 'text  y']);
});

test('what a peer chose can not drive the terminal', (t) => {
  const hostile = [{ stream: '\u001B[2J\u0007evil\u009B31m\u202Etxt' }];
  for (const json of [true, false]) {
    const shown = formatAnswer(hostile, { json });
    t.notRegex(shown, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
  }
  t.deepEqual(JSON.parse(formatAnswer(hostile, { json: true })), hostile);
});

test('wide and combining characters keep the columns straight', (t) => {
  t.is(displayWidth('日本'), 4);
  t.is(displayWidth('e\u0301'), 1);
  const [header, , first, second] = formatTable([{ a: '日本', b: 1 }, { a: 'abcd', b: 2 }]);
  t.is(header, 'a     b');
  t.is(first, '日本  1');
  t.is(second, 'abcd  2');
});

test('JSON survives big integers and cycles', (t) => {
  const cyclic: Record<string, unknown> = { n: 10n };
  cyclic['self'] = cyclic;
  t.deepEqual(JSON.parse(toJson(cyclic)), { n: '10', self: '[circular]' });
  const shared = { a: 1 };
  t.deepEqual(JSON.parse(toJson([shared, shared])), [shared, shared]);
});

test('log lines are read from JSON, and shown as they are when they are none', (t) => {
  const line = parseLogLine('{"level":"warn","time":"2026-01-02T03:04:05.678Z","plugin":"rtmp@2","msg":"Slow reader","stream":"cam1","n":3}');
  t.deepEqual(line, { level: 'warn', source: 'rtmp@2', text: '03:04:05.678 WARN  rtmp@2: Slow reader stream=cam1 n=3' });
  t.deepEqual(parseLogLine('no \u001B json'), { level: 'info', source: '', text: 'no \\u001b json' });
});
