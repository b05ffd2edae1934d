import type { MediaFrame } from 'wcs-core';

/** A frame in the order of decoding times over all tracks. */
export interface OrderedFrame {
  /** Number of its track. */
  readonly track: number;
  readonly frame: MediaFrame;
  /** Decoding time on the clock of the recording. */
  readonly dtsUs: number;
  /** Time to the next frame of the track, or what it probably is. */
  readonly durationUs: number;
}

/** Takes frames in order; called from within `push` and `flush`. */
export type TakeFrame = (ordered: OrderedFrame) => void;

/** Plain data of an `Interleaver`. */
export type InterleaverState = readonly { readonly track: number; readonly queue: readonly QueuedFrame[]; readonly lastDurationUs: number }[];

interface QueuedFrame {
  readonly frame: MediaFrame;
  readonly dtsUs: number;
}

interface Lane {
  readonly track: number;
  readonly queue: QueuedFrame[];
  lastDurationUs: number;
}

/** How far a track may be ahead of another before it no longer waits for it. */
const MAX_SKEW_US = 1_000_000;
/** Frames of one track that wait, at most: a clock that stands still must not collect them for ever. */
const MAX_QUEUED = 500;
/** Duration of the only frame of a track. */
const UNKNOWN_DURATION_US = 40_000;

/**
 * Puts the frames of several tracks in the order of their decoding times, and holds each back until the next one of its
 * track tells how long it lasts.
 */
export class Interleaver {
  readonly #lanes = new Map<number, Lane>();
  readonly #take: TakeFrame;
  #newestUs = -Infinity;

  constructor(take: TakeFrame, state: InterleaverState = []) {
    this.#take = take;
    for (const { track, queue, lastDurationUs } of state) {
      this.#lanes.set(track, { track, queue: [...queue], lastDurationUs });
      this.#newestUs = Math.max(this.#newestUs, queue.at(-1)?.dtsUs ?? -Infinity);
    }
  }

  /** A track whose frames are waited for. */
  add(track: number): void {
    this.#lanes.set(track, { track, queue: [], lastDurationUs: UNKNOWN_DURATION_US });
  }

  /** Nothing more comes of a track; what it has is handed over in its turn. */
  remove(track: number): void {
    this.#emitWhile(() => this.#lanes.get(track)?.queue.length !== 0);
    this.#lanes.delete(track);
  }

  push(track: number, frame: MediaFrame, dtsUs: number): void {
    const lane = this.#lanes.get(track);
    if (lane === undefined) return;
    lane.queue.push({ frame, dtsUs });
    if (dtsUs > this.#newestUs) this.#newestUs = dtsUs;
    for (let next = this.#earliest(); next !== undefined && this.#isDue(next); next = this.#earliest()) this.#emit(next);
  }

  /** Hands over everything. */
  flush(): void {
    this.#emitWhile(() => true);
  }

  exportState(): InterleaverState {
    return [...this.#lanes.values()].map(({ track, queue, lastDurationUs }) => ({ track, queue: [...queue], lastDurationUs }));
  }

  #emitWhile(wanted: () => boolean): void {
    for (let next = this.#earliest(); next !== undefined && wanted(); next = this.#earliest()) this.#emit(next);
  }

  #earliest(): Lane | undefined {
    let earliest: Lane | undefined;
    let earliestUs = Infinity;
    for (const lane of this.#lanes.values()) {
      const dtsUs = lane.queue[0]?.dtsUs ?? Infinity;
      if (dtsUs >= earliestUs) continue;
      earliest = lane;
      earliestUs = dtsUs;
    }
    return earliest;
  }

  /** A frame whose duration is known, and that no track can get before; or one that was waited for long enough. */
  #isDue({ queue }: Lane): boolean {
    if (this.#newestUs - (queue[0]?.dtsUs ?? 0) > MAX_SKEW_US || queue.length > MAX_QUEUED) return true;
    if (queue.length < 2) return false;
    for (const lane of this.#lanes.values()) if (lane.queue.length === 0) return false;
    return true;
  }

  #emit(lane: Lane): void {
    const entry = lane.queue.shift();
    if (entry === undefined) return;
    const next = lane.queue[0];
    if (next !== undefined) lane.lastDurationUs = Math.max(0, next.dtsUs - entry.dtsUs);
    this.#take({ track: lane.track, frame: entry.frame, dtsUs: entry.dtsUs, durationUs: lane.lastDurationUs });
  }
}
