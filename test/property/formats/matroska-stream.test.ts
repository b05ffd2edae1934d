import test from 'ava';
import fc from 'fast-check';
import { encodeCluster, encodeMatroskaHead } from '../../../core/formats/matroska.ts';
import { MatroskaStreamReader, type StreamedBlock, type StreamedTrack } from '../../../core/formats/matroska-stream-reader.ts';
import { PieceQueue } from '../../../core/formats/piece-queue.ts';

const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });
const unit = fc.record({ ticks: fc.integer({ min: 0, max: 2 ** 40 }), key: fc.boolean(), data: fc.uint8Array({ minLength: 1, maxLength: 600 }) });

/** Gives bytes away in pieces whose lengths go round in a list. */
function inPieces(bytes: Buffer, lengths: readonly number[], push: (piece: Buffer) => void): void {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    push(bytes.subarray(at, at + length));
    at += length;
  }
}

test('a live file gives its track and its units with their times, however it is cut', (t) => {
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 8 }), cuts, (units, lengths) => {
      const tickNs = 10_000;
      const codecPrivate = Buffer.from('0142c01effe1', 'hex');
      const head = encodeMatroskaHead({ docType: 'matroska', tickNs, tracks: [{ number: 1, kind: 'video', codec: 'h264', width: 320, height: 180, codecConfig: codecPrivate }] });
      const bytes = Buffer.concat([head, ...units.flatMap((each) => encodeCluster([{ track: 1, ...each }]))]);
      const tracks: StreamedTrack[] = [];
      const blocks: StreamedBlock[] = [];
      const reader = new MatroskaStreamReader({ onTrack: (track) => void tracks.push(track), onBlock: (block) => void blocks.push({ ...block, data: Uint8Array.from(block.data) }) });
      inPieces(bytes, lengths, (piece) => reader.push(piece));
      t.deepEqual(tracks, [{ codecPrivate: Uint8Array.from(codecPrivate), width: 320, height: 180, sampleRateHz: undefined, channels: undefined }]);
      t.deepEqual(blocks, units.map(({ ticks, key, data }) => ({ ptsUs: ticks * 10, key, data })));
    }),
    { numRuns: 100 },
  );
});

test('broken and random bytes give blocks or a ProtocolError', (t) => {
  const head = encodeMatroskaHead({ docType: 'matroska', tracks: [{ number: 1, kind: 'audio', codec: 'opus', sampleRateHz: 48_000, channels: 2 }] });
  const whole = Buffer.concat([head, ...encodeCluster([{ track: 1, ticks: 5, key: true, data: new Uint8Array(50) }])]);
  const broken = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((edits) => {
    const bytes = Buffer.from(whole);
    for (const [at, value] of edits) bytes[at] = value;
    return bytes;
  });
  const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(broken, random), cuts, (bytes, lengths) => {
      const reader = new MatroskaStreamReader({ onTrack: () => undefined, onBlock: () => undefined });
      try {
        inPieces(bytes, lengths, (piece) => reader.push(piece));
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'ProtocolError') throw error;
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a queue of pieces gives the bytes that went in, however they were cut and are taken', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), cuts, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (bytes, lengths, takes) => {
      const queue = new PieceQueue();
      inPieces(Buffer.from(bytes), lengths, (piece) => queue.push(piece));
      t.is(queue.length, bytes.length);
      t.is(queue.peek(bytes.length + 1), undefined);
      const out: number[] = [];
      for (let turn = 0; queue.length > 0; turn += 1) {
        const count = Math.min(takes[turn % takes.length] ?? 1, queue.length);
        out.push(...queue.peek(count)!.subarray(0, count));
        t.is(queue.skip(count), count);
      }
      t.deepEqual(out, [...bytes]);
      t.is(queue.skip(5), 0);
    }),
    { numRuns: 200 },
  );
});
