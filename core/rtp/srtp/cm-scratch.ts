const AES_BLOCK_BYTES = 16;
const INITIAL_BYTES = 2048;

/** Working memory of counter mode, reused by every call; what it gives is good until the next call. */
export class CmScratch {
  #counters = new Uint8Array(INITIAL_BYTES);
  #input = new Uint8Array(INITIAL_BYTES);

  /** The blocks whose encryption is the keystream: `iv`, with 0, 1, 2… in its last two bytes. @see RFC 3711 section 4.1.1 */
  counterBlocks(iv: Uint8Array, blocks: number): Uint8Array {
    const length = blocks * AES_BLOCK_BYTES;
    if (this.#counters.length < length) this.#counters = new Uint8Array(length);
    const counters = this.#counters;
    counters.set(iv);
    for (let filled = AES_BLOCK_BYTES; filled < length; filled *= 2) counters.copyWithin(filled, 0, Math.min(filled, length - filled));
    for (let block = 1, at = 2 * AES_BLOCK_BYTES - 2; block < blocks; block++, at += AES_BLOCK_BYTES) {
      counters[at] = block >>> 8;
      counters[at + 1] = block;
    }
    return counters.subarray(0, length);
  }

  /** Room for what a hash is to take. */
  hashInput(length: number): Uint8Array {
    if (this.#input.length < length) this.#input = new Uint8Array(length);
    return this.#input;
  }
}
