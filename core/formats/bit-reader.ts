import { ProtocolError } from '../errors/wcs-error.ts';

const MAX_EXP_GOLOMB_ZEROS = 31;

/** Reads bits, most significant first; every read past the end throws a `ProtocolError`. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A reader of the same bytes that stands where this one does, for a look ahead. */
  fork(): BitReader {
    const reader = new BitReader(this.#bytes);
    reader.#bit = this.#bit;
    return reader;
  }

  /** How many bits are left. */
  get remaining(): number {
    return 8 * this.#bytes.length - this.#bit;
  }

  /** Reads an unsigned number of 0 to 32 bits. */
  bits(count: number): number {
    this.#need(count);
    let value = 0;
    let left = count;
    while (left > 0) {
      const free = 8 - (this.#bit & 7);
      const taken = Math.min(free, left);
      const byte = this.#bytes[this.#bit >> 3] ?? 0;
      value = value * 2 ** taken + ((byte >> (free - taken)) & ((1 << taken) - 1));
      this.#bit += taken;
      left -= taken;
    }
    return value;
  }

  /** Reads one bit as a truth value. */
  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** Moves on by `count` bits. */
  skip(count: number): void {
    this.#need(count);
    this.#bit += count;
  }

  /** Moves on to the next whole byte. */
  align(): void {
    this.#bit = (this.#bit + 7) & ~7;
  }

  /** Reads an unsigned Exp-Golomb number of at most `max`. @see ITU-T H.264 section 9.1 */
  ue(max = 0xfffffffe): number {
    let zeros = 0;
    while (!this.flag()) {
      if (++zeros > MAX_EXP_GOLOMB_ZEROS) throw new ProtocolError('An Exp-Golomb number exceeds 32 bits', this.#bit >> 3);
    }
    const value = 2 ** zeros - 1 + this.bits(zeros);
    if (value > max) throw new ProtocolError(`${value} exceeds the limit of ${max}`, this.#bit >> 3);
    return value;
  }

  /** Reads a signed Exp-Golomb number. @see ITU-T H.264 section 9.1.1 */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }

  #need(count: number): void {
    if (count > this.remaining) throw new ProtocolError(`${count} bits needed, ${this.remaining} left`, this.#bit >> 3);
  }
}

/**
 * Removes the emulation prevention bytes of a NAL unit (00 00 03 gives 00 00);
 * the same array comes back when there are none.
 * @see ITU-T H.264 section 7.4.1.1
 */
export function removeEmulationPrevention(nal: Uint8Array): Uint8Array {
  let at = nextEmulation(nal, 2);
  if (at < 0) return nal;
  const rbsp = new Uint8Array(nal.length);
  let from = 0;
  let length = 0;
  while (at >= 0) {
    rbsp.set(nal.subarray(from, at), length);
    length += at - from;
    from = at + 1;
    at = nextEmulation(nal, at + 3);
  }
  rbsp.set(nal.subarray(from), length);
  return rbsp.subarray(0, length + nal.length - from);
}

function nextEmulation(nal: Uint8Array, from: number): number {
  let at = nal.indexOf(3, from);
  while (at >= 0 && !(nal[at - 1] === 0 && nal[at - 2] === 0)) at = nal.indexOf(3, at + 1);
  return at;
}
