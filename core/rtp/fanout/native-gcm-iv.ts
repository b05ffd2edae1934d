import type { NativeMemory } from './native-memory.ts';

const SEQUENCE_SPACE = 0x1_0000;

/** Initialisation vectors in native memory: two zero bytes, SSRC, 48-bit index, all of it XORed with the salt. @see RFC 7714 section 8.1 */
export class NativeGcmIv {
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #salt: Uint8Array;

  /** @param at place of the vector, which ciphers share: both parts are written for each packet, or the first one before each run */
  constructor(memory: NativeMemory, at: number, salt: Uint8Array) {
    this.#bytes = memory.bytes;
    this.#at = at;
    this.#salt = Uint8Array.from(salt);
  }

  putSsrc(ssrc: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    const salt = this.#salt;
    bytes[at] = salt[0] ?? 0;
    bytes[at + 1] = salt[1] ?? 0;
    bytes[at + 2] = (ssrc >>> 24) ^ (salt[2] ?? 0);
    bytes[at + 3] = (ssrc >>> 16) ^ (salt[3] ?? 0);
    bytes[at + 4] = (ssrc >>> 8) ^ (salt[4] ?? 0);
    bytes[at + 5] = ssrc ^ (salt[5] ?? 0);
  }

  /** @param index extended sequence number */
  putIndex(index: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    const salt = this.#salt;
    const rollOver = Math.floor(index / SEQUENCE_SPACE);
    bytes[at + 6] = (rollOver >>> 24) ^ (salt[6] ?? 0);
    bytes[at + 7] = (rollOver >>> 16) ^ (salt[7] ?? 0);
    bytes[at + 8] = (rollOver >>> 8) ^ (salt[8] ?? 0);
    bytes[at + 9] = rollOver ^ (salt[9] ?? 0);
    bytes[at + 10] = (index >>> 8) ^ (salt[10] ?? 0);
    bytes[at + 11] = index ^ (salt[11] ?? 0);
  }
}
