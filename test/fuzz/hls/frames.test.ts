import test from 'ava';
import fc from 'fast-check';
import { newPresentation, Presentation } from '../../../plugins/hls/session/presentation.ts';
import { timingFor } from '../../../plugins/hls/session/timing.ts';
import { AUDIO, frameOf, VIDEO } from '../../support/hls-frames.ts';

const SEED = 20_260_102;
const LIMITS = { listSize: 5, maxBytes: 100_000 };
const action = fc.oneof(
  { weight: 20, arbitrary: fc.record({ type: fc.constant('frame' as const), track: fc.constantFrom(VIDEO, VIDEO, AUDIO), stepUs: fc.oneof(fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 0, max: 10_000_000 })), key: fc.boolean(), discontinuity: fc.boolean(), data: fc.uint8Array({ maxLength: 300 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('suspend' as const, 'tick' as const, 'early' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('tracks' as const), kinds: fc.constantFrom('both', 'video', 'audio', 'none'), config: fc.uint8Array({ maxLength: 40 }), revision: fc.nat() }) },
);

test('broken media of a publisher never throws out of a presentation, and memory stays bounded', (t) => {
  let parts = 0;
  fc.assert(
    fc.property(fc.constantFrom('fmp4' as const, 'ts' as const), fc.array(action, { minLength: 20, maxLength: 200 }), (container, actions) => {
      let nowMs = 0;
      const times: Record<'video' | 'audio', number> = { video: 1_000_000, audio: 1_000_000 };
      const timing = timingFor({ segmentMs: 1000, partMs: 200, maxSegmentMs: 2000 }, { frameIntervalUs: undefined, keyIntervalUs: undefined });
      const presentation = new Presentation(newPresentation(container, timing, 'x'), { limits: LIMITS, clocks: { wallMs: () => nowMs, monotonicMs: () => nowMs }, onBroken: () => undefined, onKeyFrameDue: () => undefined });
      presentation.setTracks([VIDEO, AUDIO]);
      for (const step of actions) {
        nowMs += 50;
        if (step.type === 'frame') {
          const { track, key, stepUs, data, discontinuity } = step;
          const kind = track === VIDEO ? 'video' : 'audio';
          times[kind] += stepUs;
          presentation.push(frameOf(track, times[kind], track === AUDIO || key, { data, discontinuity }));
        } else if (step.type === 'tracks') {
          const facts = { codecConfig: step.config, revision: step.revision };
          presentation.setTracks([{ ...VIDEO, ...facts }, { ...AUDIO, ...facts }].filter(({ kind }) => step.kinds === 'both' || step.kinds === kind));
        } else if (step.type === 'suspend') presentation.suspend();
        else if (step.type === 'tick') presentation.tick();
        else presentation.endSegmentEarly();
        if (presentation.isReady) parts += presentation.versions.body({ delta: true, gzip: false, uriSuffix: '' }).data.length > 100 ? 1 : 0;
      }
      presentation.end();
      return presentation.store.bytes <= LIMITS.maxBytes + 300 * 200;
    }),
    { seed: SEED, numRuns: 300, interruptAfterTimeLimit: 20_000 },
  );
  t.true(parts > 1000, `${parts} lists`);
});
