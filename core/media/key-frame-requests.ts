import type { MediaClock, MediaTimers } from './runtime.ts';

interface TrackRequests {
  lastSentMs: number;
  cancelTrailing: (() => void) | undefined;
}

/**
 * Throttles key-frame requests per track: the first goes out at once, those within the interval become one at its end,
 * unless a key frame came meanwhile.
 */
export class KeyFrameRequests {
  readonly #options: { readonly clock: MediaClock; readonly timers: MediaTimers; readonly intervalMs: number; readonly send: (trackId: string) => void };
  readonly #tracks = new Map<string, TrackRequests>();

  constructor(options: { clock: MediaClock; timers: MediaTimers; intervalMs: number; send: (trackId: string) => void }) {
    this.#options = options;
  }

  request(trackId: string): void {
    const { clock, timers, intervalMs } = this.#options;
    const track = this.#tracks.get(trackId) ?? { lastSentMs: -Infinity, cancelTrailing: undefined };
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
    track?.cancelTrailing?.();
    if (track !== undefined) track.cancelTrailing = undefined;
  }

  /** Forgets every request; the next one goes out at once. */
  reset(): void {
    for (const track of this.#tracks.values()) track.cancelTrailing?.();
    this.#tracks.clear();
  }

  #send(trackId: string, track: TrackRequests): void {
    track.lastSentMs = this.#options.clock.nowMs();
    this.#options.send(trackId);
  }
}
