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
  readonly log: ChildLog;
  /** Shared children at most; those for single jobs come on top. */
  readonly maxChildren: number;
  /** How long a child without jobs stays. */
  readonly idleMs: number;
}

const PING_MS = 1000;
/** So many unanswered questions in a row: the child hangs in native code. */
const MAX_UNANSWERED = 6;
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
    for (const cancel of this.#cancelIdle.values()) cancel();
    this.#cancelIdle.clear();
    for (const child of this.#all) child.end();
  }

  get #all(): Child[] {
    return [...this.#shared, ...this.#single];
  }

  #choose(): Child {
    const [best] = [...this.#shared].filter(({ isUsable }) => isUsable).sort((a, b) => costOf(a.load) - costOf(b.load));
    const isFull = this.#shared.size >= this.#options.maxChildren;
    if (best !== undefined && (isFull || best.load.jobs === 0 || best.load.cores < BUSY_CORES)) return best;
    return this.#start(this.#shared);
  }

  #start(group: Set<Child>): Child {
    const child: Child = new Child(this.#options.spawn(), {
      log: this.#options.log,
      exited: () => this.#forget(child),
      idle: () => this.#endWhenIdle(child),
    });
    group.add(child);
    this.#watch();
    return child;
  }

  #forget(child: Child): void {
    this.#shared.delete(child);
    this.#single.delete(child);
    this.#cancelIdle.get(child)?.();
    this.#cancelIdle.delete(child);
  }

  #endWhenIdle(child: Child): void {
    if (this.#closed || !child.isUsable) return;
    const end = (): void => {
      this.#forget(child);
      child.end();
    };
    if (this.#single.has(child)) { end(); return; }
    this.#cancelIdle.get(child)?.();
    this.#cancelIdle.set(child, this.#options.timers.after(this.#options.idleMs, end));
  }

  #watch(): void {
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
