import test from 'ava';
import { paceOf } from '../../../plugins/hls/session/pace.ts';
import { newPresentation, Presentation } from '../../../plugins/hls/session/presentation.ts';
import { SegmentStore, type StoredPart } from '../../../plugins/hls/session/segment-store.ts';
import { timingFor } from '../../../plugins/hls/session/timing.ts';
import { ViewerMetrics } from '../../../plugins/hls/session/viewer-metrics.ts';
import { Waiters, type Waiter } from '../../../plugins/hls/session/waiters.ts';
import { frameOf, VIDEO } from '../../support/hls-frames.ts';

const TIMING = { segmentUs: 2_000_000, targetDurationS: 2, partTargetUs: 500_000 };
const HEAD = { discontinuity: false, initId: 0, programDateTimeMs: 0 };

function partOf(bytes: number): StoredPart {
  return { durationUs: 2_000_000, independent: true, data: Buffer.alloc(bytes) };
}

test('a segment leaves the list when it is too long, stays loadable as long as the rules ask, and is freed then', (t) => {
  const store = new SegmentStore(TIMING, { listSize: 4, maxBytes: 1 << 20 }, SegmentStore.empty(10, 3));
  for (let index = 0; index < 6; index++) {
    store.addPart(partOf(100), () => ({ ...HEAD, discontinuity: index === 0 }));
    store.endSegment(index * 2000);
  }
  t.deepEqual(store.listed.map(({ msn }) => msn), [12, 13, 14, 15]);
  t.is(store.discontinuitySequence, 4);
  t.is(store.segment(10)?.bytes, 100);
  // Its own 2 s and the 10 s that the list had at its longest, from when it left at 8 s.
  store.sweep(19_999);
  t.truthy(store.segment(10));
  store.sweep(20_000);
  t.is(store.segment(10), undefined);
  t.is(store.bytes, 500);
});

test('memory is bounded whatever the list should be', (t) => {
  const store = new SegmentStore(TIMING, { listSize: 10, maxBytes: 1000 }, SegmentStore.empty(0, 0));
  for (let index = 0; index < 20; index++) {
    store.addPart(partOf(300), () => HEAD);
    store.endSegment(index);
  }
  t.true(store.bytes <= 1000, `${store.bytes} bytes`);
  t.is(store.listed.length, 3);
});

test('waiters are answered once when due, dropped when they leave, bounded in number and time', (t) => {
  const log: string[] = [];
  const waiters = new Waiters(2);
  let due = false;
  const waiterOf = (name: string): Waiter => ({
    isDue: () => due,
    answer: () => log.push(`${name} answered`),
    giveUp: (reason) => log.push(`${name} ${reason}`),
    handOn: () => log.push(`${name} handed on`),
  });
  const [a, b] = [waiterOf('a'), waiterOf('b')];
  t.true(waiters.add(a, 10));
  t.true(waiters.add(b, 20));
  t.false(waiters.add(waiterOf('c'), 20));
  waiters.wake();
  waiters.expire(10);
  waiters.remove(b);
  t.deepEqual(log, ['a timeout']);
  waiters.add(b, 20);
  due = true;
  waiters.wake();
  waiters.wake();
  waiters.add(a, 20);
  waiters.handOnAll();
  waiters.endAll();
  t.deepEqual(log, ['a timeout', 'b answered', 'a handed on']);
});

test('durations follow the stream: whole frames to a part, whole groups of pictures to a segment, within the limit', (t) => {
  const wish = { segmentMs: 2000, partMs: 300, maxSegmentMs: 10_000 };
  t.deepEqual(timingFor(wish, { frameIntervalUs: 33_333, keyIntervalUs: 2_000_000 }), { segmentUs: 2_000_000, targetDurationS: 2, partTargetUs: 315_000 });
  t.is(timingFor(wish, { frameIntervalUs: 1_000_000, keyIntervalUs: undefined }).partTargetUs, 1_050_000);
  t.is(timingFor(wish, { frameIntervalUs: 33_333, keyIntervalUs: 8_300_000 }).targetDurationS, 9);
  t.is(timingFor(wish, { frameIntervalUs: 33_333, keyIntervalUs: 60_000_000 }).targetDurationS, 10);
  t.is(timingFor(wish, { frameIntervalUs: undefined, keyIntervalUs: undefined }).partTargetUs, 300_000);
});

