import type { NativeLibrary, Pointer } from './native-library.ts';

const ALIGNMENT = 64;

/** One block of native memory, seen as bytes and as 32-bit words in the machine's (little-endian) order. Places in it are byte offsets. */
export class NativeMemory {
  readonly base: Pointer;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  #taken = 0;

  constructor(library: NativeLibrary, length: number) {
    const { address, buffer } = library.allocate(length);
    this.base = address;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.bytes.fill(0);
  }

  /** Sets bytes aside for good and answers where. */
  take(length: number): number {
    const at = this.#taken;
    this.#taken = Math.ceil((at + length) / ALIGNMENT) * ALIGNMENT;
    if (this.#taken > this.bytes.length) throw new RangeError(`${this.bytes.length} bytes of native memory are too few.`);
    return at;
  }

  /** Writes a pointer to a place of this block into another, as a 64-bit word. */
  putPointer(at: number, target: number): void {
    const address = this.base + target;
    this.words[at >> 2] = address % 0x1_0000_0000;
    this.words[(at >> 2) + 1] = Math.floor(address / 0x1_0000_0000);
  }
}
