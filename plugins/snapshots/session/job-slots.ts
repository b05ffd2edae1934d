import { WcsError } from 'wcs-core';

/** Jobs that may wait for a slot; further ones are refused. */
export const MAX_WAITING_JOBS = 64;

/** Lets so many jobs run at a time; the others wait in order. */
export class JobSlots {
  readonly #slots: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get running(): number {
    return this.#running;
  }

  /**
   * Runs a job as soon as a slot is free.
   *
   * @throws WcsError MEDIA_E_BUSY when too many wait, the reason of the signal while it waits, or what the job throws
   */
  async run<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= this.#slots) await this.#turn(signal);
    else this.#running += 1;
    try {
      return await job();
    } finally {
      this.#release();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING_JOBS) throw new WcsError('MEDIA_E_BUSY', `${this.#waiting.size} pictures wait to be made already; try again later.`);
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(start);
        reject(signal.reason as Error);
      };
      this.#waiting.add(start);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Hands the slot to the one who waits longest. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
