import type { ChildProcess } from 'node:child_process';
import { WcsError } from '../errors/wcs-error.ts';
import { Child, type ChildLoad, type ChildLog, type JobEvents } from './child.ts';
import type { JobPacket } from './framing.ts';

/** A job in a child. Calls after its end do nothing. */
export interface Job {
  /** Bytes that its child has not taken yet, of all its jobs: above the owner's bound, leave out what can be left out. */
  readonly backlogBytes: number;
  send(packet: JobPacket): void;
  command(command: unknown): void;
  /** Ends the job; `onEnd` isn't called. */
  close(): void;
}

/** How a pool is set up. */
export interface ChildPoolOptions {
  /** Starts a child that calls `serveJobs`; its file descriptor 3 has to be a pipe, its error output too. */
  spawn(): ChildProcess;
  readonly timers: { after(ms: number, work: () => void): () => void };
  /** Scope of the owner: once it closes, its timers take no more. */
  readonly owner: { readonly closed: boolean };
  readonly log: ChildLog;
  /** Shared children at most; those for single jobs come on top. */
  readonly maxChildren: number;
  /** How long a child without jobs stays. */
  readonly idleMs: number;
  /** From the first job on one child without a job stands ready: the next job, or one whose child died, need not wait for its start. */
  readonly keepsSpare?: boolean;
  /** How long small frames to a child wait for others: for work that goes by its own clock, and whose input comes from many sides. */
  readonly gatherMs?: number;
}

/**
 * Environment of a child that works with FFmpeg: with the buffers of pictures outside of the heap its memory stays flat for
 * days, and one arena is enough for one thread.
 */
export const MEDIA_CHILD_ENV = { MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_ARENA_MAX: '2' } as const;

const PING_MS = 1000;
/** So many unanswered questions in a row: the child hangs in native code. */
const MAX_UNANSWERED = 6;
/** After this the next spare is started: what has just begun needs the processor more. */
const SPARE_DELAY_MS = 1000;
/** A child busier than this gets no further job while another one may be started. */
const BUSY_CORES = 0.6;

/**
 * Children that do the jobs of one plugin. Code that may crash, or block, lives in them: a crash ends the jobs of that
 * child with `lost`, and their owners open them again.
 */
