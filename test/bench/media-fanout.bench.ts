import type { BenchResult } from './bench.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import { TcpFanout } from '../../core/media/tcp-fanout.ts';
import { FakeTime } from '../support/fake-time.ts';
import { AUDIO, VIDEO } from '../support/media.ts';

const VIEWERS = 500;
const SECONDS = 10;
const ROUNDS = 5;
const HEADER_BYTES = 12;

/** A connection that costs what Node's own buffering costs at least: one retained reference and a counter. */
class MemoryViewer {
  readonly backlogBytes = 0;
  bytes = 0;
  readonly #ring: (Uint8Array | undefined)[] = new Array<undefined>(8).fill(undefined);
  #next = 0;
  write(data: Uint8Array): boolean {
    this.#ring[this.#next] = data;
    this.#next = (this.#next + 1) & 7;
    this.bytes += data.length;
    return true;
  }
  onOverflow(): void {
    throw new Error('A viewer without a backlog cannot overflow.');
  }
}

/** 2 Mb/s: 30 pictures and 47 sounds a second. */
function* frames(): Generator<MediaFrame> {
  let soundMs = 0;
  for (let index = 0; index < SECONDS * 30; index += 1) {
    const ms = (index * 1000) / 30;
    for (; soundMs <= ms; soundMs += 1024 / 48) yield { track: AUDIO, ptsUs: soundMs * 1000, dtsUs: soundMs * 1000, key: true, data: new Uint8Array(340), receivedAtMs: soundMs };
    const key = index % 60 === 0;
    yield { track: VIDEO, ptsUs: ms * 1000, dtsUs: ms * 1000, key, data: new Uint8Array(key ? 60_000 : 7_000), receivedAtMs: ms };
  }
}

function cpuNs(work: () => number): number {
  const before = process.cpuUsage();
  const deliveredBytes = work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / (deliveredBytes / 1e6);
}

function writePerFrame(input: readonly MediaFrame[]): number {
  const viewers = Array.from({ length: VIEWERS }, () => new MemoryViewer());
  for (const frame of input) {
    for (const viewer of viewers) {
      const message = Buffer.allocUnsafe(HEADER_BYTES + frame.data.length);
      message.writeUInt32BE(frame.ptsUs / 1000, 0);
      message.set(frame.data, HEADER_BYTES);
      viewer.write(message);
    }
  }
  return viewers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function sharedBatches(input: readonly MediaFrame[]): number {
  const time = new FakeTime(0);
  const fanout = new TcpFanout({
    clock: time, timers: time, windowMs: () => 30,
    onFault: (error) => {
      throw error;
    },
    serialise: (frame, out) => {
      out.u32(frame.ptsUs / 1000);
      out.u32(0);
      out.u32(0);
      out.put(frame.data);
    },
  });
  const viewers = Array.from({ length: VIEWERS }, () => new MemoryViewer());
  for (const viewer of viewers) fanout.add(viewer);
  for (const frame of input) {
    time.advance(Math.max(0, frame.receivedAtMs - time.nowMs()));
    fanout.push(frame);
  }
  fanout.close();
  return viewers.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The same loop with one message shared by all viewers: what batching alone is worth. */
function sharedMessages(input: readonly MediaFrame[]): number {
  const viewers = Array.from({ length: VIEWERS }, () => new MemoryViewer());
  for (const frame of input) {
    const message = Buffer.allocUnsafe(HEADER_BYTES + frame.data.length);
    message.writeUInt32BE(frame.ptsUs / 1000, 0);
    message.set(frame.data, HEADER_BYTES);
    for (const viewer of viewers) viewer.write(message);
  }
  return viewers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

export default {
  name: 'media-fanout',
  run(): Promise<BenchResult> {
    const input = [...frames()];
    const ways = [
      { what: 'a: message made and written per viewer and frame', work: writePerFrame, ns: [] as number[] },
      { what: 'shared message written per viewer and frame', work: sharedMessages, ns: [] as number[] },
      { what: 'b: TcpFanout', work: sharedBatches, ns: [] as number[] },
    ];
    // Interleaved, so that a slow moment of the machine hits every way.
    for (let round = 0; round < ROUNDS; round += 1) for (const way of ways) way.ns.push(cpuNs(() => way.work(input)));
    const baseline = median(ways[0]?.ns ?? []);
    const rows = ways.map(({ what, ns }) => ({ what, value: median(ns), unit: 'ns CPU per delivered MB', ratio: median(ns) / baseline }));
    return Promise.resolve({ title: `Fan-out of one 2 Mb/s stream to ${VIEWERS} viewers in memory`, rows });
  },
};
