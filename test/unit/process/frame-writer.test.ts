import { setImmediate as turn } from 'node:timers/promises';
import { Writable } from 'node:stream';
import test from 'ava';
import { FrameWriter, LARGE_FRAME_BYTES } from '../../../core/process/frame-writer.ts';
import { FrameReader, type ChildFrame, type JobPacket } from '../../../core/process/framing.ts';
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

const packet = (length: number): JobPacket => ({ port: 0, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data: new Uint8Array(length) });

function framesOf(chunks: readonly Buffer[]): ChildFrame[] {
  const frames: ChildFrame[] = [];
  const reader = new FrameReader((frame) => void frames.push(frame));
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

/** How many frames each call of the system took. */
const counts = (calls: readonly Buffer[][]): number[] => calls.map((chunks) => framesOf(chunks).length);

test('small frames of one turn go out in one call, in their order, and those of the next turn in the next one', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  for (let job = 1; job <= 5; job += 1) writer.json(job, job);
  t.is(calls.length, 0);
  await turn();
  writer.packet(1, packet(10));
  await turn();
  t.deepEqual(counts(calls), [5, 1]);
  t.deepEqual(framesOf(calls.flat()).map(({ job }) => job), [1, 2, 3, 4, 5, 1]);
});

test('a writer that gathers holds small frames for its time, and a large one takes them along', async (t) => {
  const [held, timed] = [sink(), sink()];
  const writer = new FrameWriter(held.writable, 60_000);
  writer.packet(1, packet(10));
  await turn();
  writer.packet(1, packet(10));
  t.is(held.calls.length, 0);
  t.true(writer.waitingBytes > 20);
  writer.packet(1, packet(LARGE_FRAME_BYTES));
  t.deepEqual(counts(held.calls), [3]);
  t.is(writer.waitingBytes, 0);
  new FrameWriter(timed.writable, 1).packet(1, packet(10));
  await until(() => timed.calls.length === 1, 'the time of the other writer');
});

test('a large frame goes out at once, with what waits', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  writer.packet(1, packet(10));
  writer.packet(1, packet(LARGE_FRAME_BYTES));
  t.deepEqual(counts(calls), [2]);
  writer.json(1, 'x'.repeat(LARGE_FRAME_BYTES));
  t.deepEqual(counts(calls), [2, 1]);
  writer.packet(1, packet(10));
  t.is(calls.length, 2);
  await turn();
  t.is(calls.length, 3);
});

test('what is written stays as it was, however much comes after it in the same turn', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  const lengths = Array.from({ length: 400 }, (_, index) => (index * 97) % 2500);
  for (const [index, length] of lengths.entries()) writer.packet(1, { ...packet(length), data: new Uint8Array(length).fill(index) });
  await turn();
  const frames = framesOf(calls.flat()).flatMap((frame) => (frame.kind === 'packet' ? [frame.data] : []));
  t.deepEqual(frames.map(({ length }) => length), lengths);
  t.true(frames.every((data, index) => data.every((byte) => byte === index % 256)));
});

test('a packet that no frame can hold leaves the frames around it whole', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  writer.packet(1, packet(10));
  t.throws(() => writer.packet(1, { ...packet(10), port: -1 }), { instanceOf: RangeError });
  writer.packet(2, packet(10));
  await turn();
  t.deepEqual(framesOf(calls.flat()).map(({ job }) => job), [1, 2]);
});

test('a stream that ends within the turn takes along what waits, once it is asked to', async (t) => {
  const { calls, writable } = sink();
  const writer = new FrameWriter(writable);
  writer.packet(1, packet(10));
  writer.flush();
  writable.end();
  await turn();
  t.deepEqual(counts(calls), [1]);
});
