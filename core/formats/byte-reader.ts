import { ProtocolError } from '../errors/wcs-error.ts';

const U32 = 0x1_0000_0000;

/**
 * A position in a byte array from which big-endian numbers and byte runs are taken.
 * Every read past the end throws a `ProtocolError` with the offset and moves nothing.
 */
export class ByteCursor {
  readonly bytes: Uint8Array;
  #position: number;

  /** @param position first byte to read, in bytes from the start of `bytes` */
  constructor(bytes: Uint8Array, position = 0) {
    if (!Number.isInteger(position) || position < 0 || position > bytes.length) {
      throw new ProtocolError(`Position ${position} is outside of ${bytes.length} bytes`, position);
    }
    this.bytes = bytes;
    this.#position = position;
  }

  /** Offset of the next byte from the start of `bytes`. */
  get position(): number {
    return this.#position;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.bytes.length - this.#position;
  }

  /** Reads an unsigned 8-bit number. */
  u8(): number {
    return this.#at(this.#take(1));
  }

  /** Reads an unsigned 16-bit number. */
  u16(): number {
    const at = this.#take(2);
    return (this.#at(at) << 8) | this.#at(at + 1);
  }

  /** Reads an unsigned 24-bit number. */
  u24(): number {
    const at = this.#take(3);
    return (this.#at(at) << 16) | (this.#at(at + 1) << 8) | this.#at(at + 2);
  }

  /** Reads an unsigned 32-bit number. */
  u32(): number {
    return this.#u32At(this.#take(4));
  }

  /** Reads an unsigned 64-bit number; one above 2^53 - 1 cannot be told exactly and throws. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#u32At(at) * U32 + this.#u32At(at + 4);
    if (Number.isSafeInteger(value)) return value;
    this.#position = at;
    throw new ProtocolError('A 64-bit number exceeds 2^53 - 1', at);
  }

  /** Reads a signed 8-bit number. */
  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  /** Reads a signed 16-bit number. */
  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  /** Reads a signed 24-bit number. */
  i24(): number {
    return (this.u24() << 8) >> 8;
  }

  /** Reads a signed 32-bit number. */
  i32(): number {
    return this.u32() | 0;
  }

  /** Takes `length` bytes as a view that shares memory with `bytes`. */
  take(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Takes all bytes that are left, as a view that shares memory with `bytes`. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /** Takes `length` bytes as text with one character a byte (ISO 8859-1), as for four-character codes. */
  latin1(length: number): string {
    const at = this.#take(length);
    let text = '';
    for (let i = at; i < at + length; i++) text += String.fromCharCode(this.#at(i));
    return text;
  }

  /** Moves on by `length` bytes. */
  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const at = this.#position;
    if (!Number.isInteger(length) || length < 0 || length > this.bytes.length - at) {
      throw new ProtocolError(`${length} bytes needed, ${this.bytes.length - at} left`, at);
    }
    this.#position = at + length;
    return at;
  }

  #u32At(at: number): number {
    return this.#at(at) * 0x1000000 + ((this.#at(at + 1) << 16) | (this.#at(at + 2) << 8) | this.#at(at + 3));
  }

  #at(index: number): number {
    return this.bytes[index] ?? 0;
  }
}
