import { WcsError } from '../errors/wcs-error.ts';

/**
 * What the ranges are for: RTP and its kin; call signalling (SIP); pulls from cameras (RTSP); pushes to and pulls from
 * other servers (RTMP); agents between servers of this kind.
 */
export type RangeName = 'media' | 'calls' | 'cameras' | 'relays' | 'agents';

/** Inclusive bounds of a port range. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** The ranges of a WCS server. */
export const DEFAULT_PORT_RANGES: Readonly<Record<RangeName, PortRange>> = {
  calls: { from: 30_000, to: 30_999 },
  media: { from: 31_000, to: 31_999 },
  cameras: { from: 32_000, to: 32_999 },
  relays: { from: 33_001, to: 34_000 },
  agents: { from: 34_001, to: 35_000 },
};

/** A released port rests this long, so that late packets of its last user reach nobody else. */
export const PORT_QUARANTINE_MS = 15_000;

/** One allocated port. */
export interface PortLease {
  readonly port: number;
  /** Gives the port back, into quarantine; a second call does nothing. */
  readonly release: () => void;
}

/** An even port for RTP and the odd one above for RTCP. @see RFC 3550 section 11 */
export interface PortPair {
  readonly rtpPort: number;
  readonly rtcpPort: number;
  /** Gives both ports back, into quarantine; a second call does nothing. */
  readonly release: () => void;
}

/** How the ports of a range are used now. */
export interface PortCounts {
  readonly free: number;
  readonly busy: number;
  readonly quarantined: number;
}

/** The one allocator of all port ranges: no port is handed out twice. */
export class PortRanges {
  readonly #pools: ReadonlyMap<RangeName, PortPool>;

  /**
   * @param options `clock` gives monotonic milliseconds; `boundPorts` are those of our own listeners, which are left out
   * @throws WcsError CONFIG_E_INVALID when a range is empty, no port range, or overlaps another
   */
  constructor(ranges: Readonly<Record<RangeName, PortRange>> = DEFAULT_PORT_RANGES, options: { readonly quarantineMs?: number; readonly clock?: () => number; readonly boundPorts?: () => ReadonlySet<number> } = {}) {
    checkRanges(Object.entries(ranges));
    const { quarantineMs = PORT_QUARANTINE_MS, clock = () => performance.now(), boundPorts = () => new Set() } = options;
    this.#pools = new Map(RANGE_NAMES.map((name) => [name, new PortPool(name, ranges[name], { quarantineMs, clock, boundPorts })]));
  }

  /** @throws WcsError NET_E_PORT_EXHAUSTED */
  pair(range: RangeName): PortPair {
    const pool = this.#pool(range);
    const rtpPort = pool.takePair();
    return { rtpPort, rtcpPort: rtpPort + 1, release: pool.releaseOnce([rtpPort, rtpPort + 1]) };
  }

  /** @throws WcsError NET_E_PORT_EXHAUSTED */
  single(range: RangeName): PortLease {
    const pool = this.#pool(range);
    const port = pool.takeSingle();
    return { port, release: pool.releaseOnce([port]) };
  }

  counts(range: RangeName): PortCounts {
    return this.#pool(range).counts();
  }

  #pool(range: RangeName): PortPool {
    const pool = this.#pools.get(range);
    if (pool === undefined) throw new WcsError('INTERNAL_E_FAULT', `There is no port range ${range}.`);
    return pool;
  }
}

/** Every range, in order of its ports. */
export const RANGE_NAMES: readonly RangeName[] = ['calls', 'media', 'cameras', 'relays', 'agents'];

function checkRanges(ranges: readonly (readonly [string, PortRange])[]): void {
  let below: readonly [string, PortRange] | undefined;
  for (const [name, range] of ranges.toSorted(([, a], [, b]) => a.from - b.from)) {
    const valid = Number.isInteger(range.from) && Number.isInteger(range.to) && range.from >= 1 && range.from <= range.to && range.to <= 0xffff;
    if (!valid) throw new WcsError('CONFIG_E_INVALID', `ports.${name}: ${range.from}-${range.to} is no range of ports; from and to lie between 1 and 65535, from first.`);
    if (below !== undefined && range.from <= below[1].to) {
      throw new WcsError('CONFIG_E_INVALID', `ports.${name} (${range.from}-${range.to}) overlaps ports.${below[0]} (${below[1].from}-${below[1].to}); separate them.`);
    }
    below = [name, range];
  }
}

