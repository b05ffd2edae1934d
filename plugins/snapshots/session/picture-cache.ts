/** Pictures kept at most, all together; the oldest go first. */
export const CACHE_MAX_BYTES = 64 * 1024 * 1024;

interface Entry {
  readonly promise: Promise<Uint8Array>;
  /** Undefined while the picture is being made. */
  bytes: number | undefined;
}

/**
 * Pictures by key: all who ask while one is being made get that one, and whoever asks within `keepMs` after it was made as
 * well. A failure is kept likewise, so that a stream that cannot be decoded isn't tried again and again.
 */
export class PictureCache {
  readonly #keepMs: number;
  readonly #after: (ms: number, work: () => void) => () => void;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(keepMs: number, after: (ms: number, work: () => void) => () => void, maxBytes: number = CACHE_MAX_BYTES) {
    this.#keepMs = keepMs;
    this.#after = after;
    this.#maxBytes = maxBytes;
  }

  /** The picture of a key, made by `make` unless there is one; rejects as `make` does. */
  get(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known.promise;
    const entry: Entry = { promise: make(), bytes: undefined };
    this.#entries.set(key, entry);
    entry.promise.then(
      (picture) => this.#settle(key, entry, picture.length),
      () => this.#settle(key, entry, 0),
    );
    return entry.promise;
  }

  #settle(key: string, entry: Entry, bytes: number): void {
    entry.bytes = bytes;
    this.#bytes += bytes;
    if (this.#keepMs <= 0) return this.#forget(key, entry);
    this.#after(this.#keepMs, () => this.#forget(key, entry));
    for (const [oldKey, old] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      if (old.bytes !== undefined) this.#forget(oldKey, old);
    }
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes ?? 0;
  }
}
