import type { Timing } from './timing.ts';

/** A part with its bytes; a gap has none. */
export interface StoredPart {
  readonly durationUs: number;
  readonly independent: boolean;
  readonly data: Buffer | undefined;
}

/** A segment, whole or in the making; its bytes are those of its parts. */
export interface StoredSegment {
  readonly msn: number;
  readonly parts: readonly StoredPart[];
  readonly durationUs: number;
  readonly bytes: number;
  readonly discontinuity: boolean;
  /** Id of the init segment; undefined where the container has none. */
  readonly initId: number | undefined;
  readonly programDateTimeMs: number;
  /** No part of it has media. */
  readonly gap: boolean;
}

/** A segment that has left the list. */
interface RetiredSegment {
  readonly segment: StoredSegment;
  readonly keepUntilMs: number;
}

/** Everything the store holds; plain data. */
export interface StoreState {
  listed: readonly StoredSegment[];
  open: StoredSegment | undefined;
  retired: readonly RetiredSegment[];
  inits: Readonly<Record<number, Buffer>>;
  nextMsn: number;
  /** Discontinuities that have left the list. */
  discontinuitySequence: number;
  bytes: number;
  /** Longest the list has been. */
  longestListUs: number;
}

/** What bounds the store. */
export interface StoreLimits {
  /** Whole segments listed when there are enough of them. */
  readonly listSize: number;
  /** Bytes of media held, retired segments included. */
  readonly maxBytes: number;
}

/** What begins with a segment. */
export interface SegmentHead {
  readonly discontinuity: boolean;
  readonly initId: number | undefined;
  readonly programDateTimeMs: number;
}

/** Least length of what stays listed, in target durations. @see RFC 8216bis section 6.2.2 */
const MIN_LIST_TARGETS = 3;

/** The segments of one presentation in memory: those listed, those that may still be loaded, and the one in the making. */
export class SegmentStore {
  readonly #timing: Timing;
  readonly #limits: StoreLimits;
  readonly #s: StoreState;

  constructor(timing: Timing, limits: StoreLimits, state: StoreState) {
    this.#timing = timing;
    this.#limits = limits;
    this.#s = { ...state };
  }

  /** An empty store whose first segment will be number `nextMsn`. */
  static empty(nextMsn: number, discontinuitySequence: number): StoreState {
    return { listed: [], open: undefined, retired: [], inits: {}, nextMsn, discontinuitySequence, bytes: 0, longestListUs: 0 };
  }

  exportState(): StoreState {
    return { ...this.#s };
  }

  /** Whole segments of the list, oldest first. */
  get listed(): readonly StoredSegment[] {
    return this.#s.listed;
  }

  get open(): StoredSegment | undefined {
    return this.#s.open;
  }

  /** Number of the segment in the making, or of the one to come. */
  get openMsn(): number {
    return this.#s.nextMsn;
  }

  get discontinuitySequence(): number {
    return this.#s.discontinuitySequence;
  }

  get bytes(): number {
    return this.#s.bytes;
  }

  setInit(id: number, data: Buffer): void {
    this.#s.inits = { ...this.#s.inits, [id]: data };
  }

  init(id: number): Buffer | undefined {
    return this.#s.inits[id];
  }

  /** Adds a part to the segment in the making, which begins with it when there is none. */
  addPart(part: StoredPart, head: () => SegmentHead): void {
    const open = this.#s.open ?? { msn: this.#s.nextMsn, parts: [], durationUs: 0, bytes: 0, gap: true, ...head() };
    const bytes = part.data?.length ?? 0;
    this.#s.open = {
      ...open,
      parts: [...open.parts, part],
      durationUs: open.durationUs + part.durationUs,
      bytes: open.bytes + bytes,
      gap: open.gap && part.data === undefined,
    };
    this.#s.bytes += bytes;
  }

  /** The segment in the making is whole and listed; older ones leave the list as the rules allow. */
  endSegment(nowMs: number): void {
    const { open } = this.#s;
    if (open === undefined) return;
    this.#s.open = undefined;
    this.#s.nextMsn++;
    this.#s.listed = [...this.#s.listed, open];
    this.#slide(nowMs);
    this.sweep(nowMs);
  }

  /** Frees what need not be loadable any more. */
  sweep(nowMs: number): void {
    const s = this.#s;
    const isOver = (retired: RetiredSegment): boolean => retired.keepUntilMs <= nowMs || s.bytes > this.#limits.maxBytes;
    let count = 0;
    for (const retired of s.retired) {
      if (!isOver(retired)) break;
      s.bytes -= retired.segment.bytes;
      count++;
    }
    if (count === 0) return;
    s.retired = s.retired.slice(count);
    const used = new Set([...s.retired.map(({ segment }) => segment), ...s.listed, ...(s.open === undefined ? [] : [s.open])].map(({ initId }) => initId));
    const newest = Math.max(...Object.keys(s.inits).map(Number));
    s.inits = Object.fromEntries(Object.entries(s.inits).filter(([id]) => used.has(Number(id)) || Number(id) === newest));
  }

  /** A segment that can be loaded, the one in the making excepted. */
  segment(msn: number): StoredSegment | undefined {
    const { listed, retired } = this.#s;
    return listed[msn - (listed[0]?.msn ?? 0)] ?? retired.find(({ segment }) => segment.msn === msn)?.segment;
  }

  part(msn: number, index: number): StoredPart | undefined {
    const { open } = this.#s;
    return (open?.msn === msn ? open : this.segment(msn))?.parts[index];
  }

  /** Segments leave in order, while the list is too long and what stays is long enough; or when memory runs out. */
  #slide(nowMs: number): void {
    const s = this.#s;
    let listUs = s.listed.reduce((sum, { durationUs }) => sum + durationUs, 0);
    s.longestListUs = Math.max(s.longestListUs, listUs);
    const minUs = MIN_LIST_TARGETS * this.#timing.targetDurationS * 1_000_000;
    for (;;) {
      const [oldest] = s.listed;
      if (oldest === undefined || s.listed.length === 1) return;
      const isTooLong = s.listed.length > this.#limits.listSize && listUs - oldest.durationUs >= minUs;
      const listedBytes = s.listed.reduce((sum, { bytes }) => sum + bytes, 0);
      if (!isTooLong && listedBytes <= this.#limits.maxBytes) return;
      listUs -= oldest.durationUs;
      s.listed = s.listed.slice(1);
      if (oldest.discontinuity) s.discontinuitySequence++;
      s.retired = [...s.retired, { segment: oldest, keepUntilMs: nowMs + (oldest.durationUs + s.longestListUs) / 1000 }];
    }
  }
}
