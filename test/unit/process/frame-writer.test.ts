import { setImmediate as turn } from 'node:timers/promises';
import { Writable } from 'node:stream';
import test from 'ava';
import { FrameWriter, LARGE_FRAME_BYTES } from '../../../core/process/frame-writer.ts';
import { FrameReader, type ChildFrame } from '../../../core/process/framing.ts';
import { until } from '../../support/until.ts';

function sink() {
  const calls: Buffer[][] = [];
  const writable = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      calls.push([chunk]);
      done();
    },
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => chunk as Buffer));
      done();
    },
  });
  return { calls, writable };
}

const packet = (length: number): ChildFrame => ({ kind: 'packet', job: 1, port: 0, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data: new Uint8Array(length) });

test('small frames of one turn go out in one call, in their order, and those of the next turn in the next one', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  for (let job = 1; job <= 5; job += 1) writer.write({ kind: 'json', job, value: job });
  t.is(calls.length, 0);
  await turn();
  writer.write(packet(10));
  await turn();
  t.deepEqual(calls.map((chunks) => chunks.length), [5, 1]);
  const jobs: number[] = [];
  const reader = new FrameReader(({ job }) => void jobs.push(job));
  reader.push(Buffer.concat(calls.flat()));
  t.deepEqual(jobs, [1, 2, 3, 4, 5, 1]);
});

test('a writer that gathers holds small frames for its time, and a large one takes them along', async (t) => {
  const [held, timed] = [sink(), sink()];
  const writer = new FrameWriter(held.writable, 60_000);
  writer.write(packet(10));
  await turn();
  writer.write(packet(10));
  t.is(held.calls.length, 0);
  writer.write(packet(LARGE_FRAME_BYTES));
  t.deepEqual(held.calls.map((chunks) => chunks.length), [3]);
  new FrameWriter(timed.writable, 1).write(packet(10));
  await until(() => timed.calls.length === 1, 'the time of the other writer');
});

test('a large frame goes out at once, with what waits', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  writer.write(packet(10));
  writer.write(packet(LARGE_FRAME_BYTES));
  t.deepEqual(calls.map((chunks) => chunks.length), [2]);
  writer.write(packet(10));
  t.is(calls.length, 1);
  await turn();
  t.is(calls.length, 2);
});

test('a stream that ends within the turn takes along what waits', async (t) => {
  const { calls, writable } = sink();
  new FrameWriter(writable).write(packet(10));
  writable.end();
  await turn();
  t.is(calls.flat().length, 1);
});
