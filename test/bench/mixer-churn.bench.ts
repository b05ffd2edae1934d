import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { Publication } from '../../core/media/publication.ts';
import type { Subscription } from '../../core/media/subscription.ts';
import { makeClip, type Clip } from '../support/hls.ts';
import { startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { childrenOf } from '../support/transcoded.ts';
import { until } from '../support/until.ts';
import type { BenchResult, BenchRow } from './bench.ts';
import { residentBytesOf } from './process-time.ts';

const ROUNDS = 4;
const JOINS = 300;
/** Caches fill and code compiles meanwhile. */
const JOINS_BEFORE = 500;
/** In the room at a time. */
const PRESENT = 12;
const FRAMES = 6;
const JOIN_MS = 8;
/** Timers of what has ended have run out by then. */
const CALM_MS = 1500;
const KINDS = ['server: heap', 'server: outside of the heap', 'server: resident', 'a child of the mixer: resident', 'a child of the transcoder: resident'] as const;

interface Participant {
  readonly publication: Publication;
  readonly subscription: Subscription;
}

/** A room that participants join and leave without end; each hears the others, in a codec that is made for them. */
class Room {
  joins = 0;
  /** Frames that participants have got. */
  heard = 0;
  readonly #kernel: TestKernel;
  readonly #clip: Clip;
  readonly #present: Participant[] = [];

  constructor(kernel: TestKernel, clip: Clip) {
    this.#kernel = kernel;
    this.#clip = clip;
  }

  async join(): Promise<void> {
    const { media } = this.#kernel.kernel.parts;
    const name = `u${(this.joins += 1)}`;
    const publication = media.publish({ name: `${name}#room`, owner: name, graceMs: 0, tracks: this.#clip.tracks, meta: { plugin: 'test', protocol: 'test', sessionId: name, params: {} } });
    const own = media.find(`room-${name}room`);
    if (own === undefined) throw new Error(`${name} has no stream of its own: ${this.#kernel.logLines.at(-1) ?? ''}`);
    const subscription = own.subscribe({ plane: 'frames', accept: [{ kind: 'audio', codecs: ['aac'] }, { kind: 'video', codecs: [] }], onMismatch: 'omit', label: name, sink: { onTracks: () => undefined, onFrame: () => void (this.heard += 1), onEnd: () => undefined } });
    this.#present.push({ publication, subscription });
    const receivedAtMs = performance.now();
    for (const frame of this.#clip.frames.slice(0, FRAMES)) publication.write({ ...frame, receivedAtMs } satisfies MediaFrame);
    if (this.#present.length > PRESENT) this.#leave();
    await sleep(JOIN_MS);
  }

  empty(): void {
    while (this.#present.length > 0) this.#leave();
  }

  #leave(): void {
    const gone = this.#present.shift();
    gone?.subscription.close();
    gone?.publication.end('left');
  }
}

/** Memory now, in the order of `KINDS`, after two full collections: the second one takes what finalisers of the first let go. */
async function held(collect: () => void): Promise<readonly number[]> {
  await sleep(CALM_MS);
  for (let round = 0; round < 2; round += 1) {
    collect();
    await sleep(50);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  // One without work may stand ready or not.
  const mean = (pids: readonly number[]): number => residentBytesOf(pids) / pids.length;
  return [heapUsed, external, rss, mean(childrenOf('mixer')), mean(childrenOf('transcoder'))];
}

/** Slope of the line that is nearest to the points. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const [meanX, meanY] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis]!, 0) / points.length) as [number, number];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

export default {
  name: 'mixer-churn',
  async run(): Promise<BenchResult> {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const mixer = { width: 320, height: 180, fps: 5, preset: 'ultrafast', idleMs: 3_600_000, captionFont: '' };
    const [kernel, clip] = await Promise.all([startTestKernel({ plugins: { mixer, transcoder: {} } }), makeClip({ seconds: 1 })]);
    try {
      const room = new Room(kernel, clip);
      while (room.joins < JOINS_BEFORE) await room.join();
      const points: (readonly [number, readonly number[]])[] = [];
      for (let round = 0; round <= ROUNDS; round += 1) {
        room.empty();
        points.push([room.joins, await held(collect)]);
        for (let index = 0; round < ROUNDS && index < JOINS; index += 1) await room.join();
      }
      await until(() => room.heard > 0, 'sound of the others', 10_000);
      const [first, last] = [points[0]![1], points.at(-1)![1]];
      const rows = KINDS.flatMap((what, kind): BenchRow[] => [
        { what: `${what}, at the end`, value: last[kind]! / 1e6, unit: 'MB', ratio: last[kind]! / first[kind]! },
        { what: `${what}, growth`, value: slopeOf(points.map(([joins, values]) => [joins, values[kind]!])), unit: 'bytes a join' },
      ]);
      return { title: `${ROUNDS * JOINS} participants who join a room and leave, ${PRESENT} at a time; ratio: against ${JOINS_BEFORE} joins before`, rows };
    } finally {
      await kernel.stop();
    }
  },
};
