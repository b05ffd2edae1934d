import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { ChunkEngine, MAX_CHUNK_STREAMS, MAX_EARLY_MESSAGE_BYTES, MAX_MESSAGE_BYTES } from '../../../plugins/rtmp/wire/chunk-engine.ts';
import { encodeMessage, OUT_CHUNK_BYTES } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { acknowledgementMessage, setChunkSizeMessage, windowAckSizeMessage } from '../../../plugins/rtmp/wire/control.ts';
import { clientHandshake, rawChunk, Recorder } from '../../support/rtmp-chunks.ts';

const broken = { instanceOf: ProtocolError };
const bytes = (length: number, fill: number) => Buffer.alloc(length, fill);
const u32 = (value: number) => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
};
const control = (type: number, payload: Buffer) => rawChunk({ format: 0, chunkStream: 2, type, streamId: 0, payload });

test('the handshake is answered once the first 1536 bytes are there', (t) => {
  const recorder = new Recorder(false);
  recorder.feed(clientHandshake().subarray(0, 1536));
  t.is(recorder.output.length, 0);
  recorder.feed(clientHandshake().subarray(1536));
  t.is(Buffer.concat(recorder.output).length, 1 + 2 * 1536);
  t.is(recorder.output[0]?.[0], 3);
  t.true(recorder.engine.handshakeDone);
});

test('another version of the handshake is refused', (t) => {
  for (const version of [0, 4, 6, 0x47]) t.throws(() => new Recorder(false).feed(Buffer.from([version])), broken);
});

test('ids of one, two and three bytes name different chunk streams', (t) => {
  const recorder = new Recorder();
  for (const chunkStream of [3, 63, 64, 319, 320, 576, 65_599]) recorder.feed(rawChunk({ format: 0, chunkStream, payload: bytes(128, chunkStream & 0xff), length: 228 }));
  t.is(recorder.messages.length, 0);
  for (const chunkStream of [65_599, 576, 320, 319, 64, 63, 3]) recorder.feed(rawChunk({ format: 3, chunkStream, payload: bytes(100, chunkStream & 0xff) }));
  t.deepEqual(recorder.messages.map(({ payload }) => payload.length), Array<number>(7).fill(228));
  for (const [index, chunkStream] of [65_599, 576, 320, 319, 64, 63, 3].entries()) t.true(recorder.messages[index]!.payload.every((byte) => byte === (chunkStream & 0xff)));
});

test('chunk sizes of 0 and with the top bit set are refused, huge ones mean whole messages', (t) => {
  t.throws(() => new Recorder().feed(control(1, u32(0))), broken);
  t.throws(() => new Recorder().feed(control(1, u32(0x80000001))), broken);
  t.throws(() => new Recorder().feed(control(1, Buffer.alloc(3))), broken);
  const recorder = new Recorder().feed(control(1, u32(0x7fffffff)), rawChunk({ format: 0, chunkStream: 6, payload: bytes(70_000, 1) }));
  t.is(recorder.messages[0]?.payload.length, 70_000);
});

test('a chunk size that changes in the middle of a message counts from there', (t) => {
  const recorder = new Recorder();
  recorder.feed(rawChunk({ format: 0, chunkStream: 6, time: 5, length: 400, payload: bytes(128, 1) }), control(1, u32(200)));
  recorder.feed(rawChunk({ format: 3, chunkStream: 6, payload: bytes(200, 2) }), rawChunk({ format: 3, chunkStream: 6, payload: bytes(72, 3) }));
  const [message] = recorder.messages;
  t.is(message?.timestampMs, 5);
  t.deepEqual(Buffer.from(message!.payload), Buffer.concat([bytes(128, 1), bytes(200, 2), bytes(72, 3)]));
  recorder.feed(rawChunk({ format: 3, chunkStream: 6, payload: bytes(200, 4) }), rawChunk({ format: 3, chunkStream: 6, payload: bytes(200, 5) }));
  t.like(recorder.messages[1], { timestampMs: 10 });
  t.is(recorder.messages[1]?.payload.length, 400);
});

test('messages, their sum and the number of chunk streams are bounded', (t) => {
  t.throws(() => new Recorder().feed(rawChunk({ format: 0, chunkStream: 6, length: MAX_MESSAGE_BYTES + 1, payload: bytes(1, 0) })), broken);
  const heavy = new Recorder();
  for (const chunkStream of [3, 4]) heavy.feed(rawChunk({ format: 0, chunkStream, length: MAX_MESSAGE_BYTES, payload: bytes(128, 0) }));
  t.is(heavy.engine.bufferedBytes, 2 * MAX_MESSAGE_BYTES);
  t.throws(() => heavy.feed(rawChunk({ format: 0, chunkStream: 5, length: 1, payload: bytes(1, 0) })), broken);
  const wide = new Recorder();
  for (let id = 0; id < MAX_CHUNK_STREAMS; id++) wide.feed(rawChunk({ format: 0, chunkStream: 3 + id, payload: bytes(1, 0) }));
  t.is(wide.messages.length, MAX_CHUNK_STREAMS);
  t.throws(() => wide.feed(rawChunk({ format: 0, chunkStream: 3 + MAX_CHUNK_STREAMS, payload: bytes(1, 0) })), broken);
});

test('before it is accepted a peer may send small messages only', (t) => {
  const recorder = new Recorder(false).feed(clientHandshake());
  t.throws(() => recorder.feed(rawChunk({ format: 0, chunkStream: 3, length: MAX_EARLY_MESSAGE_BYTES + 1, payload: bytes(128, 0) })), broken);
});

