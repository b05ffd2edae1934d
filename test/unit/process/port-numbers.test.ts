import test from 'ava';
import fc from 'fast-check';
import { encodePacket, FrameReader, LAST_PORT, type ChildFrame } from '../../../core/process/framing.ts';
import { PortNumbers } from '../../../core/process/port-numbers.ts';
import { LAST_INPUT, inputOf, inputPort } from '../../../plugins/mixer/wire/mix-job.ts';

test('numbers stay within their range and are used again last of all, however often somebody joins and leaves', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.nat(19), { maxLength: 200 }), (present, leaves) => {
      const numbers = new PortNumbers(2, 41);
      const used: number[] = [];
      const given: number[] = [];
      const join = (): void => {
        const port = numbers.next((candidate) => used.includes(candidate));
        t.true(port >= 2 && port <= 41 && !used.includes(port));
        // Of forty numbers no more than twenty are taken: what was given lately is not given again.
        t.false(given.slice(-20).includes(port));
        given.push(port);
        used.push(port);
      };
      while (used.length < present) join();
      for (const index of leaves) {
        used.splice(index % used.length, 1);
        join();
      }
    }),
    { numRuns: 50 },
  );
});

test('the highest number of an input, and of an output, goes over to a child and back', (t) => {
  const frames: ChildFrame[] = [];
  const reader = new FrameReader((frame) => frames.push(frame));
  const ports = [LAST_PORT, inputPort(LAST_INPUT, 'audio')];
  for (const port of ports) reader.push(encodePacket(1, { port, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data: Uint8Array.of(1) }));
  t.deepEqual(frames.map((frame) => frame.kind === 'packet' && frame.port), ports);
  t.deepEqual(inputOf(ports[1]!), { port: LAST_INPUT, kind: 'audio' });
});
