/** The aggregation header, the first byte of every payload. @see RTP Payload Format For AV1 (v1.0) section 4.4 */
export const AV1_AGGREGATION = {
  /** Z: the first element goes on with an OBU of the packet before. */
  continues: 0x80,
  /** Y: the last element goes on in the next packet. */
  continued: 0x40,
  /** N: the packet begins a coded video sequence. */
  newSequence: 0x08,
} as const;

const MAX_LEB128_BYTES = 8;

/** Walks the OBU elements of a payload in place; allocates nothing. @see RTP Payload Format For AV1 (v1.0) section 4.3 */
export class Av1ElementCursor {
  start = 0;
  end = 0;
  /** True for the last element of the payload. */
  last = false;
  /** Set when a length is cut short, or leads past the end. */
  malformed = false;
  #payload: Uint8Array;
  #index = 0;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
    this.reset(payload);
  }

  get #header(): number {
    return this.#payload[0] ?? 0;
  }

  get continues(): boolean {
    return (this.#header & AV1_AGGREGATION.continues) !== 0;
  }

  get continued(): boolean {
    return (this.#header & AV1_AGGREGATION.continued) !== 0;
  }

  get newSequence(): boolean {
    return (this.#header & AV1_AGGREGATION.newSequence) !== 0;
  }

  /** Begins anew with `payload`. */
  reset(payload: Uint8Array): void {
    this.#payload = payload;
    this.#index = 0;
    this.start = 0;
    this.end = 1;
    this.last = false;
    this.malformed = false;
  }

  /** Moves to the next element, which lies in the payload from `start` to `end` and is never empty. */
  next(): boolean {
    const { length } = this.#payload;
    // W: the number of elements, of which the last has no length; 0 when each has one.
    const count = (this.#header >> 4) & 0x03;
    if (this.end >= length || this.last || this.malformed) {
      this.malformed ||= count > 0 && this.#index < count;
      return false;
    }
    this.#index++;
    this.start = this.end;
    if (count > 0 && this.#index === count) this.end = length;
    else this.#readLength();
    this.last = this.end === length;
    this.malformed ||= this.end > length || this.end === this.start;
    return !this.malformed;
  }

  #readLength(): void {
    let size = 0;
    for (let i = 0; i < MAX_LEB128_BYTES; i++) {
      const byte = this.#payload[this.start];
      if (byte === undefined) break;
      this.start++;
      size += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        this.end = this.start + size;
        return;
      }
    }
    this.malformed = true;
  }
}
