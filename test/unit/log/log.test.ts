import test from 'ava';
import { prettyLine } from '../../../core/log/pretty-line.ts';
import { rateLimited } from '../../../core/log/rate-limited.ts';
import { createRootLog } from '../../../core/log/root-log.ts';

function jsonLog(level: 'trace' | 'info' = 'info') {
  const lines: string[] = [];
  const log = createRootLog({ level, pretty: false, write: (line) => lines.push(line) });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a line carries level, time, message, its own fields and those of every parent', (t) => {
  const { log, records } = jsonLog();
  log.child({ plugin: 'rtmp' }).child({ session: 7 }).info('Connected 100%.', { peer: '10.0.0.1', level: 3 });
  const [record] = records();
  t.like(record, { level: 'info', msg: 'Connected 100%.', plugin: 'rtmp', session: 7, peer: '10.0.0.1', level_: 3 });
  t.regex(String(record?.['time']), /^\d{4}-\d\d-\d\dT/);
});

test('a level is set for everything or for one component, also for children that exist', (t) => {
  const { log, lines } = jsonLog();
  const rtmp = log.child({ plugin: 'rtmp@7' }).child({ session: 1 });
  rtmp.debug('no');
  log.setLevel('debug', 'rtmp');
  t.true(rtmp.isEnabled('debug'));
  rtmp.debug('yes');
  log.debug('no');
  log.setLevel('silent');
  log.error('no');
  rtmp.debug('yes');
  t.is(lines.length, 2);
  t.deepEqual(log.levels(), { '': 'silent', rtmp: 'debug' });
  t.is(rtmp.level, 'debug');
});

test('the last thousand lines can be read back and coming ones followed', (t) => {
  const { log } = jsonLog();
  for (let i = 0; i < 1005; i++) log.info(`line ${i}`);
  t.is(log.recent(5000).length, 1000);
  t.deepEqual(log.recent(2).map((line) => (JSON.parse(line) as { msg: string }).msg), ['line 1003', 'line 1004']);
  t.deepEqual(log.recent(0), []);
  const seen: string[] = [];
  const stop = log.tail((line) => seen.push(line));
  log.tail(() => {
    throw new Error('broken follower');
  });
  log.info('one');
  stop();
  log.info('two');
  t.is(seen.length, 1);
});

test('an error is written with its type, code, stack and cause', (t) => {
  const { log, records } = jsonLog();
  const error = Object.assign(new TypeError('bad', { cause: new Error('rtsp://a:hunter2@h failed') }), { code: 'X' });
  log.error('Failed.', { error });
  const written = records()[0]?.['error'] as Record<string, unknown>;
  t.like(written, { type: 'TypeError', message: 'bad', code: 'X' });
  t.is((written['cause'] as Record<string, unknown>)['message'], 'rtsp://a:***@h failed');
});

test('the human line is one line whatever the peer sent', (t) => {
  const lines: string[] = [];
  const log = createRootLog({ level: 'info', pretty: true, write: (line) => lines.push(line) });
  log.child({ plugin: 'rtmp' }).warn('Odd name.', { stream: 'a\n\u001B[31mroot', n: 4, deep: { a: [1] } });
  t.regex(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} WARN {2}rtmp: Odd name\. stream="a\\n\\u001b\[31mroot" n=4 deep=\{"a":\[1\]\}$/);
  log.warn('a\nb\u009B');
  t.true(lines[1]?.endsWith('a\\u000ab\\u009b'));
  t.is(prettyLine('no json\u0007', false), 'no json\\u0007');
});

test('a repeated warning is written once a period with the number left out', (t) => {
  const { log, records } = jsonLog();
  let nowMs = 0;
  const limited = rateLimited(log, 1000, () => nowMs);
  for (let i = 0; i < 10; i++) limited.child({ i }).warn('Late packet.');
  limited.warn('Other.');
  limited.error('Always.');
  limited.error('Always.');
  nowMs = 1000;
  limited.warn('Late packet.', { seq: 1 });
  const written = records();
  t.deepEqual(written.map((record) => record['msg']), ['Late packet.', 'Other.', 'Always.', 'Always.', 'Late packet.']);
  t.like(written[4], { repeated: 9, seq: 1 });
});
