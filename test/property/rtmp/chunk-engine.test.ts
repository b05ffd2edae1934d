import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeMessage, OUT_CHUNK_BYTES } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { setChunkSizeMessage } from '../../../plugins/rtmp/wire/control.ts';
import { rawChunk, Recorder } from '../../support/rtmp-chunks.ts';

const message = fc.record({
  type: fc.constantFrom(8, 9, 18, 20, 4),
  streamId: fc.integer({ min: 0, max: 0xffffffff }),
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff)),
  payload: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: OUT_CHUNK_BYTES - 1, max: OUT_CHUNK_BYTES * 2 + 1 }).map((length) => new Uint8Array(length).fill(length))),
});
const messages = fc.array(message, { minLength: 1, maxLength: 8 });
const plain = (all: readonly { payload: Uint8Array }[]) => all.map((one) => ({ ...one, payload: Buffer.from(one.payload).toString('hex') }));
/** Chunks of several streams in turn, 128 bytes each. */
const interleaved = fc.array(fc.tuple(fc.constantFrom(3, 70, 400), fc.integer({ min: 1, max: 500 })), { minLength: 1, maxLength: 12 }).map((plan) => {
  const queues = new Map<number, Buffer[]>();
  for (const [chunkStream, length] of plan) {
    const queue = queues.get(chunkStream) ?? [];
    for (let at = 0; at < length; at += 128) {
      const payload = Buffer.alloc(Math.min(128, length - at), length);
      queue.push(at === 0 ? rawChunk({ format: 0, chunkStream, time: length, length, payload }) : rawChunk({ format: 3, chunkStream, payload }));
    }
    queues.set(chunkStream, queue);
  }
  const out: Buffer[] = [];
  while ([...queues.values()].some((queue) => queue.length > 0)) for (const queue of queues.values()) out.push(queue.shift() ?? Buffer.alloc(0));
  return Buffer.concat(out);
});

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

test('what is written is read again, however it is cut and whoever goes on in between', (t) => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 8 }), (all, cuts) => {
      const bytes = Buffer.concat([encodeMessage(setChunkSizeMessage(OUT_CHUNK_BYTES)), ...all.map(encodeMessage)]);
      const recorder = new Recorder();
      for (const part of cutAt(bytes, cuts)) recorder.feed(part).handOver();
      t.deepEqual(plain(recorder.messages), plain(all));
    }),
    { numRuns: 60 },
  );
});

test('interleaved chunks give the same messages byte by byte, at once, and with a hand-over at any byte', (t) => {
  fc.assert(
    fc.property(interleaved, (bytes) => {
      const whole = new Recorder().feed(bytes);
      const single = new Recorder();
      for (let at = 0; at < bytes.length; at++) {
        single.feed(bytes.subarray(at, at + 1));
        if (at % 7 === 0) single.handOver();
      }
      t.true(whole.messages.length > 0);
      t.deepEqual(plain(single.messages), plain(whole.messages));
      t.is(single.engine.bufferedBytes, 0);
    }),
    { numRuns: 40 },
  );
});

test('changed bytes end in a protocol error or in other messages, never in anything else', (t) => {
  fc.assert(
    fc.property(interleaved, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 10 }), (bytes, changes) => {
      const mutated = Buffer.from(bytes);
      for (const [at, value] of changes) mutated[at % mutated.length] = value;
      try {
        new Recorder().feed(mutated);
      } catch (error) {
        t.true(error instanceof ProtocolError);
      }
      t.pass();
    }),
    { numRuns: 200 },
  );
});
