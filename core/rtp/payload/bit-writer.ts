/** Appends bits, most significant first; the last byte is filled up with zeros. */
export class BitWriter {
  #bytes: Uint8Array;
  #bit = 0;

  /** @param capacityBytes bytes to reserve at once, when the size is about known */
  constructor(capacityBytes = 64) {
    this.#bytes = new Uint8Array(Math.max(1, capacityBytes));
  }

  /** Appends the lowest `count` bits (0 to 32) of `value`. */
  bits(value: number, count: number): this {
    this.#reserve(count);
    for (let left = count; left > 0; ) {
      const index = this.#bit >> 3;
      const free = 8 - (this.#bit & 7);
      const taken = Math.min(free, left);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      this.#bytes[index] = (this.#bytes[index] ?? 0) | (part << (free - taken));
      this.#bit += taken;
      left -= taken;
    }
    return this;
  }

  /** Appends whole bytes at whatever bit the writer stands. */
  put(bytes: Uint8Array): this {
    for (const byte of bytes) this.bits(byte, 8);
    return this;
  }

  /** A copy of what is written. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, (this.#bit + 7) >> 3);
  }

  #reserve(bits: number): void {
    const needed = (this.#bit + bits + 7) >> 3;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * needed);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
