import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bundleChildModule } from '../../../core/plugin/bundler.ts';
import { spawnModuleInScope } from '../../../core/plugin/spawn.ts';
import type { JobEnd } from '../../../core/process/child.ts';
import { ChildPool, type ChildPoolOptions } from '../../../core/process/child-pool.ts';
import type { JobPacket } from '../../../core/process/framing.ts';
import { Scope } from '../../../core/scope/scope.ts';
import { checkout } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const timers: ChildPoolOptions['timers'] = {
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

async function openPool(t: ExecutionContext, options: Partial<ChildPoolOptions> = {}): Promise<ChildPool> {
  const { text } = await bundleChildModule(join(checkout, 'test/support/echo.child.ts'), join(checkout, 'core'));
  const scope = new Scope('test');
  const silent = (): void => undefined;
  const pool = new ChildPool({
    spawn: () => spawnModuleInScope(scope, { text, folder: checkout, label: 'echo' }),
    timers,
    owner: scope,
    log: { debug: silent, warn: silent },
    maxChildren: 1,
    idleMs: 100,
    ...options,
  });
  t.teardown(async () => {
    pool.close();
    await scope.close();
  });
  return pool;
}

function packet(word: string): JobPacket {
  return { port: 3, key: true, ptsUs: -21_333, dtsUs: -41_333, stampMs: 7, data: Buffer.from(word) };
}

class Recorder {
  readonly words: string[] = [];
  readonly events: unknown[] = [];
  end: JobEnd | undefined;

  onPacket({ data }: JobPacket): void {
    this.words.push(Buffer.from(data).toString());
  }

  onEvent(event: unknown): void {
    this.events.push(event);
  }

  onEnd(end: JobEnd): void {
    this.end = end;
  }
}

test('jobs share a child, and each gets its own packets back', async (t) => {
  const pool = await openPool(t);
  const [one, two] = [new Recorder(), new Recorder()];
  const first = pool.open('one', one);
  const second = pool.open('two', two);
  first.send(packet('a'));
  second.send(packet('b'));
  first.send(packet('c'));
  await until(() => one.words.length === 2 && two.words.length === 1);
  t.deepEqual([one.words, two.words], [['a', 'c'], ['b']]);
  t.is(pool.pids.length, 1);
});

test('a job of its own gets a child of its own, which ends with it', async (t) => {
  const pool = await openPool(t);
  const shared = pool.open('one', new Recorder());
  const alone = pool.open('two', new Recorder(), { alone: true });
  t.is(pool.pids.length, 2);
  alone.close();
  t.is(pool.pids.length, 1);
  shared.close();
  await until(() => pool.pids.length === 0);
  t.pass();
});

test('a pool that keeps a spare has one ready after a first job, and a job whose child dies is in it at once', async (t) => {
  const pool = await openPool(t, { keepsSpare: true });
  t.is(pool.pids.length, 0);
  const first = new Recorder();
  const doomed = pool.open('one', first);
  const [working] = pool.pids;
  await until(() => pool.pids.length === 2, 'the spare');
  const spare = pool.pids.find((pid) => pid !== working);
  doomed.send(packet('die'));
  await until(() => first.end !== undefined);
  const second = new Recorder();
  pool.open('two', second).send(packet('alive'));
  t.deepEqual(pool.pids, [spare]);
  await until(() => second.words.length === 1 && pool.pids.length === 2, 'an answer, and another spare');
  t.pass();
});

test('a shared child that has done its work becomes the spare, and no other one is started', async (t) => {
  const pool = await openPool(t, { keepsSpare: true, idleMs: 10 });
  await pool.run('one', [packet('a')]);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  // On a busy machine another one may have been started during the work; one of the two has ended then.
  const before = await until(() => (pool.pids.length === 1 ? pool.pids : undefined), 'one child');
  pool.open('two', new Recorder(), { alone: true });
  t.deepEqual(pool.pids, before);
});

test('a pool whose owner closes meanwhile starts no spare', async (t) => {
  const owner = { closed: false };
  const pool = await openPool(t, { keepsSpare: true, owner });
  pool.open('one', new Recorder());
  owner.closed = true;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  t.is(pool.pids.length, 1);
});

test('a crash ends the jobs of that child as lost, and the next job gets a new child', async (t) => {
  const pool = await openPool(t);
  const [one, two, three] = [new Recorder(), new Recorder(), new Recorder()];
  pool.open('one', one);
  pool.open('two', two).send(packet('die'));
  await until(() => one.end !== undefined && two.end !== undefined);
  t.is(one.end?.type, 'lost');
  t.is(two.end?.type, 'lost');
  pool.open('three', three).send(packet('alive'));
  await until(() => three.words.length === 1);
  t.pass();
});

test('what a job throws ends that job and no other', async (t) => {
  const pool = await openPool(t);
  const [good, bad, refused] = [new Recorder(), new Recorder(), new Recorder()];
  const job = pool.open('good', good);
  pool.open('bad', bad).send(packet('throw'));
  pool.open('refuse', refused);
  await until(() => bad.end !== undefined && refused.end !== undefined);
  t.deepEqual(bad.end, { type: 'failed', reason: 'thrown as asked' });
  t.deepEqual(refused.end, { type: 'failed', reason: 'not this one' });
  job.send(packet('on'));
  await until(() => good.words.length === 1);
  t.is(good.end, undefined);
});

test('a child that hangs in one packet is killed and its jobs are lost', async (t) => {
  const pool = await openPool(t);
  const job = new Recorder();
  pool.open('one', job).send(packet('hang'));
  await until(() => job.end !== undefined, 'the end of the job');
  t.is(job.end?.type, 'lost');
});

test('a run answers all packets of a job that ends by itself, and says why one failed', async (t) => {
  const pool = await openPool(t);
  const out = await pool.run('one', [packet('a'), packet('b')]);
  t.deepEqual(out.map(({ data, ptsUs, dtsUs, port, key, stampMs }) => [Buffer.from(data).toString(), ptsUs, dtsUs, port, key, stampMs]), [
    ['a', -21_333, -41_333, 3, true, 7],
    ['b', -21_333, -41_333, 3, true, 7],
  ]);
  await t.throwsAsync(pool.run('refuse', []), { message: /not this one/ });
  const limit = new AbortController();
  setTimeout(() => limit.abort(new Error('too long')), 300);
  await t.throwsAsync(pool.run('one', [packet('hang')], limit.signal), { message: 'too long' });
});
