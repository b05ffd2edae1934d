import { MAX_UNIT_BYTES } from './payload-format.ts';

const FIRST_CAPACITY_BYTES = 4096;
/** Memory beyond this is not kept for the next unit. */
const KEPT_CAPACITY_BYTES = 1024 * 1024;

/** Grows with the unit being put together and is used again for the next one. */
export class UnitBuffer {
  #bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_CAPACITY_BYTES) this.#bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  }

  /** Copies `source` from `start` to `end` (exclusive); false, with nothing copied, when the unit would exceed `MAX_UNIT_BYTES`. */
  put(source: Uint8Array, start = 0, end = source.length): boolean {
    const at = this.#reserve(end - start);
    if (at < 0) return false;
    this.#bytes.set(source.subarray(start, end), at);
    return true;
  }

  /** Appends one byte; false when the unit would exceed `MAX_UNIT_BYTES`. */
  u8(value: number): boolean {
    const at = this.#reserve(1);
    if (at < 0) return false;
    this.#bytes[at] = value;
    return true;
  }

  /** Appends four bytes; false when the unit would exceed `MAX_UNIT_BYTES`. */
  u32(value: number): boolean {
    const at = this.#reserve(4);
    if (at < 0) return false;
    this.#poke(at, value);
    return true;
  }

  /** Overwrites the four bytes at `at`, which were appended before. */
  patchU32(at: number, value: number): void {
    this.#poke(at, value);
  }

  /** Removes the bytes from `length` on. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** What is put so far, as a view that is valid until the next change. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  /** A copy of what is put so far. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #poke(at: number, value: number): void {
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  #reserve(bytes: number): number {
    const at = this.#length;
    const needed = at + bytes;
    if (needed > MAX_UNIT_BYTES) return -1;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(2 * needed);
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }
}
