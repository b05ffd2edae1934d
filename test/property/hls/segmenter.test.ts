import test from 'ava';
import fc from 'fast-check';
import type { MediaFrame } from '../../../core/media/frame.ts';
import type { Cut, CutPart } from '../../../plugins/hls/session/cut.ts';
import { PART_FILL, Segmenter } from '../../../plugins/hls/session/segmenter.ts';
import { timingFor, type Timing } from '../../../plugins/hls/session/timing.ts';
import { anyStream, AUDIO, VIDEO, type AnyStream } from '../../support/hls-frames.ts';

const RUNS = { numRuns: 300 };
/** Pictures further apart than this may be overtaken by a second of sound that comes 0.4 s early. */
const LONGEST_PAUSE_US = 600_000;
const timings = fc.record({ segmentMs: fc.integer({ min: 500, max: 6000 }), partMs: fc.integer({ min: 100, max: 1000 }), maxSegmentMs: fc.integer({ min: 2000, max: 10_000 }) });

function timingOf(wish: { segmentMs: number; partMs: number; maxSegmentMs: number }, stream: AnyStream): Timing {
  return timingFor(wish, { frameIntervalUs: stream.frameIntervalUs, keyIntervalUs: undefined });
}

function start(timing: Timing, { hasVideo }: AnyStream): Segmenter {
  const segmenter = new Segmenter(timing);
  segmenter.setTracks(hasVideo ? VIDEO : AUDIO, hasVideo ? 'audio' : undefined);
  return segmenter;
}

function cutAll(timing: Timing, stream: AnyStream): Cut[] {
  const segmenter = start(timing, stream);
  return [...stream.frames.flatMap((frame) => segmenter.push(frame)), ...segmenter.flush()];
}

/** The parts of each segment. */
function segmentsOf(cuts: readonly Cut[]): CutPart[][] {
  const segments: CutPart[][] = [];
  let open: CutPart[] = [];
  for (const cut of cuts) {
    if (cut.type === 'part') open.push(cut);
    if (cut.type !== 'segmentEnd') continue;
    segments.push(open);
    open = [];
  }
  if (open.length > 0) throw new Error('A part after the last segment');
  return segments;
}

test('parts keep to the part target, fill it as the rules ask, and lie end to end', (t) => {
  fc.assert(
    fc.property(timings, anyStream, (wish, stream) => {
      const timing = timingOf(wish, stream);
      let atUs: number | undefined;
      for (const segment of segmentsOf(cutAll(timing, stream))) {
        for (const [index, part] of segment.entries()) {
          const isGap = part.video.length + part.audio.length === 0;
          const isLast = index === segment.length - 1;
          const next = segment[index + 1];
          const isBeforeGap = next !== undefined && next.video.length + next.audio.length === 0;
          if (part.durationUs <= 0 || part.durationUs > timing.partTargetUs) return false;
          const mayBeShort = part.independent || isGap || isLast || isBeforeGap;
          if (!mayBeShort && part.durationUs < PART_FILL * timing.partTargetUs) return false;
          if (atUs !== undefined && part.startUs !== atUs) return false;
          atUs = part.startUs + part.durationUs;
        }
      }
      return true;
    }),
    RUNS,
  );
  t.pass();
});

test('no segment rounds above the target duration, and none is empty', (t) => {
  fc.assert(
    fc.property(timings, anyStream, (wish, stream) => {
      const timing = timingOf(wish, stream);
      return segmentsOf(cutAll(timing, stream)).every((segment) => {
        const durationUs = segment.reduce((sum, part) => sum + part.durationUs, 0);
        return segment.length > 0 && Math.round(durationUs / 1_000_000) <= timing.targetDurationS;
      });
    }),
    RUNS,
  );
  t.pass();
});

test('every frame of the leading track from the first key frame on is in exactly one part, in order and with its true duration', (t) => {
  fc.assert(
    fc.property(timings, anyStream, (wish, stream) => {
      const lead = stream.hasVideo ? 'video' : 'audio';
      const parts = cutAll(timingOf(wish, stream), stream).filter((cut) => cut.type === 'part');
      const out = parts.flatMap((part) => part[lead]);
      const sent = stream.frames.filter(({ track }) => track.kind === lead);
      if (out.length !== sent.length || out.some(({ frame }, index) => frame !== sent[index])) return false;
      const durationsAreTrue = out.slice(0, -1).every(({ frame, durationUs }, index) => {
        const trueUs = sent[index + 1]!.dtsUs - frame.dtsUs;
        // A longer stand-still under going sound is cut by time, before anybody knows how long it lasts.
        return durationUs === trueUs || (trueUs > LONGEST_PAUSE_US && stream.frames.length > sent.length);
      });
      return durationsAreTrue && parts.every((part) => part.independent === part[lead].some(({ frame }) => frame.key));
    }),
    RUNS,
  );
  t.pass();
});

test('sound is neither doubled nor put out of order', (t) => {
  fc.assert(
    fc.property(timings, anyStream, (wish, stream) => {
      const out = cutAll(timingOf(wish, stream), stream).flatMap((cut) => (cut.type === 'part' ? cut.audio : []));
      return out.slice(1).every(({ frame }, index) => frame.dtsUs > out[index]!.frame.dtsUs);
    }),
    RUNS,
  );
  t.pass();
});

test('a hand-over at any frame, through plain data, changes no cut', (t) => {
  fc.assert(
    fc.property(timings, anyStream, fc.array(fc.nat(300), { maxLength: 3 }), (wish, stream, at) => {
      const timing = timingOf(wish, stream);
      let segmenter = start(timing, stream);
      const cuts = stream.frames.flatMap((frame: MediaFrame, index) => {
        if (at.includes(index)) segmenter = new Segmenter(timing, structuredClone(segmenter.exportState()));
        return segmenter.push(frame);
      });
      t.deepEqual([...cuts, ...segmenter.flush()], cutAll(timing, stream));
    }),
    { numRuns: 60 },
  );
});
