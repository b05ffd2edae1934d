import test from 'ava';
import fc from 'fast-check';
import type { FileSample } from '../../../core/formats/media-file.ts';
import { PlaybackClock } from '../../../plugins/vod/session/playback-clock.ts';

const data = Uint8Array.of(1);
const US = 10_000_000;

/** Samples of one track in order of decoding, with whatever distances. */
const samplesOf = (track: number) =>
  fc.array(fc.record({ stepUs: fc.nat(100_000), compositionUs: fc.nat(200_000), durationUs: fc.constantFrom(0, 20_000, 40_000) }), { minLength: 1, maxLength: 30 }).chain((steps) =>
    fc.integer({ min: -US, max: US }).map((startUs) => {
      let dtsUs = startUs;
      return steps.map(({ stepUs, compositionUs, durationUs }, index): FileSample => {
        dtsUs += stepUs;
        return { track, dtsUs, ptsUs: dtsUs + (track === 0 ? compositionUs : 0), durationUs, key: index === 0, data };
      });
    }),
  );

const actions = fc.array(fc.oneof(fc.constant('round' as const), fc.nat(20)), { maxLength: 6 });

test('whatever is played, looped and jumped in, no track runs backwards, and nothing is shown before it is decoded', (t) => {
  fc.assert(
    fc.property(samplesOf(0), samplesOf(1), actions, (video, audio, steps) => {
      const samples = [...video, ...audio].sort((a, b) => a.dtsUs - b.dtsUs);
      const clock = new PlaybackClock([{ kind: 'video' }, { kind: 'audio' }]);
      const lastUs = [-1, -1];
      let writtenUs = 0;
      const play = (from: readonly FileSample[]): void => {
        for (const sample of from) {
          const placed = clock.place(sample);
          if (placed === undefined) continue;
          const { track, dtsUs, ptsUs } = placed;
          if (!Number.isSafeInteger(dtsUs) || dtsUs < lastUs[track]! || ptsUs < dtsUs) throw new Error(`${dtsUs} after ${lastUs[track]}, shown at ${ptsUs}`);
          lastUs[track] = dtsUs;
          writtenUs = Math.max(writtenUs, dtsUs);
        }
      };
      clock.begin(samples);
      play(samples);
      for (const step of steps) {
        if (step === 'round') {
          clock.nextRound();
          play(samples);
        } else {
          const rest = samples.slice(step % samples.length);
          clock.jump(rest, writtenUs);
          play(rest);
        }
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});
