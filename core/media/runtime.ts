import { GOP_CACHE_MAX_BYTES, GOP_CACHE_MAX_FRAMES } from './gop-cache.ts';
import { DEFAULT_READER_LIMITS, type ReaderLimits } from './slow-reader.ts';

/** Monotonic milliseconds. */
export interface MediaClock {
  nowMs(): number;
}

/** One-shot timers. */
export interface MediaTimers {
  /** Calls `fn` once after `ms`; the answer cancels it. */
  after(ms: number, fn: () => void): () => void;
}

/** The part of the kernel's log that the media room uses. */
export interface MediaLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/** Limits and periods of the media bus. */
export interface MediaSettings {
  /** How long readers wait for a publisher that is gone. */
  readonly graceMs: number;
  readonly gopMaxFrames: number;
  readonly gopMaxBytes: number;
  readonly readerLimits: ReaderLimits;
  /** Least time between two key-frame requests of one track. */
  readonly keyFrameIntervalMs: number;
  /** How long a pulled stream without readers goes on. */
  readonly sourceIdleMs: number;
  /** How long a failed start is answered from memory. */
  readonly sourceFailureMs: number;
  /** How long a derived track without readers goes on. */
  readonly transcodeIdleMs: number;
}

/** Settings used where none are given. */
export const DEFAULT_MEDIA_SETTINGS: MediaSettings = {
  graceMs: 10_000,
  gopMaxFrames: GOP_CACHE_MAX_FRAMES,
  gopMaxBytes: GOP_CACHE_MAX_BYTES,
  readerLimits: DEFAULT_READER_LIMITS,
  keyFrameIntervalMs: 300,
  sourceIdleMs: 10_000,
  sourceFailureMs: 1_000,
  transcodeIdleMs: 5_000,
};

/** What every part of the media room is given from outside. */
export interface MediaRuntime {
  readonly clock: MediaClock;
  readonly timers: MediaTimers;
  readonly log: MediaLog;
  /** Told of every error that a sink or a callback of a plugin threw. */
  readonly onFault: (error: unknown, label: string) => void;
  readonly settings: MediaSettings;
}
