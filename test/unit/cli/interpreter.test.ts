import test from 'ava';
import { z } from 'zod';
import { defineOperation } from '../../../core/operations/operation.ts';
import { Operations } from '../../../core/operations/operations.ts';
import { sessionCommands, stat, watch } from '../../../plugins/cli/session/builtins.ts';
import { EXIT, type CommandIo } from '../../../plugins/cli/session/command-io.ts';
import { complete, listingOf } from '../../../plugins/cli/session/completion.ts';
import { History, MAX_LINES } from '../../../plugins/cli/session/history.ts';
import { Interpreter } from '../../../plugins/cli/session/interpreter.ts';

const reload = z.object({ name: z.string(), cascade: z.boolean().default(false), rate: z.number().optional(), mode: z.enum(['fast', 'slow']).optional() });

/** An interpreter on a few operations, and what it wrote. */
function makeShell(role: 'viewer' | 'admin' = 'admin', secrets: string[] = []) {
  const operations = new Operations();
  const calls: [string, unknown][] = [];
  const faults: unknown[] = [];
  const add = (name: string, input: z.ZodType, extra: object = {}): void => {
    operations.register(defineOperation({ name, summary: `Does ${name}`, role: 'viewer', input, handler: (given: unknown) => void calls.push([name, given]), ...extra }));
  };
  add('plugin.list', z.object({}), { handler: () => [{ name: 'rtmp' }, { name: 'web socket' }] });
  add('plugin.reload', reload, { role: 'admin', cli: { positional: ['name'] } });
  add('pull.rtmp.pull', z.object({ uri: z.string() }));
  add('pull.rtmp', z.object({}));
  add('hls.find_all', z.object({}), { aliases: ['show.hls'] });
  add('user.passwd', z.object({ name: z.string(), password: z.string() }), { cli: { positional: ['name', 'password'] } });
  const fail = (): never => {
    throw new TypeError('oops');
  };
  add('bad.fault', z.object({}), { handler: fail });
  const backend = { operations: () => operations.list(), call: operations.call.bind(operations), onFault: (_command: string, error: unknown) => void faults.push(error) };
  const groups = [{ group: 'core_stats', values: [{ name: 'core_threads', value: 7 }] }];
  const builtins = [...sessionCommands(), stat({ groups: () => groups }), watch()];
  const interpreter = new Interpreter(backend, builtins, { name: 'ann', address: '::1', role: () => role });
  const stop = new AbortController();
  const written = { out: '', err: '' };
  let rounds = 0;
  const io: CommandIo = {
    signal: stop.signal,
    columns: undefined,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    backlogBytes: () => 0,
    askSecret: () => Promise.resolve(secrets.shift()),
    sleep: () => {
      if (++rounds === 3) stop.abort();
      return Promise.resolve();
    },
  };
  return { interpreter, io, written, calls, faults, operations, run: (line: string) => interpreter.run(line, io) };
}

test('the longest phrase wins, underscores and dashes are alike, aliases and dots lead there too', async (t) => {
  const { run, calls } = makeShell();
  for (const line of ['pull rtmp pull rtmp://h/a', 'pull rtmp', 'hls find-all', 'HLS find_all', 'show hls', 'hls.find_all']) {
    t.deepEqual(await run(line), { exitCode: EXIT.ok, leave: false }, line);
  }
  t.deepEqual(calls.map(([name]) => name), ['pull.rtmp.pull', 'pull.rtmp', ...Array.from({ length: 4 }, () => 'hls.find_all')]);
});

test('errors become sentences and exit codes', async (t) => {
  const { run, written, faults } = makeShell();
  t.is((await run('plugin relod')).exitCode, EXIT.usage);
  t.regex(written.err, /Did you mean plugin reload/);
  t.is((await run('plugin')).exitCode, EXIT.usage);
  t.is((await run('plugin reload mode=odd name=x')).exitCode, EXIT.usage);
  t.regex(written.err, /OPERATION_E_INPUT.*mode/);
  t.is((await run('say "open')).exitCode, EXIT.usage);
  t.is((await run('bad fault')).exitCode, EXIT.failed);
  t.regex(written.err, /INTERNAL_E_FAULT: oops/);
  t.is(faults.length, 1);
  t.is((await run('   # nothing')).exitCode, EXIT.ok);
  t.true((await run('exit')).leave);
});

