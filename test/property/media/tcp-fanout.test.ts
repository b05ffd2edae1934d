import test from 'ava';
import fc from 'fast-check';
import type { MediaFrame } from '../../../core/media/frame.ts';
import { TcpFanout, type FanoutViewer } from '../../../core/media/tcp-fanout.ts';
import { FakeTime } from '../../support/fake-time.ts';
import { AUDIO, VIDEO } from '../../support/media.ts';

const LIMITS = { maxBacklogBytes: 20_000, maxBacklogMs: 2_000, disconnectAfterMs: 500 };

/** Message: u32 number, u8 class (0 sound, 1 key, 2 delta, 3 header), u24 length, payload. */
interface Message {
  readonly number: number;
  readonly type: number;
}

class Viewer {
  readonly written: Uint8Array[] = [];
  backlogBytes = 0;
  overflowed = false;
  joinedAt: number;
  leftAt: number | undefined;
  handle: FanoutViewer | undefined;
  readonly drains: boolean;
  constructor(joinedAt: number, drains: boolean) {
    this.joinedAt = joinedAt;
    this.drains = drains;
  }
  write(data: Uint8Array): boolean {
    this.written.push(Uint8Array.from(data));
    if (!this.drains) this.backlogBytes += data.length;
    return this.backlogBytes === 0;
  }
  onOverflow(): void {
    this.overflowed = true;
  }
  /** Throws where the bytes aren't whole messages. */
  messages(): Message[] {
    const bytes = Buffer.concat(this.written);
    const found: Message[] = [];
    let at = 0;
    while (at < bytes.length) {
      const [number, type, length] = [bytes.readUInt32BE(at), bytes.readUInt8(at + 4), bytes.readUIntBE(at + 5, 3)];
      if (at + 8 + length > bytes.length) throw new Error('cut message');
      if (!bytes.subarray(at + 8, at + 8 + length).equals(Buffer.alloc(length, number & 0xff))) throw new Error(`payload of ${number} is not its own`);
      found.push({ number, type });
      at += 8 + length;
    }
    return found;
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('frame' as const), type: fc.constantFrom(0, 1, 2, 2, 2), bytes: fc.integer({ min: 0, max: 6_000 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 120 }) }, { weight: 1, arbitrary: fc.constant(4_000) }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join' as const), lowLatency: fc.boolean(), drains: fc.boolean(), many: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain' as const), pick: fc.nat(), share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('header' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
);

interface Run {
  readonly viewers: Viewer[];
  readonly all: Message[];
  readonly faults: unknown[];
}

function run(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Run {
  const time = new FakeTime();
  const faults: unknown[] = [];
  const viewers: Viewer[] = [];
  const all: Message[] = [];
  const fanout = new TcpFanout({
    clock: time, timers: time, windowMs: () => 30, limits: LIMITS, onFault: (error) => void faults.push(error),
    serialise: (frame, out) => {
      out.u32(frame.ptsUs);
      out.u8(frame.track.kind === 'audio' ? 0 : frame.key ? 1 : 2);
      out.u24(frame.data.length);
      out.put(frame.data);
    },
  });
  const next = (type: number, bytes: number): Uint8Array => {
    all.push({ number: all.length, type });
    return new Uint8Array(bytes).fill((all.length - 1) & 0xff);
  };
  const leave = (viewer: Viewer): void => {
    viewer.leftAt ??= all.length;
    viewer.handle?.remove();
  };
  for (const s of steps) {
    if (s.do === 'time') time.advance(s.ms);
    if (s.do === 'flush') fanout.flush();
    if (s.do === 'frame') {
      const data = next(s.type, s.bytes);
      const frame: MediaFrame = { track: s.type === 0 ? AUDIO : VIDEO, ptsUs: all.length - 1, dtsUs: 0, key: s.type < 2, data, receivedAtMs: time.nowMs() };
      fanout.push(frame);
    }
    if (s.do === 'header') {
      const data = next(3, 3);
      fanout.pushBytes(Buffer.concat([Uint8Array.of(0, 0, (all.length - 1) >> 8, all.length - 1, 3, 0, 0, 3), data]));
    }
    if (s.do === 'join') {
      for (let i = 0; i < s.many; i += 1) {
        const viewer = new Viewer(all.length, s.drains);
        viewer.handle = fanout.add(viewer, { lowLatency: s.lowLatency });
        viewers.push(viewer);
      }
    }
    if (s.do === 'leave' && viewers.length > 0) leave(viewers[s.pick % viewers.length]!);
    if (s.do === 'drain' && viewers.length > 0) {
      const viewer = viewers[s.pick % viewers.length]!;
      viewer.backlogBytes = Math.floor(viewer.backlogBytes * s.share);
    }
  }
  viewers.forEach(leave);
  fanout.close();
  return { viewers, all, faults };
}

test('a viewer that keeps up gets exactly the messages between joining and leaving; a slow one whole, decodable messages', (t) => {
  const seen = { dropped: 0, kept: 0, overflowed: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), (steps) => {
      const { viewers, all, faults } = run(steps);
      if (faults.length > 0) throw faults[0];
      for (const viewer of viewers) {
        const got = viewer.messages();
        const due = all.slice(viewer.joinedAt, viewer.leftAt);
        const numbers = got.map(({ number }) => number);
        if (viewer.drains) {
          if (numbers.join() !== due.map(({ number }) => number).join()) throw new Error(`got ${numbers.join()} of ${due.length} from ${viewer.joinedAt}`);
          if (viewer.handle!.counters.droppedFrames !== 0) throw new Error('dropped though it kept up');
        }
        checkDecodable(due, got, viewer.overflowed);
        const counted = viewer.handle!.counters;
        const frames = got.filter(({ type }) => type !== 3).length;
        if (counted.frames !== frames) throw new Error(`counted ${counted.frames} of ${frames}`);
        seen.dropped += counted.droppedFrames;
        seen.overflowed += viewer.overflowed ? 1 : 0;
        seen.kept += viewer.drains ? counted.frames : 0;
        if (!viewer.overflowed && counted.droppedFrames !== due.filter(({ type }) => type !== 3).length - frames) throw new Error('dropped frames miscounted');
      }
    }),
    { numRuns: 60, seed: 7 },
  );
  t.true(seen.dropped > 100 && seen.kept > 1000 && seen.overflowed > 0, JSON.stringify(seen));
});

/** No message twice or out of order, every header, and no delta after a dropped picture before a key frame. */
function checkDecodable(due: readonly Message[], got: readonly Message[], overflowed: boolean): void {
  let at = 0;
  let broken = false;
  for (const message of due) {
    const here = got[at]?.number === message.number;
    if (here) at += 1;
    if (overflowed && at === got.length) break;
    if (message.type === 3 && !here) throw new Error(`header ${message.number} is missing`);
    if (message.type === 1) broken = !here;
    if (message.type === 2 && here && broken) throw new Error(`delta ${message.number} after a drop`);
    if (message.type === 2 && !here) broken = true;
  }
  if (at !== got.length) throw new Error('a message came that was not due');
}
