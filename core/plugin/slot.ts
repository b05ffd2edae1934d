import type { ErrorCode } from '../errors/codes.ts';
import { runAsKernel } from './attribution.ts';
import type { Bundle } from './bundler.ts';
import { FaultWindow } from './faults.ts';
import type { Generation } from './generation.ts';
import type { PluginSource } from './plugin-source.ts';
import type { SwapReport } from './swap.ts';

/** `disabled`: not asked for. `loading`: being started. `active`: serving. `failed`: asked for but not serving. */
export type PluginState = 'disabled' | 'loading' | 'active' | 'failed';

/** Bundles that stay at hand for a rollback. */
const KEPT_BUNDLES = 2;

/** What the host knows of one plugin across its generations. */
export class Slot {
  readonly name: string;
  /** Where the code that serves, or was last looked for, comes from. */
  source: PluginSource | undefined;
  state: PluginState = 'disabled';
  /** Why the last request failed; cleared by the next success. */
  error: { readonly code: ErrorCode; readonly message: string } | undefined;
  active: Generation | undefined;
  readonly draining = new Set<Generation>();
  /** Retired generations that are counted in `uncollected`. */
  readonly followed = new WeakSet<Generation>();
  readonly faults = new FaultWindow();
  /** Faults of all its versions since the server started. */
  faultsSeen = 0;
  lastSwap: SwapReport | undefined;
  generations = 0;
  /** Retired generations whose code the garbage collector has not taken yet. */
  uncollected = 0;
  /** Since when code serves that was not tried before, and what served until then. */
  probation: { readonly label: string; readonly sinceMs: number; readonly before: Bundle } | undefined;
  /** Harmless when no restart is planned. */
  cancelRestart: () => void = () => undefined;
  /** Code that served, newest last: the last one is what serves, if anything does. */
  #kept: Bundle[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #waitingReload: Promise<unknown> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Runs changes of this plugin one after the other, as the kernel's work whoever asks. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => runAsKernel(work));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Like `exclusive`, but a request that comes while an equal one waits shares that one: the latest code is built anyway. */
  coalesced<T>(work: () => Promise<T>): Promise<T> {
    const waiting = this.#waitingReload as Promise<T> | undefined;
    if (waiting !== undefined) return waiting;
    const result = this.exclusive(() => {
      this.#waitingReload = undefined;
      return work();
    });
    this.#waitingReload = result;
    return result;
  }

  /** Takes note of the generation that serves from now on, and keeps its code for a later rollback. */
  serve(generation: Generation, bundle: Bundle, source: PluginSource): void {
    this.cancelRestart();
    this.active = generation;
    this.state = 'active';
    this.source = source;
    this.probation = undefined;
    this.faults.clear();
    this.#kept = [...this.#kept.filter((kept) => kept.hash !== bundle.hash), bundle].slice(-KEPT_BUNDLES);
  }

  /** The code that served before the one that serves, or that served last. */
  previousBundle(): Bundle | undefined {
    return this.#kept.at(-2);
  }
}