test('a viewer is refused what needs an administrator and is not told of it in the help', async (t) => {
  const { run, written } = makeShell('viewer');
  t.is((await run('plugin reload rtmp')).exitCode, EXIT.refused);
  t.is((await run('help')).exitCode, EXIT.ok);
  t.regex(written.out, /plugin list/);
  t.notRegex(written.out, /^plugin reload/m);
});

test('a user who was removed meanwhile leaves', async (t) => {
  const { io } = makeShell();
  const gone = new Interpreter({ operations: () => [], call: () => Promise.resolve(), onFault: () => undefined }, [], { name: 'ann', address: '', role: () => undefined });
  t.deepEqual(await gone.run('plugin list', io), { exitCode: EXIT.refused, leave: true });
});

test('a missing secret is asked for, and lines with secrets are known', async (t) => {
  const { run, calls, interpreter } = makeShell('admin', ['hidden']);
  t.is((await run('user passwd ann')).exitCode, EXIT.ok);
  t.deepEqual(calls, [['user.passwd', { name: 'ann', password: 'hidden' }]]);
  t.is((await run('user passwd ann')).exitCode, EXIT.usage, 'nobody answers');
  t.true(interpreter.holdsSecret('user passwd ann hush'));
  t.true(interpreter.holdsSecret('user passwd ann password=hush "open'));
  t.true(interpreter.holdsSecret('usr passwd ann hush'));
  t.false(interpreter.holdsSecret('user passwd ann'));
  t.false(interpreter.holdsSecret('plugin list'));
});

test('stat and watch run', async (t) => {
  const { run, written } = makeShell();
  await run('stat');
  t.is(written.out, 'core_stats:\n  core_threads  7\n');
  t.is((await run('watch 0.01 plugin list')).exitCode, EXIT.usage);
  t.is((await run('watch 2 nothing such')).exitCode, EXIT.usage);
  written.out = '';
  t.is((await run('watch 2 stat core_stats')).exitCode, EXIT.cancelled);
  t.is(written.out.split('core_threads').length, 4);
});

test('completion offers words, options, choices and what exists at present', async (t) => {
  const { interpreter, operations } = makeShell();
  const asked: string[] = [];
  const tab = async (line: string) =>
    complete(line, interpreter.commands(), (command, field) => {
      asked.push(`${command.phrase}.${field.name}`);
      return Promise.resolve(field.name === 'name' ? ['rtmp', 'web socket'] : []);
    });
  t.deepEqual(await tab('plu'), [['plugin '], 'plu']);
  t.deepEqual(await tab('plugin re'), [['reload '], 're']);
  t.deepEqual(await tab('plugin reload r'), [['rate=', 'rtmp '], 'r']);
  t.deepEqual(await tab('plugin reload "web'), [["'web socket' "], '"web']);
  t.deepEqual(await tab('plugin reload rtmp mode=f'), [['mode=fast '], 'mode=f']);
  t.deepEqual(await tab('plugin reload rtmp --mode s'), [['slow '], 's']);
  t.deepEqual(await tab('plugin reload --ca'), [['--cascade '], '--ca']);
  t.deepEqual(await tab('help plugin l'), [['list '], 'l']);
  t.deepEqual((await tab('user passwd ann '))[0], ['name=', 'password=']);
  t.false(asked.includes('user passwd.password'), 'secrets are never completed');
  t.is(listingOf('plugin.reload', operations.list())?.name, 'plugin.list');
  t.is(listingOf('bad.fault', operations.list()), undefined);
});

test('history keeps the newest lines of each user', (t) => {
  const history = new History();
  for (let line = 0; line < MAX_LINES + 5; line++) history.add('ann', `line ${line}`);
  history.add('ann', 'line 500');
  history.add('ann', '  ');
  t.is(history.of('ann').length, MAX_LINES);
  t.deepEqual(history.of('ann').slice(0, 2), ['line 500', `line ${MAX_LINES + 4}`]);
  t.deepEqual(history.of('bob'), []);
});
