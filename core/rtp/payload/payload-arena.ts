const GROWTH_SPARE_BYTES = 512;

/**
 * Collects the payloads of one unit in one piece of memory, each behind room for its packet's header, so that a frame of
 * many packets costs one allocation. `reset()` leaves the memory to whoever holds views of it.
 */
export class PayloadArena {
  readonly #headroomBytes: number;
  #bytes = new Uint8Array(0);
  #length = 0;
  #count = 0;
  readonly #starts: number[] = [];
  readonly #offsetTicks: number[] = [];
  readonly #markers: boolean[] = [];

  /** @param headroomBytes room kept free before each payload */
  constructor(headroomBytes = 0) {
    this.#headroomBytes = headroomBytes;
  }

  /** How many payloads were begun. */
  get count(): number {
    return this.#count;
  }

  /** Forgets all payloads and makes fresh memory for about `capacityBytes` of them. */
  reset(capacityBytes: number): void {
    this.#bytes = new Uint8Array(capacityBytes + GROWTH_SPARE_BYTES);
    this.#length = 0;
    this.#count = 0;
  }

  /**
   * Begins the next payload; what is put from now on belongs to it.
   *
   * @param marker the packet's marker bit
   * @param offsetTicks how much later than the unit the payload begins, in ticks of the RTP clock
   */
  begin(marker = false, offsetTicks = 0): void {
    const index = this.#count++;
    this.#starts[index] = this.#length;
    this.#offsetTicks[index] = offsetTicks;
    this.#markers[index] = marker;
    this.#reserve(this.#headroomBytes);
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** Copies `source` from `start` to `end` (exclusive). */
  put(source: Uint8Array, start = 0, end = source.length): void {
    const at = this.#reserve(end - start);
    this.#bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
  }

  /** Sets the marker bit of the payload begun last. */
  markLast(): void {
    if (this.#count > 0) this.#markers[this.#count - 1] = true;
  }

  /** The payload of that index with its headroom, as a view of the arena; valid once all payloads are put. */
  packet(index: number): Uint8Array {
    const end = index + 1 < this.#count ? this.#starts[index + 1] : this.#length;
    return this.#bytes.subarray(this.#starts[index], end);
  }

  /** The payload of that index, as a view of the arena; valid once all payloads are put. */
  payload(index: number): Uint8Array {
    return this.packet(index).subarray(this.#headroomBytes);
  }

  marker(index: number): boolean {
    return this.#markers[index] ?? false;
  }

  offsetTicks(index: number): number {
    return this.#offsetTicks[index] ?? 0;
  }

  #reserve(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#length + GROWTH_SPARE_BYTES);
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }
}