test('a message may not change its length, type or stream before it is complete', (t) => {
  const start = rawChunk({ format: 0, chunkStream: 6, length: 300, payload: bytes(128, 0) });
  for (const change of [{ length: 301 }, { length: 300, type: 8 }, { length: 300, streamId: 2 }]) {
    t.throws(() => new Recorder().feed(start, rawChunk({ format: 0, chunkStream: 6, payload: bytes(128, 0), ...change })), broken);
  }
  const restated = new Recorder().feed(start, rawChunk({ format: 0, chunkStream: 6, length: 300, payload: bytes(128, 0) }), rawChunk({ format: 3, chunkStream: 6, payload: bytes(44, 0) }));
  t.is(restated.messages[0]?.payload.length, 300);
});

test('an aborted message is forgotten with its memory', (t) => {
  const recorder = new Recorder().feed(rawChunk({ format: 0, chunkStream: 6, length: 300, payload: bytes(128, 1) }), control(2, u32(6)));
  t.is(recorder.engine.bufferedBytes, 0);
  recorder.feed(rawChunk({ format: 0, chunkStream: 6, payload: bytes(10, 2) }));
  t.deepEqual(recorder.messages.map(({ payload }) => Buffer.from(payload)), [bytes(10, 2)]);
});

test('each message has memory of its own', (t) => {
  const recorder = new Recorder().feed(rawChunk({ format: 0, chunkStream: 6, payload: bytes(100, 1) }), rawChunk({ format: 0, chunkStream: 6, payload: bytes(100, 2) }));
  t.true(recorder.messages[0]!.payload.every((byte) => byte === 1));
});

test('time stamps are absolute, relative, extended, and wrap', (t) => {
  const recorder = new Recorder();
  recorder.feed(rawChunk({ format: 0, chunkStream: 6, time: 0xffffff, extended: 0xffffffff, payload: bytes(1, 1) }));
  recorder.feed(rawChunk({ format: 1, chunkStream: 6, time: 40, payload: bytes(1, 2) }), rawChunk({ format: 3, chunkStream: 6, payload: bytes(1, 3) }));
  recorder.feed(rawChunk({ format: 2, chunkStream: 6, time: 1, payload: bytes(1, 4) }));
  t.deepEqual(recorder.messages.map(({ timestampMs }) => timestampMs), [0xffffffff, 39, 79, 80]);
});

test('a chunk stream may begin without the message stream, but not without a length', (t) => {
  t.is(new Recorder().feed(rawChunk({ format: 1, chunkStream: 2, type: 4, payload: bytes(6, 0) })).messages.length, 1);
  for (const format of [2, 3] as const) t.throws(() => new Recorder().feed(rawChunk({ format, chunkStream: 6, payload: bytes(2, 0) })), broken);
});

test('what is received is acknowledged at every window', (t) => {
  const recorder = new Recorder().feed(encodeMessage(windowAckSizeMessage(1000)));
  recorder.output.length = 0;
  for (let i = 0; i < 20; i++) recorder.feed(rawChunk({ format: 0, chunkStream: 6, payload: bytes(100, 1) }));
  const received = 1 + 2 * 1536 + 16;
  t.deepEqual(recorder.output, [9, 18].map((count) => encodeMessage(acknowledgementMessage(received + count * 112))));
});

test('a message longer than a chunk is read as it was written, also with an extended time stamp', (t) => {
  for (const timestampMs of [0, 0xfffffe, 0xffffff, 0x12345678]) {
    for (const length of [0, 1, OUT_CHUNK_BYTES, OUT_CHUNK_BYTES + 1, 3 * OUT_CHUNK_BYTES]) {
      const message = { type: 9, streamId: 1, timestampMs, payload: bytes(length, 5) };
      // The byte behind it: an empty message is complete when the next chunk begins.
      const recorder = new Recorder().feed(encodeMessage(setChunkSizeMessage(OUT_CHUNK_BYTES)), encodeMessage(message), Buffer.from([3]));
      t.deepEqual(recorder.messages, [message]);
    }
  }
});

test('nothing of the engine underneath writes to the log', (t) => {
  const lines: unknown[] = [];
  const log = console.log;
  console.log = (...words: unknown[]) => void lines.push(words);
  try {
    new Recorder().feed(rawChunk({ format: 0, chunkStream: 3, type: 20, payload: bytes(9, 0) }), rawChunk({ format: 0, chunkStream: 3, type: 9, payload: bytes(9, 0xff) }));
  } finally {
    console.log = log;
  }
  t.deepEqual(lines, []);
});

test('an engine keeps neither the megabyte of the unused file reader nor the handshake', (t) => {
  const { engine } = new Recorder();
  t.is(engine.flv, undefined);
  t.is(engine.handshakePayload.length, 0);
});

test('a hand-over in the middle of the handshake completes it', (t) => {
  const engine = new ChunkEngine({ onMessage: () => undefined, onOutput: () => undefined });
  engine.feed(clientHandshake().subarray(0, 100));
  const state = engine.exportState();
  t.is(state.handshake.received.length, 99);
  const recorder = new Recorder(false);
  recorder.engine = engine;
  recorder.handOver().feed(clientHandshake().subarray(100));
  t.true(recorder.engine.handshakeDone);
  t.deepEqual(recorder.output[0]?.subarray(1, 1537), clientHandshake().subarray(1, 1537));
});
