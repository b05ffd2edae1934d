import test from 'ava';
import { JitterBuffer } from '../../../core/rtp/jitter-buffer.ts';
import { NackRequester } from '../../../core/rtp/nack-requester.ts';
import { ReceptionReport } from '../../../core/rtp/reception-report.ts';

interface Numbered {
  readonly sequence: number;
}

function jitterBuffer(limits: ConstructorParameters<typeof JitterBuffer>[1] = {}): { readonly buffer: JitterBuffer<Numbered>; readonly out: number[] } {
  const out: number[] = [];
  return { buffer: new JitterBuffer<Numbered>(({ sequence }) => out.push(sequence), limits), out };
}

test('packets in order go straight through, reordered ones wait for those before them', (t) => {
  const { buffer, out } = jitterBuffer();
  for (const sequence of [10, 11, 13, 14, 12, 15]) buffer.push({ sequence }, 0);
  t.deepEqual(out, [10, 11, 12, 13, 14, 15]);
  t.is(buffer.held, 0);
});

test('a hole is given up when a packet behind it has waited long enough, and what comes after that is late', (t) => {
  const { buffer, out } = jitterBuffer({ maxWaitMs: 100 });
  buffer.push({ sequence: 1 }, 0);
  buffer.push({ sequence: 3 }, 10);
  buffer.push({ sequence: 5 }, 60);
  buffer.advance(109);
  t.deepEqual(out, [1]);
  buffer.advance(110);
  t.deepEqual(out, [1, 3]);
  buffer.push({ sequence: 2 }, 111);
  buffer.push({ sequence: 6 }, 160);
  t.deepEqual(out, [1, 3, 5, 6]);
  t.deepEqual(buffer.counters, { lost: 2, late: 1, duplicates: 0 });
});

test('a buffer that is full gives up the oldest hole, and a long step at once', (t) => {
  const { buffer, out } = jitterBuffer({ maxPackets: 4 });
  buffer.push({ sequence: 1 }, 0);
  for (const sequence of [3, 4, 5]) buffer.push({ sequence }, 0);
  t.deepEqual(out, [1]);
  buffer.push({ sequence: 6 }, 0);
  t.deepEqual(out, [1, 3, 4, 5, 6]);
  buffer.push({ sequence: 1000 }, 0);
  t.deepEqual(out.at(-1), 1000);
  t.is(buffer.counters.lost, 1 + 993);
});

test('a packet that comes twice is given out once, a flush gives out what is held, a reset begins anew', (t) => {
  const { buffer, out } = jitterBuffer();
  for (const sequence of [7, 9, 9, 12]) buffer.push({ sequence }, 0);
  t.is(buffer.counters.duplicates, 1);
  buffer.flush();
  t.deepEqual(out, [7, 9, 12]);
  buffer.push({ sequence: 14 }, 0);
  buffer.reset();
  buffer.push({ sequence: -3 }, 0);
  buffer.push({ sequence: -1 }, 0);
  buffer.push({ sequence: -2 }, 0);
  t.deepEqual(out.slice(3), [-3, -2, -1]);
});

test('a missing packet is asked for after the reordering time, then at the pace of the round trip, ever more slowly', (t) => {
  const requester = new NackRequester();
  requester.received(1, 0);
  requester.received(3, 0);
  t.deepEqual(requester.due(9), { sequences: [], givenUp: 0 });
  t.deepEqual(requester.due(10, 50).sequences, [2]);
  t.deepEqual(requester.due(59, 50).sequences, []);
  t.deepEqual(requester.due(60, 50).sequences, [2]);
  t.deepEqual(requester.due(134, 50).sequences, []);
  t.deepEqual(requester.due(135, 50).sequences, [2]);
  requester.received(2, 140);
  t.deepEqual(requester.due(1000, 50), { sequences: [], givenUp: 0 });
  t.is(requester.pending, 0);
});

