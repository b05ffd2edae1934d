import test from 'ava';
import fc from 'fast-check';
import { JitterBuffer } from '../../../core/rtp/jitter-buffer.ts';
import { NackRequester } from '../../../core/rtp/nack-requester.ts';

const arrivals = fc.array(fc.record({ sequence: fc.integer({ min: -20, max: 300 }), waitMs: fc.nat(40) }), { maxLength: 300 });

test('whatever comes in whatever order goes out in order, once, and within the time and room of the buffer', (t) => {
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 1, max: 64 }), (packets, maxPackets) => {
      const out: number[] = [];
      const buffer = new JitterBuffer<{ sequence: number; atMs: number }>((packet) => {
        out.push(packet.sequence);
        t.true(nowMs - packet.atMs <= 140, 'waited no longer than the limit and one step');
      }, { maxWaitMs: 100, maxPackets });
      let nowMs = 0;
      for (const { sequence, waitMs } of packets) {
        nowMs += waitMs;
        buffer.advance(nowMs);
        buffer.push({ sequence, atMs: nowMs }, nowMs);
        t.true(buffer.held < maxPackets);
      }
      for (const endMs = nowMs + 100; nowMs < endMs; ) {
        nowMs += 20;
        buffer.advance(nowMs);
      }
      t.is(buffer.held, 0);
      t.deepEqual(out, [...new Set(out)].sort((a, b) => a - b));
      const { late, duplicates, lost } = buffer.counters;
      t.is(out.length + late + duplicates, packets.length);
      if (out.length > 0) t.is(out.at(-1)! - out[0]! + 1, out.length + lost);
    }),
    { numRuns: 300 },
  );
});

test('no packet is asked for that came, none more often than allowed, and memory stays bounded', (t) => {
  fc.assert(
    fc.property(arrivals, (packets) => {
      const requester = new NackRequester({ maxPending: 32, maxRequests: 3 });
      const seen = new Set<number>();
      const asked = new Map<number, number>();
      let nowMs = 0;
      for (const { sequence, waitMs } of packets) {
        nowMs += waitMs;
        seen.add(sequence);
        requester.received(sequence, nowMs);
        t.true(requester.pending <= 32);
        for (const wanted of requester.due(nowMs, 30).sequences) {
          t.false(seen.has(wanted));
          asked.set(wanted, (asked.get(wanted) ?? 0) + 1);
        }
      }
      for (const count of asked.values()) t.true(count <= 3);
    }),
    { numRuns: 300 },
  );
});
