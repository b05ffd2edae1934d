/** What a pool asks of a listener. */
export interface PooledListener {
  readonly key: string;
  readonly leases: number;
  /** Frees the port at once; resolves when the last connection has ended. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

interface Slot<L> {
  readonly opened: Promise<L>;
  listener: L | undefined;
  /** Calls between their start and their lease: the listener must not be stopped under them. */
  asking: number;
  linger: NodeJS.Timeout | undefined;
}

/** Opens a listener; `onIdle` is to be called when its last lease is released. */
export type OpenListener<L> = (onIdle: () => void) => Promise<L>;

/** The bound listeners of one kind, by key: bound once, shared, stopped a while after the last lease. */
export class ListenerPool<L extends PooledListener> {
  readonly #lingerMs: number;
  readonly #slots = new Map<string, Slot<L>>();
  /** No longer bound, but with connections that live on. */
  readonly #stopped = new Set<L>();
  #closed = false;

  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
  }

  listeners(): L[] {
    return [...this.#slots.values()].flatMap((slot) => slot.listener ?? []);
  }

  /**
   * Finds the listener of a key, or opens it, and takes a lease from it.
   *
   * @param fits false makes a lingering listener without leases give way to a new one
   * @returns undefined when the pool is closed
   * @throws what `open` and `take` throw
   */
  async acquire<T>(key: string, open: OpenListener<L>, take: (listener: L) => T, fits: (listener: L) => boolean = () => true): Promise<T | undefined> {
    const found = this.#slots.get(key);
    if (found?.listener !== undefined && isIdle(found) && !fits(found.listener)) this.#stop(found);
    if (this.#closed) return undefined;
    const slot = this.#slots.get(key) ?? this.#open(key, open);
    slot.asking++;
    clearTimeout(slot.linger);
    try {
      const listener = await slot.opened;
      return this.#isShut() ? undefined : take(listener);
    } finally {
      slot.asking--;
      this.#lingerIfIdle(slot);
    }
  }

  /** Closes every listener and connection now, and gives no more leases. */
  async closeAll(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#slots.values()].map((slot) => slot.opened));
    for (const slot of [...this.#slots.values()]) this.#stop(slot);
    await Promise.all([...this.#stopped].map((listener) => listener.close()));
  }

  /** Asked anew after an await, in which the pool may have been closed. */
  #isShut(): boolean {
    return this.#closed;
  }

  #open(key: string, open: OpenListener<L>): Slot<L> {
    const slot: Slot<L> = { opened: open(() => this.#lingerIfIdle(slot)), listener: undefined, asking: 0, linger: undefined };
    this.#slots.set(key, slot);
    slot.opened.then(
      (listener) => {
        slot.listener = listener;
        // Any free port was asked for: now it has a number, by which others may share it.
        this.#slots.delete(key);
        this.#slots.set(listener.key, slot);
      },
      () => void this.#slots.delete(key),
    );
    return slot;
  }

  #lingerIfIdle(slot: Slot<L>): void {
    if (!isIdle(slot) || slot.listener === undefined || this.#slots.get(slot.listener.key) !== slot) return;
    clearTimeout(slot.linger);
    slot.linger = setTimeout(() => {
      if (isIdle(slot)) this.#stop(slot);
    }, this.#lingerMs).unref();
  }

  #stop(slot: Slot<L>): void {
    clearTimeout(slot.linger);
    const { listener } = slot;
    if (listener === undefined || this.#slots.get(listener.key) !== slot) return;
    this.#slots.delete(listener.key);
    this.#stopped.add(listener);
    void listener.stop().then(() => this.#stopped.delete(listener));
  }
}

function isIdle(slot: Slot<PooledListener>): boolean {
  return slot.asking === 0 && (slot.listener?.leases ?? 0) === 0;
}
