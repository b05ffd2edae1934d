import { WcsError } from '../errors/wcs-error.ts';

/** Frees one resource; a returned promise is awaited before the next release of the scope. */
export type Release = () => void | Promise<void>;

/** A resource registered in a scope. */
export interface Held {
  /** Frees the resource now and forgets it. */
  release(): void | Promise<void>;
  /** Forgets the resource without freeing it: it has a new owner. */
  detach(): void;
}

interface Entry {
  readonly label: string;
  readonly release: Release;
}

/**
 * Owner of every resource that a plugin generation or a session acquires; closes them last in, first out.
 * Synchronous releases run within the tick of `close()`, so that a scope of only such releases is gone when `close()` returns.
 */
export class Scope {
  readonly name: string;
  readonly #abort = new AbortController();
  /** Insertion order is release order reversed. */
  readonly #entries = new Set<Entry>();
  readonly #heldByParent: Held | undefined;
  #closing: void | Promise<void> = undefined;

  constructor(name: string, parent?: Scope) {
    this.name = name;
    this.#heldByParent = parent?.add(`scope ${name}`, () => this.#closeOnce());
  }

  /** Aborted when the scope starts to close. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True from the first call of `close()`. */
  get closed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Number of resources still held. */
  get size(): number {
    return this.#entries.size;
  }

  /** What is still held, oldest first, for leak reports. */
  labels(): string[] {
    return [...this.#entries].map((entry) => entry.label);
  }

  /**
   * Registers a resource by its release.
   *
   * @throws WcsError SCOPE_E_CLOSED on a closed scope, after releasing the resource
   */
  add(label: string, release: Release): Held {
    if (this.closed) {
      void release();
      throw new WcsError('SCOPE_E_CLOSED', `Scope ${this.name} is closed; ${label} was released at once.`);
    }
    const entry: Entry = { label, release };
    this.#entries.add(entry);
    return {
      release: () => (this.#entries.delete(entry) ? entry.release() : undefined),
      detach: () => void this.#entries.delete(entry),
    };
  }

  /** A scope inside this one: closes with it, or earlier on its own. */
  child(name: string): Scope {
    return new Scope(name, this);
  }

  /**
   * Releases everything, last in first out.
   *
   * @throws AggregateError with every error that a release threw; all releases ran all the same
   */
  close(): Promise<void> {
    return this.#closeOnce() ?? Promise.resolve();
  }

  #closeOnce(): void | Promise<void> {
    if (!this.closed) this.#closing = this.#close();
    return this.#closing;
  }

  /** Returns nothing, rather than a promise, when all releases were synchronous and none threw. */
  #close(): void | Promise<void> {
    this.#abort.abort();
    this.#heldByParent?.detach();
    const errors: unknown[] = [];
    const finish = (): void | Promise<void> => {
      if (errors.length === 0) return;
      return Promise.reject(new AggregateError(errors, `Scope ${this.name}: ${errors.length} release(s) failed.`));
    };
    const pending = this.#releaseAll([...this.#entries].reverse(), errors);
    return pending === undefined ? finish() : pending.then(finish);
  }

  #releaseAll(entries: readonly Entry[], errors: unknown[]): Promise<void> | undefined {
    for (const [index, entry] of entries.entries()) {
      if (!this.#entries.delete(entry)) continue;
      try {
        const pending: unknown = entry.release();
        // A plugin in JavaScript may return anything.
        if (!(pending instanceof Promise)) continue;
        const rest = (): Promise<void> | undefined => this.#releaseAll(entries.slice(index + 1), errors);
        return pending.catch((error: unknown) => void errors.push(error)).then(rest);
      } catch (error) {
        errors.push(error);
      }
    }
    return undefined;
  }
}