export class ChildPool {
  readonly #options: ChildPoolOptions;
  readonly #shared = new Set<Child>();
  readonly #single = new Set<Child>();
  readonly #cancelIdle = new Map<Child, () => void>();
  /** Started, without a job, in neither group. */
  #spare: Child | undefined;
  #cancelSpare: (() => void) | undefined;
  #cancelPing: (() => void) | undefined;
  #closed = false;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
  }

  /** What each child uses now. */
  get loads(): readonly ChildLoad[] {
    return this.#all.map((child) => child.load);
  }

  /** Process ids, for those who look at them from outside. */
  get pids(): readonly number[] {
    return this.#all.flatMap(({ pid }) => pid ?? []);
  }

  /**
   * Opens a job in the least loaded child, or in one of its own.
   *
   * @param spec plain data that the child's `OpenJob` understands
   * @throws WcsError SCOPE_E_CLOSED
   */
  open(spec: unknown, events: JobEvents, options: { readonly alone?: boolean } = {}): Job {
    if (this.#closed) throw new WcsError('SCOPE_E_CLOSED', 'The pool of media children is closed.');
    const child = options.alone === true ? this.#start(this.#single) : this.#choose();
    this.#cancelIdle.get(child)?.();
    this.#cancelIdle.delete(child);
    if (child.load.jobs === 0) this.#planSpare();
    const job = child.open(spec, events);
    return {
      get backlogBytes() {
        return child.backlogBytes;
      },
      send: (packet) => child.send(job, packet),
      command: (command) => child.command(job, command),
      close: () => child.close(job),
    };
  }

  /**
   * Runs a job to its end: all packets in, all packets out. For work that is no stream, a snapshot for instance.
   *
   * @throws WcsError MEDIA_E_PROCESSING with the sentence of the failure, or the reason of the signal
   */
  run(spec: unknown, packets: readonly JobPacket[], signal?: AbortSignal): Promise<readonly JobPacket[]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const out: JobPacket[] = [];
      const onAbort = (): void => {
        job.close();
        reject(signal?.reason as Error);
      };
      const job = this.open(spec, {
        onPacket: (packet) => void out.push(packet),
        onEnd: ({ type, reason }) => {
          signal?.removeEventListener('abort', onAbort);
          if (type === 'done') resolve(out);
          else reject(new WcsError('MEDIA_E_PROCESSING', `Media could not be processed: ${reason}`));
        },
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      for (const packet of packets) job.send(packet);
      job.command({ type: 'flush' });
    });
  }

  /** Ends every child; jobs that are still open are lost. */
  close(): void {
    this.#closed = true;
    this.#cancelPing?.();
    this.#cancelSpare?.();
    for (const cancel of this.#cancelIdle.values()) cancel();
    this.#cancelIdle.clear();
    for (const child of this.#all) child.end();
  }

  get #all(): Child[] {
    return [...this.#shared, ...this.#single, ...(this.#spare === undefined ? [] : [this.#spare])];
  }

  #choose(): Child {
    const [best] = [...this.#shared].filter(({ isUsable }) => isUsable).sort((a, b) => costOf(a.load) - costOf(b.load));
    const isFull = this.#shared.size >= this.#options.maxChildren;
    if (best !== undefined && (isFull || best.load.jobs === 0 || best.load.cores < BUSY_CORES)) return best;
    return this.#start(this.#shared);
  }

  #start(group: Set<Child>): Child {
    const child = this.#spare?.isUsable === true ? this.#spare : this.#spawn();
    this.#spare = undefined;
    group.add(child);
    return child;
  }

  #spawn(): Child {
    const child: Child = new Child(this.#options.spawn(), {
      log: this.#options.log,
      gatherMs: this.#options.gatherMs,
      exited: () => this.#forget(child),
      idle: () => this.#endWhenIdle(child),
    });
    this.#watch();
    return child;
  }

  #planSpare(): void {
    if (this.#options.keepsSpare !== true || this.#options.owner.closed) return;
    this.#cancelSpare ??= this.#options.timers.after(SPARE_DELAY_MS, () => {
      this.#cancelSpare = undefined;
      // A shared child that has become idle takes the place when its time is over.
      const hasIdle = this.#spare !== undefined || [...this.#shared].some(({ load }) => load.jobs === 0);
      if (!hasIdle && !this.#options.owner.closed) this.#spare = this.#spawn();
    });
  }

  #forget(child: Child): void {
    this.#shared.delete(child);
    this.#single.delete(child);
    if (this.#spare === child) this.#spare = undefined;
    this.#cancelIdle.get(child)?.();
    this.#cancelIdle.delete(child);
  }

  #endWhenIdle(child: Child): void {
    if (this.#closed || !child.isUsable) return;
    if (this.#single.has(child) || this.#options.owner.closed) {
      this.#forget(child);
      child.end();
      return;
    }
    this.#cancelIdle.get(child)?.();
    this.#cancelIdle.set(child, this.#options.timers.after(this.#options.idleMs, () => {
      this.#forget(child);
      if (this.#options.keepsSpare === true && this.#spare === undefined) this.#spare = child;
      else child.end();
    }));
  }

  #watch(): void {
    if (this.#options.owner.closed) return;
    this.#cancelPing ??= this.#options.timers.after(PING_MS, () => {
      this.#cancelPing = undefined;
      for (const child of this.#all) if (child.ping() > MAX_UNANSWERED) child.kill('it does not answer');
      if (this.#all.length > 0) this.#watch();
    });
  }
}

/** Measured load; the number of jobs decides among equals. */
function costOf({ cores, jobs }: ChildLoad): number {
  return cores + jobs / 1000;
}
