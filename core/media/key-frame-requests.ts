import type { MediaClock, MediaTimers } from './runtime.ts';

/** A key frame that comes later than this after the request would have come without it. */
const ANSWER_MS = 700;
/** So many answered requests in a row make up for one without an answer. */
const ANSWERS_TO_BE_TRUSTED = 3;

interface TrackRequests {
  lastSentMs: number;
  /** The first request since the last key frame. */
  unansweredSinceMs: number | undefined;
  cancelTrailing: (() => void) | undefined;
}

/**
 * Throttles key-frame requests per track: the first goes out at once, those within the interval become one at its end,
 * unless a key frame came meanwhile.
 */
export class KeyFrameRequests {
  readonly #options: { readonly clock: MediaClock; readonly timers: MediaTimers; readonly intervalMs: number; readonly send: (trackId: string) => void };
  readonly #tracks = new Map<string, TrackRequests>();
  #mistrust = 0;

  constructor(options: { clock: MediaClock; timers: MediaTimers; intervalMs: number; send: (trackId: string) => void }) {
    this.#options = options;
  }

  request(trackId: string): void {
    const { clock, timers, intervalMs } = this.#options;
    const track = this.#tracks.get(trackId) ?? { lastSentMs: -Infinity, unansweredSinceMs: undefined, cancelTrailing: undefined };
    this.#tracks.set(trackId, track);
    if (track.cancelTrailing !== undefined) return;
    const waitMs = track.lastSentMs + intervalMs - clock.nowMs();
    if (waitMs <= 0) { this.#send(trackId, track); return; }
    track.cancelTrailing = timers.after(waitMs, () => {
      track.cancelTrailing = undefined;
      this.#send(trackId, track);
    });
  }

  /** A key frame came: whoever waited has it. */
  arrived(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (track === undefined) return;
    track.cancelTrailing?.();
    track.cancelTrailing = undefined;
    if (track.unansweredSinceMs === undefined) return;
    this.#mistrust = this.#isLate(track) ? ANSWERS_TO_BE_TRUSTED : Math.max(0, this.#mistrust - 1);
    track.unansweredSinceMs = undefined;
  }

  /** False for a publisher that takes requests and makes no key frame all the same, as many encoders do. */
  get areAnswered(): boolean {
    return this.#mistrust === 0 && ![...this.#tracks.values()].some((track) => this.#isLate(track));
  }

  /** Forgets every request; the next one goes out at once. */
  reset(): void {
    for (const track of this.#tracks.values()) track.cancelTrailing?.();
    this.#tracks.clear();
    this.#mistrust = 0;
  }

  #isLate({ unansweredSinceMs }: TrackRequests): boolean {
    return unansweredSinceMs !== undefined && this.#options.clock.nowMs() - unansweredSinceMs > ANSWER_MS;
  }

  #send(trackId: string, track: TrackRequests): void {
    track.lastSentMs = this.#options.clock.nowMs();
    track.unansweredSinceMs ??= track.lastSentMs;
    this.#options.send(trackId);
  }
}