test('the pace is read from the cached frames, else from what the track says', (t) => {
  const tracks = [{ ...VIDEO, frameRate: 25 }];
  const cached = [0, 40, 80, 120, 160, 200].map((ms) => frameOf(VIDEO, ms * 1000, ms === 0));
  t.deepEqual(paceOf({ tracks, cached, keyFrames: 5, ageMs: 10_000 }), { frameIntervalUs: 40_000, keyIntervalUs: 2_000_000 });
  t.is(paceOf({ tracks, cached: [], keyFrames: 0, ageMs: 0 }).frameIntervalUs, 40_000);
  t.is(paceOf({ tracks: [], cached: [], keyFrames: 0, ageMs: 0 }).frameIntervalUs, undefined);
});

test('a key frame is asked for before the segment is as long as it should be, again with each part, and not while they come by themselves', (t) => {
  const clocks = { wallMs: () => 0, monotonicMs: () => 0 };
  let frame = 0;
  let asked: number[] = [];
  const onKeyFrameDue = (): void => void asked.push(frame);
  const presentation = new Presentation(newPresentation('fmp4', TIMING, 'x'), { limits: { listSize: 5, maxBytes: 1e9 }, clocks, onBroken: () => undefined, onKeyFrameDue });
  presentation.setTracks([VIDEO]);
  const until = (end: number, isKey: (frame: number) => boolean): void => {
    for (; frame < end; frame++) presentation.push(frameOf(VIDEO, frame * 40_000, isKey(frame)));
  };
  until(150, (index) => index % 36 === 0);
  t.deepEqual(asked, []);
  until(220, () => false);
  t.true(asked.length >= 2, `asked at ${asked.join(', ')}`);
  const first = asked[0] ?? 0;
  t.true(first >= 144 + 36 && first <= 144 + 50, `first asked at frame ${first}, after the key frame at 144`);
  asked = [];
  until(256, (index) => index === 220);
  t.deepEqual(asked, []);
  const last = presentation.store.listed.at(-1);
  t.true(presentation.store.open?.parts[0]?.independent, `segment ${last?.msn ?? 0} ended before the key frame`);
});

test('a blocking request is answered as the draft asks: whole segments, part numbers beyond the last one, too far ahead', (t) => {
  const clocks = { wallMs: () => 0, monotonicMs: () => 0 };
  const presentation = new Presentation(newPresentation('ts', TIMING, 'x'), { limits: { listSize: 5, maxBytes: 1e9 }, clocks, onBroken: () => t.fail(), onKeyFrameDue: () => undefined });
  presentation.setTracks([VIDEO]);
  for (let frame = 0; frame <= 90; frame++) presentation.push(frameOf(VIDEO, frame * 33_333, frame % 60 === 0, { data: Uint8Array.of(0, 0, 0, 1, 0x65) }));
  const { openMsn, open, listed } = presentation.store;
  t.is(openMsn, 1);
  const whole = listed[0]!.parts.length;
  const parts = open!.parts.length;
  t.true(parts > 0);
  t.is(presentation.progressTo({ msn: 0 }), 'reached');
  t.is(presentation.progressTo({ msn: 1 }), 'ahead');
  t.is(presentation.progressTo({ msn: 1, part: parts - 1 }), 'reached');
  t.is(presentation.progressTo({ msn: 1, part: parts }), 'ahead');
  t.is(presentation.progressTo({ msn: 0, part: whole }), 'reached');
  t.is(presentation.progressTo({ msn: 2, part: 0 }), 'ahead');
  t.is(presentation.progressTo({ msn: 3 }), 'tooFarAhead');
  t.is(presentation.progressTo({ msn: 1, part: parts + 20 }), 'tooFarAhead');
  presentation.end();
  t.is(presentation.progressTo({ msn: 3 }), 'reached');
});

test('a viewer is counted by status and time, and goes on from its state', (t) => {
  const metrics = new ViewerMetrics();
  metrics.answered(200, 1000, 10);
  const moved = new ViewerMetrics(structuredClone(metrics.exportState()));
  moved.answered(404, 0, 30);
  t.deepEqual(moved.report(), { requestsNumber: 2, requestStatuses: { 200: 1, 404: 1 }, maxResponseTime: 30, minResponseTime: 10, avgResponseTime: 20 });
  t.is(moved.bytesOut, 1000);
});
