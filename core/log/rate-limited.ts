import type { LineLevel, Log, LogFields, LogLevel } from './log.ts';

/** Different messages remembered; the one that was quiet longest is forgotten first. */
const MAX_MESSAGES = 256;

interface Repeated {
  readonly sinceMs: number;
  suppressed: number;
}

/**
 * A view of `log` in which a warning of the same text is written at most once per `periodMs`;
 * the next one written carries `repeated`, the number left out in between. Other levels pass untouched.
 *
 * @param clock monotonic milliseconds
 */
export function rateLimited(log: Log, periodMs: number, clock: () => number = () => performance.now()): Log {
  return new RateLimitedLog(log, periodMs, clock, new Map());
}

class RateLimitedLog implements Log {
  readonly #log: Log;
  readonly #periodMs: number;
  readonly #clock: () => number;
  readonly #repeated: Map<string, Repeated>;

  constructor(log: Log, periodMs: number, clock: () => number, repeated: Map<string, Repeated>) {
    this.#log = log;
    this.#periodMs = periodMs;
    this.#clock = clock;
    this.#repeated = repeated;
  }

  get level(): LogLevel {
    return this.#log.level;
  }
  isEnabled(level: LineLevel): boolean {
    return this.#log.isEnabled(level);
  }
  trace(message: string, fields?: LogFields): void {
    this.#log.trace(message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#log.info(message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#log.error(message, fields);
  }
  /** Shares the counts of its parent: a thousand sessions with one complaint write one line. */
  child(fields: LogFields): Log {
    return new RateLimitedLog(this.#log.child(fields), this.#periodMs, this.#clock, this.#repeated);
  }

  warn(message: string, fields?: LogFields): void {
    const nowMs = this.#clock();
    const known = this.#repeated.get(message);
    if (known !== undefined && nowMs - known.sinceMs < this.#periodMs) {
      known.suppressed++;
      return;
    }
    this.#repeated.delete(message);
    this.#makeRoom();
    this.#repeated.set(message, { sinceMs: nowMs, suppressed: 0 });
    const repeated = known?.suppressed ?? 0;
    this.#log.warn(message, repeated > 0 ? { ...fields, repeated } : fields);
  }

  #makeRoom(): void {
    if (this.#repeated.size < MAX_MESSAGES) return;
    const oldest = this.#repeated.keys().next();
    if (oldest.done !== true) this.#repeated.delete(oldest.value);
  }
}
