const U32 = 0x1_0000_0000;
const INITIAL_CAPACITY_BYTES = 256;

/**
 * Appends big-endian numbers and byte runs to a buffer that grows by doubling.
 * A number outside of its field's range is the caller's fault and throws a `RangeError`.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacityBytes bytes to reserve at once, when the size is about known */
  constructor(capacityBytes = INITIAL_CAPACITY_BYTES) {
    this.#bytes = new Uint8Array(Math.max(1, capacityBytes));
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#length;
  }

  /** Writes an unsigned 8-bit number. */
  u8(value: number): this {
    return this.#uint(value, 1);
  }

  /** Writes an unsigned 16-bit number. */
  u16(value: number): this {
    return this.#uint(value, 2);
  }

  /** Writes an unsigned 24-bit number. */
  u24(value: number): this {
    return this.#uint(value, 3);
  }

  /** Writes an unsigned 32-bit number. */
  u32(value: number): this {
    return this.#uint(value, 4);
  }

  /** Writes an unsigned number of up to 2^53 - 1 in 64 bits. */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} does not fit in an unsigned 64-bit field`);
    return this.u32(Math.floor(value / U32)).u32(value % U32);
  }

  /** Writes a signed 8-bit number. */
  i8(value: number): this {
    return this.#int(value, 1);
  }

  /** Writes a signed 16-bit number. */
  i16(value: number): this {
    return this.#int(value, 2);
  }

  /** Writes a signed 24-bit number. */
  i24(value: number): this {
    return this.#int(value, 3);
  }

  /** Writes a signed 32-bit number. */
  i32(value: number): this {
    return this.#int(value, 4);
  }

  /** Copies `bytes` in. */
  put(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Writes text of characters up to U+00FF with one byte a character, as for four-character codes. */
  latin1(text: string): this {
    for (let i = 0; i < text.length; i++) this.u8(text.charCodeAt(i));
    return this;
  }

  /** Writes `count` zero bytes. */
  zeros(count: number): this {
    this.#reserve(count);
    return this;
  }

  /** Overwrites the 32-bit number at `position`, for a size that is known only when its content is written. */
  patchU32(position: number, value: number): this {
    if (position < 0 || position + 4 > this.#length) throw new RangeError(`Nothing is written at ${position}`);
    checkUnsigned(value, 4);
    this.#poke(position, value, 4);
    return this;
  }

  /** The written bytes as a view of the writer's memory: valid until the next write; `slice()` it to keep it. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the written bytes. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what is written and keeps the memory. */
  reset(): this {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
    return this;
  }

  #uint(value: number, size: number): this {
    checkUnsigned(value, size);
    this.#poke(this.#reserve(size), value, size);
    return this;
  }

  #int(value: number, size: number): this {
    const half = 2 ** (8 * size - 1);
    if (!Number.isInteger(value) || value < -half || value >= half) {
      throw new RangeError(`${value} does not fit in a signed ${8 * size}-bit field`);
    }
    this.#poke(this.#reserve(size), value, size);
    return this;
  }

  #poke(at: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) this.#bytes[at + i] = value >>> (8 * (size - 1 - i));
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }
}

function checkUnsigned(value: number, size: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
    throw new RangeError(`${value} does not fit in an unsigned ${8 * size}-bit field`);
  }
}
