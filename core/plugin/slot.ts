import type { ErrorCode } from '../errors/codes.ts';
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
  source: PluginSource;
  state: PluginState = 'disabled';
  /** Why the last request failed; cleared by the next success. */
  error: { readonly code: ErrorCode; readonly message: string } | undefined;
  active: Generation | undefined;
  readonly draining = new Set<Generation>();
  readonly faults = new FaultWindow();
  lastSwap: SwapReport | undefined;
  generations = 0;
  /** Retired generations whose code the garbage collector has not taken yet. */
  uncollected = 0;
  cancelRestart: (() => void) | undefined;
  /** Earlier code, newest last. */
  #previous: Bundle[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #waitingReload: Promise<unknown> | undefined;

  constructor(source: PluginSource) {
    this.name = source.name;
    this.source = source;
  }

  /** Runs changes of this plugin one after the other. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
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

  /** Keeps code for a later rollback. */
  remember(bundle: Bundle): void {
    this.#previous = [...this.#previous.filter((kept) => kept.hash !== bundle.hash), bundle].slice(-KEPT_BUNDLES);
  }

  /** The newest code that differs from `hash`. */
  previousBundle(hash: string | undefined): Bundle | undefined {
    return this.#previous.findLast((kept) => kept.hash !== hash);
  }
}
