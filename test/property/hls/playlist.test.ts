import test from 'ava';
import fc from 'fast-check';
import { parse, setOptions, type types } from 'hls-parser';
import { newPresentation, Presentation } from '../../../plugins/hls/session/presentation.ts';
import { timingFor } from '../../../plugins/hls/session/timing.ts';
import type { Container } from '../../../plugins/hls/wire/request-path.ts';
import { anyStream, AUDIO, VIDEO, type AnyStream } from '../../support/hls-frames.ts';

/** `VIDEO` and `AUDIO` as a decoder needs them; the writer only copies the bytes. */
const TRACKS = [{ ...VIDEO, codecConfig: Uint8Array.of(1, 66, 0, 30, 255, 224, 0) }, { ...AUDIO, codecConfig: Uint8Array.of(0x11, 0x90) }];
const WISH = { segmentMs: 1000, partMs: 300, maxSegmentMs: 3000 };
const LIMITS = { listSize: 6, maxBytes: 1 << 30 };

// It complains of short parts that are INDEPENDENT too, which the draft allows; what it can't read it still throws.
setOptions({ silent: true });

interface Clock {
  nowMs: number;
}

function presentationOf(stream: AnyStream, container: Container, clock: Clock): Presentation {
  const timing = timingFor(WISH, { frameIntervalUs: stream.frameIntervalUs, keyIntervalUs: undefined });
  const clocks = { wallMs: () => 1_700_000_000_000 + clock.nowMs, monotonicMs: () => clock.nowMs };
  const presentation = new Presentation(newPresentation(container, timing, 'token'), { limits: LIMITS, clocks, onBroken: () => undefined, onKeyFrameDue: () => undefined });
  presentation.setTracks(TRACKS.filter(({ kind }) => stream.frames.some(({ track }) => track.kind === kind)));
  return presentation;
}

/** Feeds the stream with some absences of the publisher, and tells of each version of the list. */
function play(stream: AnyStream, container: Container, absences: readonly number[], onVersion: (presentation: Presentation) => void): Presentation {
  const clock = { nowMs: 0 };
  const presentation = presentationOf(stream, container, clock);
  presentation.onChange(() => onVersion(presentation));
  for (const [index, frame] of stream.frames.entries()) {
    clock.nowMs = Math.max(clock.nowMs, frame.dtsUs / 1000);
    if (absences.includes(index)) {
      presentation.suspend();
      for (let tick = 0; tick < 5; tick++) {
        clock.nowMs += presentation.timing.partTargetUs / 1000;
        presentation.tick();
      }
    }
    presentation.push({ ...frame, receivedAtMs: clock.nowMs });
  }
  return presentation;
}

/** The pieces of a file that is there; none of a gap. */
function bytesOf(file: ReturnType<Presentation['file']>): readonly Buffer[] {
  if (file === 'ahead') throw new Error('A listed file is not there yet');
  return file ?? [];
}

const textOf = (presentation: Presentation, delta = false): string => presentation.versions.body({ delta, gzip: false, uriSuffix: '' }).data.toString();
const absencesArbitrary = fc.array(fc.nat(400), { maxLength: 2 });
const RUNS = { numRuns: 40 };

test('every version of a list is understood by an independent parser, and its numbers never fall or change their meaning', (t) => {
  fc.assert(
    fc.property(anyStream, fc.constantFrom<Container>('fmp4', 'ts'), absencesArbitrary, (stream, container, absences) => {
      const known = new Map<number, string>();
      let lastSequence = 0;
      play(stream, container, absences, (presentation) => {
        if (!presentation.isReady) return;
        const list = parse(textOf(presentation)) as types.MediaPlaylist;
        t.true((list.mediaSequenceBase ?? 0) >= lastSequence);
        lastSequence = list.mediaSequenceBase ?? 0;
        let discontinuities = list.discontinuitySequenceBase ?? 0;
        for (const segment of list.segments) {
          if (segment.discontinuity) discontinuities++;
          // The one in the making.
          if (segment.uri === '') continue;
          t.true(Math.round(segment.duration) <= list.targetDuration);
          const meaning = `${segment.uri} ${segment.duration} ${discontinuities}`;
          t.is(known.get(segment.mediaSequenceNumber) ?? meaning, meaning);
          known.set(segment.mediaSequenceNumber, meaning);
          const parts = segment.parts.filter(({ hint }) => !hint);
          if (parts.length === 0) continue;
          const sum = parts.reduce((total, { duration = 0 }) => total + duration, 0);
          t.true(Math.abs(sum - segment.duration) < 1e-6);
        }
      });
    }),
    RUNS,
  );
});

test('what is listed can be loaded at once, parts add up to their segment byte by byte, and the hint is the part that comes next', (t) => {
  fc.assert(
    fc.property(anyStream, absencesArbitrary, (stream, absences) => {
      let hinted: { msn: number; part: number } | undefined;
      play(stream, 'fmp4', absences, (presentation) => {
        const text = textOf(presentation);
        const { listed, open, openMsn } = presentation.store;
        if (hinted !== undefined && hinted.msn === openMsn) t.true((open?.parts.length ?? 0) >= hinted.part);
        for (const segment of [...listed, ...(open === undefined ? [] : [open])]) {
          const parts = segment.parts.flatMap((_part, part) => bytesOf(presentation.file({ type: 'part', token: 'token', msn: segment.msn, part })));
          if (segment === open || segment.gap) continue;
          const whole = bytesOf(presentation.file({ type: 'segment', token: 'token', msn: segment.msn, extension: 'm4s' }));
          t.true(Buffer.concat(whole).equals(Buffer.concat(parts)));
        }
        const [, msn, part] = /PRELOAD-HINT:TYPE=PART,URI="token-(\d+)\.(\d+)\.m4s"/.exec(text)!;
        hinted = { msn: Number(msn), part: Number(part) };
        t.is(presentation.file({ type: 'part', token: 'token', ...hinted }), 'ahead');
        t.is(presentation.progressTo(hinted), 'ahead');
      });
    }),
    { numRuns: 20 },
  );
});

test('a delta and an older list together are the whole list', (t) => {
  fc.assert(
    fc.property(anyStream, (stream) => {
      play(stream, 'fmp4', [], (presentation) => {
        const whole = textOf(presentation);
        const delta = textOf(presentation, true);
        const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(delta)?.[1] ?? 0);
        if (skipped === 0) {
          t.is(delta, whole);
          return;
        }
        t.regex(delta, /#EXT-X-VERSION:9\n/);
        const lines = whole.split('\n');
        const end = lines.indexOf(lines.filter((line) => line !== '' && !line.startsWith('#'))[skipped - 1]!);
        t.true(delta.endsWith(lines.slice(end + 1).join('\n')));
      });
    }),
    RUNS,
  );
});
