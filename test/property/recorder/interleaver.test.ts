import test from 'ava';
import fc from 'fast-check';
import { Interleaver, type OrderedFrame } from '../../../plugins/recorder/session/interleaver.ts';
import { audio, video } from '../../support/media.ts';

/** Two tracks with steps between their frames, and in which order they come. */
const media = fc.record({
  steps: fc.tuple(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 }), fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 })),
  order: fc.array(fc.constantFrom(0, 1), { maxLength: 120 }),
  handover: fc.nat(120),
});

test('every frame comes out once, in the order of its track, whatever the order of arrival and a handover in the middle', (t) => {
  fc.assert(
    fc.property(media, ({ steps, order, handover }) => {
      const out: OrderedFrame[] = [];
      const take = (ordered: OrderedFrame): void => void out.push(ordered);
      let interleaver = new Interleaver(take);
      interleaver.add(1);
      interleaver.add(2);
      const queues = steps.map((list, track) => {
        let ms = 0;
        return list.map((step) => (track === 0 ? video((ms += step), true) : audio((ms += step))));
      });
      const sent: (typeof queues)[number] = [];
      [...order, ...order.map((track) => 1 - track)].forEach((track, index) => {
        if (index === handover) interleaver = new Interleaver(take, interleaver.exportState());
        const frame = queues[track]!.shift();
        if (frame === undefined) return;
        sent.push(frame);
        interleaver.push(track + 1, frame, frame.dtsUs);
      });
      interleaver.flush();
      t.is(out.length, sent.length);
      for (const track of [1, 2]) t.deepEqual(out.filter((each) => each.track === track).map(({ frame }) => frame), sent.filter(({ track: { kind } }) => (kind === 'video') === (track === 1)));
      for (const { durationUs } of out) t.true(durationUs >= 0);
    }),
    { numRuns: 150 },
  );
});

test('frames of tracks that keep pace come out in the order of their decoding times, with their durations', (t) => {
  const out: OrderedFrame[] = [];
  const interleaver = new Interleaver((ordered) => void out.push(ordered));
  interleaver.add(1);
  interleaver.add(2);
  for (let ms = 0; ms < 2000; ms += 40) {
    interleaver.push(1, video(ms, true), ms * 1000);
    // Sound comes 100 ms late.
    for (const soundMs of [ms - 100, ms - 80]) if (soundMs >= 0) interleaver.push(2, audio(soundMs), soundMs * 1000);
  }
  interleaver.flush();
  t.deepEqual(out.map(({ dtsUs }) => dtsUs), out.map(({ dtsUs }) => dtsUs).sort((a, b) => a - b));
  t.true(out.every(({ track, durationUs }) => durationUs === (track === 1 ? 40_000 : 20_000)));
});

test('a track that says nothing is not waited for longer than a second', (t) => {
  const out: OrderedFrame[] = [];
  const interleaver = new Interleaver((ordered) => void out.push(ordered));
  interleaver.add(1);
  interleaver.add(2);
  for (let ms = 0; ms <= 3000; ms += 40) interleaver.push(1, video(ms, true), ms * 1000);
  t.true(out.length >= 49 && out.length <= 51, `${out.length}`);
});
