import test from 'ava';
import type { FanoutSink } from '../../../core/media/fanout-group.ts';
import { TcpFanout } from '../../../core/media/tcp-fanout.ts';
import { FakeTime } from '../../support/fake-time.ts';
import { video } from '../../support/media.ts';

/** Each frame becomes one byte: its time in milliseconds. */
function make(windowMs = 30) {
  const time = new FakeTime();
  const faults: unknown[] = [];
  const fanout = new TcpFanout({
    clock: time, timers: time, windowMs: () => windowMs,
    onFault: (error) => void faults.push(error),
    serialise: (frame, out) => {
      if (frame.dtsUs === 99_000) throw new Error('cannot serialise');
      out.u8(frame.dtsUs / 1000);
    },
  });
  return { fanout, time, faults };
}

function viewer(onWrite: (data: Uint8Array) => void = () => undefined) {
  const writes: number[][] = [];
  const buffers: Uint8Array[] = [];
  const sink: FanoutSink & { backlogBytes: number; overflows: number } = {
    backlogBytes: 0,
    overflows: 0,
    write: (data) => {
      writes.push([...data]);
      buffers.push(data);
      onWrite(data);
      return true;
    },
    onOverflow: () => void (sink.overflows += 1),
  };
  return { sink, writes, buffers };
}

test('a window is one write of one shared buffer, a low-latency viewer gets a write a frame', (t) => {
  const { fanout, time } = make();
  const [a, b, quick] = [viewer(), viewer(), viewer()];
  fanout.add(a.sink);
  fanout.add(b.sink);
  fanout.add(quick.sink, { lowLatency: true });
  for (const ms of [1, 2, 3]) fanout.push(video(ms, ms === 1));
  t.deepEqual([a.writes, quick.writes], [[], [[1], [2], [3]]]);
  time.advance(29);
  t.deepEqual(a.writes, []);
  time.advance(1);
  t.deepEqual([a.writes, b.writes], [[[1, 2, 3]], [[1, 2, 3]]]);
  t.is(a.buffers[0], b.buffers[0]);
  t.is(time.pending, 0);
});

test('many viewers stand in groups served one after the other, each within the window', (t) => {
  const { fanout, time } = make();
  const viewers = Array.from({ length: 300 }, () => viewer());
  for (const { sink } of viewers) fanout.add(sink);
  fanout.push(video(1, true));
  const served = [1, 2, 3, 4].map(() => {
    time.advance(7.5);
    return viewers.filter(({ writes }) => writes.length > 0).length;
  });
  t.true(served[0]! > 0 && served[0]! < served[1]! && served[1]! < served[2]! && served[2]! < 300, served.join());
  t.is(served[3], 300);
});

test('the preamble comes first, then exactly what is pushed after joining; its backlog is not held against the viewer', (t) => {
  const { fanout, time } = make();
  const early = viewer();
  fanout.add(early.sink);
  fanout.push(video(1, true));
  const late = viewer();
  late.sink.backlogBytes = 8 * 1024 * 1024;
  const handle = fanout.add(late.sink, { preamble: [new Uint8Array(8 * 1024 * 1024)] });
  for (let ms = 2; ms < 60; ms += 1) {
    fanout.push(video(ms, false));
    time.advance(1_000);
  }
  t.is(late.writes[0]!.length, 8 * 1024 * 1024);
  t.deepEqual(late.writes.slice(1).flat(), Array.from({ length: 58 }, (_, i) => i + 2));
  t.is(late.sink.overflows, 0);
  t.is(handle.counters.droppedFrames, 0);
});

test('viewers that leave, join, push or throw from within a write disturb nobody', (t) => {
  const { fanout, time, faults } = make();
  const [calm, joiner, broken] = [viewer(), viewer(), viewer(() => { throw new Error('socket'); })];
  let once = true;
  const busy = viewer(() => {
    if (!once) return;
    once = false;
    handle.remove();
    calmHandle.remove();
    fanout.add(joiner.sink);
    fanout.push(video(9, true));
  });
  const handle = fanout.add(busy.sink);
  fanout.add(broken.sink);
  const last = viewer();
  fanout.add(last.sink);
  const calmHandle = fanout.add(calm.sink);
  fanout.push(video(1, true));
  time.advance(30);
  time.advance(30);
  t.deepEqual(busy.writes, [[1]]);
  t.deepEqual(last.writes, [[1], [9]]);
  t.deepEqual(joiner.writes, [[9]]);
  t.deepEqual(calm.writes, [[1]]);
  t.deepEqual([faults.length, broken.sink.overflows], [1, 1]);
  t.is(fanout.viewerCount, 2);
});

test('a frame that cannot be serialised is left out and reported', (t) => {
  const { fanout, faults } = make();
  const { sink, writes } = viewer();
  fanout.add(sink);
  for (const ms of [1, 99, 2]) fanout.push(video(ms, true));
  fanout.flush();
  t.deepEqual(writes, [[1, 2]]);
  t.is(faults.length, 1);
});

test('a hand-over loses and doubles nothing, and passes on that a key frame is missing', (t) => {
  const [old, next] = [make(), make()];
  const { sink, writes } = viewer();
  const handle = old.fanout.add(sink);
  old.fanout.push(video(1, true));
  sink.backlogBytes = 5 * 1024 * 1024;
  old.fanout.push(video(2, false));
  handle.remove();
  t.true(handle.needsKeyFrame);
  sink.backlogBytes = 0;
  next.fanout.add(sink, { startAtKeyFrame: handle.needsKeyFrame });
  for (const ms of [3, 4, 5]) next.fanout.push(video(ms, ms === 4));
  next.fanout.flush();
  t.deepEqual(writes.flat(), [4, 5]);
});

test('a viewer that left can be collected while the fan-out goes on', async (t) => {
  const { fanout, time } = make();
  fanout.add(viewer().sink);
  const refs: WeakRef<object>[] = [];
  const handles: unknown[] = [];
  const joinAndLeave = (): void => {
    const { sink } = viewer();
    refs.push(new WeakRef(sink));
    const handle = fanout.add(sink);
    fanout.push(video(1, true));
    time.advance(30);
    handle.remove();
    handles.push(handle);
  };
  joinAndLeave();
  await new Promise((resolve) => setImmediate(resolve));
  (globalThis as unknown as { gc(): void }).gc();
  t.is(refs[0]!.deref(), undefined);
  t.is(fanout.viewerCount, 1);
});
