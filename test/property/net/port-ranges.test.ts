import test from 'ava';
import fc from 'fast-check';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { DEFAULT_PORT_RANGES, PortRanges } from '../../../core/net/port-ranges.ts';

const QUARANTINE_MS = 100;

const step = fc.oneof(
  fc.record({ type: fc.constant('single' as const) }),
  fc.record({ type: fc.constant('pair' as const) }),
  fc.record({ type: fc.constant('release' as const), index: fc.nat(20) }),
  fc.record({ type: fc.constant('wait' as const), ms: fc.nat(150) }),
);

interface Held {
  readonly ports: readonly number[];
  release(): void;
}

/** The allocator beside the plainest model of it: when each port is free again. */
class Model {
  nowMs = 0;
  readonly held: Held[] = [];
  readonly freeAtMs = new Map<number, number>();
  readonly pool: PortRanges;

  constructor(readonly from: number, readonly size: number) {
    this.pool = new PortRanges({ ...DEFAULT_PORT_RANGES, media: { from, to: from + size - 1 } }, { quarantineMs: QUARANTINE_MS, clock: () => this.nowMs });
  }

  isFree(port: number): boolean {
    return port >= this.from && port < this.from + this.size && (this.freeAtMs.get(port) ?? 0) <= this.nowMs;
  }

  take(type: 'single' | 'pair'): void {
    const all = Array.from({ length: this.size }, (_, index) => this.from + index);
    const possible = all.some((port) => this.isFree(port) && (type === 'single' || (port % 2 === 0 && this.isFree(port + 1))));
    const lease = this.tryTake(type);
    if ((lease !== undefined) !== possible) throw new Error(`${type}: ${possible ? 'refused though possible' : 'given though impossible'}`);
    for (const port of lease?.ports ?? []) {
      if (!this.isFree(port)) throw new Error(`${port} was handed out twice`);
      this.freeAtMs.set(port, Infinity);
    }
    if (lease !== undefined) this.held.push(lease);
  }

  tryTake(type: 'single' | 'pair'): Held | undefined {
    try {
      if (type === 'single') {
        const { port, release } = this.pool.single('media');
        return { ports: [port], release };
      }
      const { rtpPort, rtcpPort, release } = this.pool.pair('media');
      return { ports: [rtpPort, rtcpPort], release };
    } catch (error) {
      if (error instanceof WcsError && error.code === 'NET_E_PORT_EXHAUSTED') return undefined;
      throw error;
    }
  }

  release(index: number): void {
    const [lease] = this.held.splice(index % Math.max(1, this.held.length), 1);
    lease?.release();
    for (const port of lease?.ports ?? []) this.freeAtMs.set(port, this.nowMs + QUARANTINE_MS);
  }
}

test('no port is handed out while in use or in quarantine, and none is refused while free', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(fc.integer({ min: 31_000, max: 31_001 }), fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 120 }), (from, size, steps) => {
        const model = new Model(from, size);
        for (const next of steps) {
          if (next.type === 'wait') model.nowMs += next.ms;
          else if (next.type === 'release') model.release(next.index);
          else model.take(next.type);
          const counts = model.pool.counts('media');
          if (counts.free + counts.busy + counts.quarantined !== size) throw new Error('the counts do not add up');
          if (counts.busy !== model.held.flatMap((lease) => lease.ports).length) throw new Error('the busy count is wrong');
        }
      }),
      { numRuns: 300 },
    );
  });
});
