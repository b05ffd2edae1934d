const FIRST_BYTES = 1024;

/** Bytes of a stream that wait to be understood. Appending one byte at a time costs no more than all at once. */
export class ByteQueue {
  #buffer = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** What waits; valid until the next `append`. */
  get view(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Takes bytes off the front; a copy. */
  take(count: number): Uint8Array {
    const taken = this.#buffer.slice(this.#start, this.#start + count);
    this.skip(count);
    return taken;
  }

  skip(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) this.#start = this.#end = 0;
  }

  #makeRoom(count: number): void {
    const waiting = this.view;
    const wanted = waiting.length + count;
    const buffer = wanted * 2 > this.#buffer.length ? new Uint8Array(wanted * 2) : this.#buffer;
    buffer.set(waiting);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = waiting.length;
  }
}
