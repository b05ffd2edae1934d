import test from 'ava';
import { JobSlots, MAX_WAITING_JOBS } from '../../../plugins/snapshots/session/job-slots.ts';

const never = new AbortController().signal;

function job(): { readonly promise: Promise<void>; readonly finish: () => void; readonly fail: () => void } {
  let settle: { resolve(): void; reject(error: Error): void } | undefined;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, finish: () => settle?.resolve(), fail: () => settle?.reject(new Error('failed')) };
}

test('so many jobs run at a time, the others in the order in which they came', async (t) => {
  const slots = new JobSlots(2);
  const jobs = [job(), job(), job(), job()];
  const started: number[] = [];
  const runs = jobs.map(({ promise }, index) => slots.run(() => {
    started.push(index);
    return promise;
  }, never));
  t.deepEqual(started, [0, 1]);
  jobs[1]?.fail();
  await t.throwsAsync(runs[1]!, { message: 'failed' });
  t.deepEqual(started, [0, 1, 2]);
  for (const { finish } of jobs) finish();
  await Promise.all([runs[0], runs[2], runs[3]]);
  t.deepEqual(started, [0, 1, 2, 3]);
  t.is(slots.running, 0);
});

test('who gives up while waiting makes room, and too many are refused', async (t) => {
  const slots = new JobSlots(1);
  const first = job();
  const running = slots.run(() => first.promise, never);
  const limits = Array.from({ length: MAX_WAITING_JOBS }, () => new AbortController());
  const waiting = limits.map(({ signal }) => slots.run(() => Promise.resolve(), signal));
  await t.throwsAsync(slots.run(() => Promise.resolve(), never), { code: 'MEDIA_E_BUSY' });
  for (const limit of limits) limit.abort(new Error('too long'));
  for (const wait of waiting) await t.throwsAsync(wait, { message: 'too long' });
  const last = slots.run(() => Promise.resolve('served'), never);
  first.finish();
  await running;
  t.is(await last, 'served');
});
