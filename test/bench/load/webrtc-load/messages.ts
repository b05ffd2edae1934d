/** What the load is told to do, one JSON line each. */
export type LoadCommand =
  /** Publishes the clip under each of these WHIP addresses. The first one's packets are timed. */
  | { readonly type: 'publish'; readonly urls: readonly string[] }
  | { readonly type: 'unpublish' }
  /** Publishers send nothing but reports, or go on. */
  | { readonly type: 'pause'; readonly isPaused: boolean }
  /** Opens viewers of a WHEP address, one each `paceMs` (0: all at once); ends when each has its first picture or failed; with `pictureTimeoutMs` 0 pictures are not waited for. */
  | { readonly type: 'join'; readonly url: string; readonly viewers: number; readonly paceMs: number; readonly sampled: number; readonly pictureTimeoutMs: number }
  | { readonly type: 'measure'; readonly durationMs: number }
  /** All viewers go: by a DTLS alert alone or by HTTP. */
  | { readonly type: 'leave'; readonly by: 'alert' | 'delete' };

/** Two points of a distribution, and its end. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** How viewers came in. */
export interface JoinReport {
  readonly joined: number;
  readonly withPicture: number;
  /** The first few failures in words. */
  readonly failures: readonly string[];
  /** From the offer to the end of the handshake. */
  readonly joinMs: Spread;
  /** From the offer to the first complete key frame. */
  readonly firstPictureMs: Spread;
  readonly profiles: readonly string[];
}

/** What all viewers got within the measured time. */
export interface MeasureReport {
  readonly seconds: number;
  readonly viewers: number;
  readonly packets: number;
  readonly bytes: number;
  /** Sequence numbers that never came. */
  readonly lost: number;
  /** Packets whose tag was wrong. */
  readonly forged: number;
  readonly leastPackets: number;
  readonly longestSilenceMs: Spread;
  /** Video through the server, publisher and viewer in this process; nothing without sampled viewers. */
  readonly delayMs: Spread;
  readonly delays: number;
  /** Packets that the publishers sent. */
  readonly published: number;
  readonly keyFramesAsked: number;
}

/** What publishing came to. */
export interface PublishReport {
  readonly published: number;
  readonly failures: readonly string[];
}

/** Answers by command. */
export interface LoadAnswers {
  readonly publish: PublishReport;
  readonly unpublish: Record<string, never>;
  readonly pause: Record<string, never>;
  readonly join: JoinReport;
  readonly measure: MeasureReport;
  readonly leave: { readonly left: number; readonly refused: number };
}

/** Sorted points of a list. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
