import { WcsError } from '../errors/wcs-error.ts';
import { runDirectly, type OnFault, type Owner, type Run } from './owner.ts';

/** Where to listen, and for whom. */
export interface ListenOptions {
  /** `0.0.0.0` listens on IPv4 only, `::` on IPv4 and IPv6. */
  readonly host: string;
  /** 0 asks for any free port. */
  readonly port: number;
  /** The plugin, as in `plugins.<name>` of the configuration. */
  readonly name: string;
  /** The generation that asks (`rtmp@7`), for lists. */
  readonly generation?: string;
  /** The setting that a bind error tells the user to change; default `plugins.<name>.port`. */
  readonly setting?: string;
  /** Wraps every callback of this lease. */
  readonly run?: Run;
  /** Called once when the lease has been released. */
  readonly onReleased?: () => void;
}

/** One holder's share of a kernel-held listener. */
export interface Lease {
  /** `tcp:0.0.0.0:1935`. */
  readonly key: string;
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Points the listener at this lease's handler: synchronous, O(1). Until then the lease committed before serves.
   *
   * @throws WcsError SCOPE_E_CLOSED when the lease is released
   */
  commit(): void;
  /** Undoes this lease's `commit()`: the lease that had the listener before has it again, if it is still held and hasn't uncommitted itself. */
  uncommit(): void;
  /** Makes this lease's `commit()` final: a later `uncommit()` leaves the listener without a lease, whoever had it before. */
  settle(): void;
  /** Gives the share back: nothing new comes in. What was accepted lives on. The last release stops the listener after a linger. */
  release(): void;
  /** Breaks off every connection and request that was accepted for this lease and not adopted by another. */
  endAccepted(): void;
}

/** A lease as the listener sees it. */
export interface Holder extends Owner {
  readonly name: string;
  readonly generation: string | undefined;
  readonly onReleased: (() => void) | undefined;
}

/** The holder for a set of options; listeners add their handler to it. */
export function holderOf(options: ListenOptions, onFault: OnFault): Holder {
  return { name: options.name, generation: options.generation, run: options.run ?? runDirectly, onFault, onReleased: options.onReleased };
}

/** A row of `Listeners.list()`. */
export interface ListenerRow {
  readonly key: string;
  /** The plugin and generation that serve now; undefined when no lease is committed. */
  readonly name: string | undefined;
  readonly generation: string | undefined;
  readonly leases: number;
  readonly connections: number;
  /** Accepted, but waiting for a lease to commit. */
  readonly waiting: number;
  /** Connections, datagrams or requests turned away at a limit. */
  readonly refused: number;
}

/**
 * A bound socket held by the kernel, and the leases on it.
 *
 * When the committed lease is released while others exist, none of them is promoted: a swap commits the new lease before
 * it releases the old one, so that what is left has been withdrawn or isn't ready. Connections and requests then wait,
 * bounded, until a lease commits or the linger stops the listener; datagrams are dropped and counted.
 */
export abstract class KernelListener<H extends Holder> {
  readonly key: string;
  abstract readonly address: { readonly host: string; readonly port: number };
  readonly #holders = new Set<H>();
  readonly #onIdle: () => void;
  #current: H | undefined;
  /** Who served before the last commit: one step back only, and never beyond its release, lest it keep old code alive. */
  #previous: H | undefined;

  constructor(key: string, onIdle: () => void) {
    this.key = key;
    this.#onIdle = onIdle;
  }

  abstract get connections(): number;
  abstract get waiting(): number;
  abstract get refused(): number;
  /** Stops listening, and frees the port at once; resolves when the last connection has ended. */
  abstract stop(): Promise<void>;
  /** Stops listening and ends every connection. */
  abstract close(): Promise<void>;
  /** After a change of the committed holder: synchronous and O(1). */
  protected abstract onCommitted(holder: H): void;
  /** Ends what was accepted for a holder. */
  protected abstract endAccepted(holder: H): void;
  /** After a holder's release. */
  protected onReleased?(holder: H): void;

  get current(): H | undefined {
    return this.#current;
  }

  get leases(): number {
    return this.#holders.size;
  }

  row(): ListenerRow {
    const { key, leases, connections, waiting, refused } = this;
    return { key, name: this.#current?.name, generation: this.#current?.generation, leases, connections, waiting, refused };
  }

  protected lease(holder: H): Lease {
    this.#holders.add(holder);
    return {
      key: this.key,
      address: this.address,
      commit: () => this.#commit(holder),
      uncommit: () => this.#uncommit(holder),
      settle: () => {
        if (this.#current === holder) this.#previous = undefined;
      },
      release: () => this.#release(holder),
      endAccepted: () => this.endAccepted(holder),
    };
  }

  protected isHeldBy(holder: H): boolean {
    return this.#holders.has(holder);
  }

  #commit(holder: H): void {
    if (!this.#holders.has(holder)) {
      throw new WcsError('SCOPE_E_CLOSED', `The lease of ${holder.name} on ${this.key} is released; it cannot be committed.`);
    }
    if (this.#current === holder) return;
    this.#previous = this.#current;
    this.#current = holder;
    this.onCommitted(holder);
  }

  #uncommit(holder: H): void {
    if (this.#previous === holder) this.#previous = undefined;
    if (this.#current !== holder) return;
    this.#current = this.#previous;
    this.#previous = undefined;
    if (this.#current !== undefined) this.onCommitted(this.#current);
  }

  #release(holder: H): void {
    if (!this.#holders.delete(holder)) return;
    if (this.#previous === holder) this.#previous = undefined;
    if (this.#current === holder) this.#current = undefined;
    this.onReleased?.(holder);
    holder.onReleased?.();
    if (this.#holders.size === 0) this.#onIdle();
  }
}