type PortState = 'free' | 'busy' | 'quarantined';

interface PoolOptions {
  readonly quarantineMs: number;
  readonly clock: () => number;
  readonly boundPorts: () => ReadonlySet<number>;
}

/** One range. Searches go round from where the last one ended, so that a port is reused as late as possible. */
class PortPool {
  readonly #name: RangeName;
  readonly #range: PortRange;
  readonly #states: PortState[];
  readonly #quarantineMs: number;
  readonly #clock: () => number;
  readonly #boundPorts: () => ReadonlySet<number>;
  /** As of the search under way. */
  #bound: ReadonlySet<number> = new Set();
  /** In order of `untilMs`. */
  readonly #resting: { readonly port: number; readonly untilMs: number }[] = [];
  #busy = 0;
  #next = 0;

  constructor(name: RangeName, range: PortRange, { quarantineMs, clock, boundPorts }: PoolOptions) {
    this.#name = name;
    this.#range = range;
    this.#states = Array.from({ length: range.to - range.from + 1 }, () => 'free');
    this.#quarantineMs = quarantineMs;
    this.#clock = clock;
    this.#boundPorts = boundPorts;
  }

  takePair(): number {
    this.#prepare();
    const port = this.#search((candidate) => candidate % 2 === 0 && this.#isFree(candidate) && this.#isFree(candidate + 1));
    if (port === undefined) throw this.#exhausted('pair of ports');
    this.#occupy(port);
    this.#occupy(port + 1);
    return port;
  }

  /** Prefers a port that makes no pair any more, so that singles don't use up the pairs. */
  takeSingle(): number {
    this.#prepare();
    const isOdd = (candidate: number): boolean => this.#isFree(candidate) && !this.#isFree(candidate ^ 1);
    const port = this.#search(isOdd) ?? this.#search((candidate) => this.#isFree(candidate));
    if (port === undefined) throw this.#exhausted('port');
    this.#occupy(port);
    return port;
  }

  releaseOnce(ports: readonly number[]): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const untilMs = this.#clock() + this.#quarantineMs;
      for (const port of ports) this.#resting.push({ port, untilMs });
      for (const port of ports) this.#states[port - this.#range.from] = 'quarantined';
      this.#busy -= ports.length;
    };
  }

  counts(): PortCounts {
    this.#endQuarantines();
    return { free: this.#states.length - this.#busy - this.#resting.length, busy: this.#busy, quarantined: this.#resting.length };
  }

  #prepare(): void {
    this.#endQuarantines();
    this.#bound = this.#boundPorts();
  }

  #isFree(port: number): boolean {
    return this.#states[port - this.#range.from] === 'free' && !this.#bound.has(port);
  }

  #occupy(port: number): void {
    this.#states[port - this.#range.from] = 'busy';
    this.#busy++;
    this.#next = port - this.#range.from + 1;
  }

  #search(fits: (port: number) => boolean): number | undefined {
    const size = this.#states.length;
    for (let step = 0; step < size; step++) {
      const port = this.#range.from + ((this.#next + step) % size);
      if (fits(port)) return port;
    }
    return undefined;
  }

  #endQuarantines(): void {
    const nowMs = this.#clock();
    const kept = this.#resting.findIndex((rest) => rest.untilMs > nowMs);
    for (const { port } of this.#resting.splice(0, kept === -1 ? this.#resting.length : kept)) {
      this.#states[port - this.#range.from] = 'free';
    }
  }

  #exhausted(wanted: string): WcsError {
    const { free, busy, quarantined } = this.counts();
    const { from, to } = this.#range;
    return new WcsError(
      'NET_E_PORT_EXHAUSTED',
      `No ${wanted} left in the ${this.#name} range ${from}-${to} (${this.#states.length} ports: ${busy} in use, ${quarantined} quarantined, ${free} free); widen ports.${this.#name}.`,
      { details: { range: this.#name, from, to, busy, quarantined, free } },
    );
  }
}
