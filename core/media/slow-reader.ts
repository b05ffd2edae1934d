/** How far a reader may fall behind. */
export interface ReaderLimits {
  readonly maxBacklogBytes: number;
  readonly maxBacklogMs: number;
  /** A reader that stays over its bound this long is disconnected. */
  readonly disconnectAfterMs: number;
}

/** 4 MB, 2 s, 10 s. */
export const DEFAULT_READER_LIMITS: ReaderLimits = {
  maxBacklogBytes: 4 * 1024 * 1024,
  maxBacklogMs: 2_000,
  disconnectAfterMs: 10_000,
};

/** A backlog below this is a burst in flight, whatever its age by the stream's bit rate. */
export const BURST_BYTES = 64 * 1024;
/** Over this many times the bound not even audio goes out. */
const HARD_FACTOR = 2;

/** How much a reader is behind: under half of its bound, over half, over the bound, or twice over it. */
export type Pressure = 'none' | 'half' | 'full' | 'hard';

/** Classifies a backlog against the limits; bytes or time, whichever is worse. */
export function pressureOf(backlogBytes: number, backlogMs: number, limits: ReaderLimits): Pressure {
  if (backlogBytes <= Math.min(BURST_BYTES, limits.maxBacklogBytes / 2)) return 'none';
  if (backlogBytes > limits.maxBacklogBytes * HARD_FACTOR) return 'hard';
  const share = Math.max(backlogBytes / limits.maxBacklogBytes, backlogMs / limits.maxBacklogMs);
  if (share > 1) return 'full';
  return share > 0.5 ? 'half' : 'none';
}

/** What the state machine looks at in a frame or a packet. */
export interface Deliverable {
  readonly track: { readonly id: string; readonly kind: 'audio' | 'video' | 'data' };
  readonly key: boolean;
}

/**
 * Decides frame by frame what a reader that falls behind still gets: over half of its bound only key frames and audio,
 * over the bound only audio, then again from the next key frame on. Pure: time and backlog come as arguments.
 */
export class SlowReader {
  readonly #limits: ReaderLimits;
  /** Video tracks of which a frame was dropped: nothing of them can be decoded before a key frame. */
  readonly #broken = new Set<string>();
  #fullSinceMs: number | undefined;
  #pressure: Pressure = 'none';

  constructor(limits: ReaderLimits = DEFAULT_READER_LIMITS) {
    this.#limits = limits;
  }

  /** True when the reader has caught up and only a key frame is missing. */
  get awaitsKeyFrame(): boolean {
    return this.#broken.size > 0 && this.#pressure === 'none';
  }

  next(backlogBytes: number, backlogMs: number, nowMs: number, frame: Deliverable): 'deliver' | 'drop' | 'disconnect' {
    this.#pressure = pressureOf(backlogBytes, backlogMs, this.#limits);
    const over = this.#pressure === 'full' || this.#pressure === 'hard';
    if (!over) this.#fullSinceMs = undefined;
    else if (nowMs - (this.#fullSinceMs ??= nowMs) >= this.#limits.disconnectAfterMs) return 'disconnect';
    if (frame.track.kind !== 'video') return this.#pressure === 'hard' ? 'drop' : 'deliver';
    return this.#nextVideo(frame, over);
  }

  #nextVideo(frame: Deliverable, over: boolean): 'deliver' | 'drop' {
    const decodable = frame.key || (this.#pressure === 'none' && !this.#broken.has(frame.track.id));
    if (over || !decodable) {
      this.#broken.add(frame.track.id);
      return 'drop';
    }
    if (frame.key && this.#broken.size > 0) this.#broken.delete(frame.track.id);
    return 'deliver';
  }
}
