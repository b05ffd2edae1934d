import { once } from 'node:events';
import test from 'ava';
import { spawnInScope } from '../../../core/plugin/spawn.ts';
import { Scope } from '../../../core/scope/scope.ts';
import { until } from '../../support/until.ts';

/** A leader that starts a child of its own, prints that one's pid, and does `then`. */
function leader(child: string, then: string): string {
  return `const c = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: ['ignore', 'pipe', 'ignore'] });
    c.stdout.once('data', () => { process.stdout.write(String(c.pid) + '\\n'); ${then} });`;
}
const STAY = 'setInterval(() => undefined, 1000);';
const READY = 'process.stdout.write("r");';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function start(scope: Scope, script: string): Promise<{ leader: number; child: number }> {
  const process_ = spawnInScope(scope, process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(process_.stdout!, 'data')) as [Buffer];
  return { leader: process_.pid!, child: Number(chunk.toString()) };
}

test('a child process and its own children end with the scope', async (t) => {
  const scope = new Scope('test');
  const pids = await start(scope, leader(READY + STAY, STAY));
  t.true(isAlive(pids.leader) && isAlive(pids.child));
  await scope.close();
  await until(() => !isAlive(pids.leader) && !isAlive(pids.child), 'both to end');
  t.pass();
});

test('a child that will not end when asked is killed, though its leader has gone', async (t) => {
  const scope = new Scope('test');
  const pids = await start(scope, leader(`process.on('SIGTERM', () => undefined); ${READY}${STAY}`, STAY));
  await scope.close();
  await until(() => !isAlive(pids.child), 'the stubborn child to end');
  t.pass();
});

test('what a leader leaves behind ends as well, and the scope forgets it', async (t) => {
  const scope = new Scope('test');
  const pids = await start(scope, leader(READY + STAY, 'process.exit(0);'));
  await until(() => !isAlive(pids.child), 'the child left behind to end');
  await until(() => scope.size === 0, 'the scope to forget the process');
  t.pass();
});

test('a command that does not exist is told to who asked, and harms nobody else', async (t) => {
  const scope = new Scope('test');
  const child = spawnInScope(scope, '/no/such/command', []);
  const [error] = (await once(child, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ENOENT');
  t.is(scope.size, 0);
});
