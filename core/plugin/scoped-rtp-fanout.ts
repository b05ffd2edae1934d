import type { RtpFanouts } from '../media/rtp-fanouts.ts';
import type { RtpViewer, RtpViewerOptions } from '../media/rtp-fanout/viewer.ts';
import type { Stream } from '../media/stream.ts';
import type { Owner } from '../net/owner.ts';
import type { Held, Scope } from '../scope/scope.ts';

/** The RTP fan-out of one stream as a plugin sees it: its viewers go with a scope, their callbacks run as its code. */
export class ScopedRtpFanout {
  readonly #fanouts: RtpFanouts;
  readonly #stream: Stream;
  readonly #scope: Scope;
  readonly #owner: Owner;

  constructor(fanouts: RtpFanouts, stream: Stream, scope: Scope, owner: Owner) {
    this.#fanouts = fanouts;
    this.#stream = stream;
    this.#scope = scope;
    this.#owner = owner;
  }

  /**
   * Adds a viewer until it is closed, the scope closes or the stream ends. Where the tracks are known, `onTracks`,
   * `onMissing` and the first cached packets come before this returns.
   *
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended, MEDIA_E_NO_COMMON_CODEC when nothing is left for the viewer
   */
  add(options: RtpViewerOptions): RtpViewer {
    const ending: { held?: Held; ended: boolean } = { ended: false };
    const onLast = (): void => {
      ending.ended = true;
      ending.held?.detach();
    };
    const viewer = this.#fanouts.of(this.#stream).add(ownedOptions(options, this.#owner, onLast));
    const held = this.#scope.add(`viewer of ${this.#stream.name}`, () => viewer.close());
    ending.held = held;
    // It may have ended within add(): a plugin that runs for months must not collect what is gone.
    if (ending.ended) held.detach();
    return new ScopedViewer(viewer, held);
  }
}

/** A viewer that its scope forgets when it is closed early. */
class ScopedViewer implements RtpViewer {
  readonly #inner: RtpViewer;
  readonly #held: Held;

  constructor(inner: RtpViewer, held: Held) {
    this.#inner = inner;
    this.#held = held;
  }

  get tracks(): RtpViewer['tracks'] {
    return this.#inner.tracks;
  }

  get counters(): RtpViewer['counters'] {
    return this.#inner.counters;
  }

  onNack(ssrc: number, sequences: readonly number[]): void {
    this.#inner.onNack(ssrc, sequences);
  }

  onPli(ssrc: number): void {
    this.#inner.onPli(ssrc);
  }

  remap(): void {
    this.#inner.remap();
  }

  reports(nowMs?: number): ReturnType<RtpViewer['reports']> {
    return this.#inner.reports(nowMs);
  }

  state(): ReturnType<RtpViewer['state']> {
    return this.#inner.state();
  }

  close(): void {
    void this.#held.release();
  }
}

function ownedOptions(options: RtpViewerOptions, owner: Owner, onLast: () => void): RtpViewerOptions {
  const call = <T>(work: () => T): T => {
    try {
      return owner.run(work);
    } catch (error) {
      owner.onFault(error);
      throw error;
    }
  };
  return {
    ...options,
    map: (track, offered) => call(() => options.map(track, offered)),
    onTracks: (tracks) => call(() => options.onTracks?.(tracks)),
    onMissing: (missing) => call(() => options.onMissing?.(missing)),
    onSuspend: () => call(() => options.onSuspend?.()),
    onResume: () => call(() => options.onResume?.()),
    onEnd: (reason) => {
      onLast();
      call(() => options.onEnd(reason));
    },
  };
}
