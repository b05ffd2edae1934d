import { ProtocolError } from '../errors/wcs-error.ts';

/** Bytes that can be read at any position: a file. */
export interface ByteSource {
  /** Length of the whole, in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `position` into memory of their own; fewer only where the source ends. */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** Reads exactly `length` bytes. @throws ProtocolError when the source ends before */
export async function readExactly(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(position, length);
  if (bytes.length < length) throw new ProtocolError(`The file ends within ${length} bytes`, position + bytes.length);
  return bytes;
}

/** A window that moves over a source, so that many small reads beside each other become few large ones. */
export class ByteWindow {
  readonly source: ByteSource;
  readonly #windowBytes: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(source: ByteSource, windowBytes: number) {
    this.source = source;
    this.#windowBytes = windowBytes;
  }

  /** Up to `length` bytes from `position`, fewer only at the end of the source; shares memory with the window, which is never written again. */
  async peek(position: number, length: number): Promise<Uint8Array> {
    const at = position - this.#start;
    if (at < 0 || at + length > this.#bytes.length) {
      const isWhole = position + length >= this.source.size && at >= 0 && this.#start + this.#bytes.length >= this.source.size;
      if (!isWhole) {
        this.#bytes = await this.source.read(position, Math.max(length, this.#windowBytes));
        this.#start = position;
      }
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }

  /** Exactly `length` bytes. @throws ProtocolError when the source ends before */
  async take(position: number, length: number): Promise<Uint8Array> {
    const bytes = await this.peek(position, length);
    if (bytes.length < length) throw new ProtocolError(`The file ends within ${length} bytes`, position + bytes.length);
    return bytes;
  }
}