test('the round trip is measured by what comes after one request, and sets the pace of the others', (t) => {
  const requester = new NackRequester();
  requester.received(1, 0);
  requester.received(3, 0);
  t.is(requester.rttMs, undefined);
  requester.due(10);
  requester.received(2, 40);
  t.is(requester.rttMs, 30);
  requester.received(5, 50);
  requester.due(60);
  t.deepEqual(requester.due(89).sequences, [], 'not before the round trip');
  t.deepEqual(requester.due(90).sequences, [4]);
  requester.received(4, 95);
  t.is(requester.rttMs, 30, 'which of two requests was answered is not known');
  requester.received(7, 100);
  requester.due(110);
  requester.received(6, 220);
  t.is(requester.rttMs, 30 + (110 - 30) / 8);
  requester.received(9, 300);
  requester.received(8, 301);
  t.is(requester.rttMs, 40, 'a packet that was only late says nothing');
});

test('a packet that does not come is given up after so many requests or so long, and told once', (t) => {
  const requester = new NackRequester({ maxRequests: 2, maxAgeMs: 500 });
  requester.received(1, 0);
  requester.received(3, 0);
  requester.due(10, 20);
  requester.due(30, 20);
  t.deepEqual(requester.due(60, 20), { sequences: [], givenUp: 1 });
  t.deepEqual(requester.due(70, 20), { sequences: [], givenUp: 0 });
  requester.received(5, 100);
  t.is(requester.due(600, 20).givenUp, 1);
});

test('a hole too long to be mended is given up whole at once', (t) => {
  const requester = new NackRequester({ maxPending: 50 });
  requester.received(1, 0);
  requester.received(3, 0);
  requester.received(100, 0);
  t.deepEqual(requester.due(1000), { sequences: [], givenUp: 97 });
  t.is(requester.pending, 0);
});

test('requests have a ceiling per second, whatever is lost', (t) => {
  const requester = new NackRequester({ maxPerSecond: 30, maxAgeMs: 60_000, maxRequests: 1000 });
  let asked = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    requester.received(ms * 2, ms);
    asked += requester.due(ms, 10).sequences.length;
  }
  t.true(asked > 200 && asked <= 30 + 300, `${asked}`);
});

test('what is missing before a key frame is not asked for any more', (t) => {
  const requester = new NackRequester();
  for (const sequence of [1, 4, 6]) requester.received(sequence, 0);
  requester.forgetBefore(4);
  t.deepEqual(requester.due(10).sequences, [5]);
});

test('a report tells the loss since the last one, in total, and the highest number with its turns', (t) => {
  const report = new ReceptionReport(0xabcd, 90_000);
  t.is(report.block(0), undefined);
  const first = 0x1_fffe;
  for (const step of [0, 1, 2, 4]) report.received(first + step, 0, 0);
  t.like(report.block(0), { ssrc: 0xabcd, fractionLost: 51, cumulativeLost: 1, highestSequence: 0x1_0002, lastSenderReport: 0, delaySinceLastSenderReport: 0 });
  report.received(first + 5, 0, 0);
  t.like(report.block(0), { fractionLost: 0, cumulativeLost: 1 });
  report.received(first + 3, 0, 0);
  report.received(first + 3, 0, 0);
  t.like(report.block(0), { fractionLost: 0, cumulativeLost: -1 });
});

test('jitter follows the differences of transit times by sixteenths, over a wrap of the timestamps', (t) => {
  const report = new ReceptionReport(1, 8000);
  report.received(1, 0xffff_ff60, 0);
  report.received(2, 0, 20);
  t.is(report.jitterMs, 0);
  report.received(3, 160, 48);
  t.is(report.block(0)?.jitter, 4);
  t.is(report.jitterMs, 0.5);
});

test('a report names the last sender report and how long ago it came', (t) => {
  const report = new ReceptionReport(1, 8000);
  report.received(1, 0, 0);
  report.senderReport({ seconds: 0x1234_5678, fraction: 0x9abc_0000 }, 100);
  t.like(report.block(600), { lastSenderReport: 0x5678_9abc, delaySinceLastSenderReport: 0x8000 });
});
