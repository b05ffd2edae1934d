import { open, type FileHandle } from 'node:fs/promises';
import type { ContainerType } from '../wire/container.ts';
import { ELEMENT_HEAD_BYTES, topElement } from '../wire/whole-pieces.ts';

/** What a look at an unfinished file found. */
export interface Repaired {
  /** Media up to here is whole; 0 when there is none. */
  readonly wholeBytes: number;
  readonly cutBytes: number;
  /** When the file was written to last, milliseconds of the server's clock. */
  readonly changedAtMillis: number;
}

/** Read ahead, so that small elements don't take a read each. */
const WINDOW_BYTES = 65_536;

/** Cuts a file that a crash left to its last whole piece. */
export async function repairFile(path: string, type: ContainerType): Promise<Repaired> {
  const file = await open(path, 'r+');
  try {
    const { size, mtimeMs } = await file.stat();
    const wholeBytes = await wholeBytesOf(file, size, type);
    if (wholeBytes < size && wholeBytes > 0) {
      await file.truncate(wholeBytes);
      await file.datasync();
    }
    return { wholeBytes, cutBytes: size - wholeBytes, changedAtMillis: Math.round(mtimeMs) };
  } finally {
    await file.close();
  }
}

async function wholeBytesOf(file: FileHandle, size: number, type: ContainerType): Promise<number> {
  const reader = new WindowReader(file);
  let whole = 0;
  for (let at = 0; at < size; ) {
    const element = topElement(type, await reader.read(at, ELEMENT_HEAD_BYTES));
    if (element === undefined || at + element.bytes > size) break;
    at += element.bytes;
    if (element.role === 'piece') whole = at;
  }
  return whole;
}

/** Reads a few bytes here and there, through one buffer. */
class WindowReader {
  readonly #file: FileHandle;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #from = 0;
  #bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Fewer bytes only at the end of the file. */
  async read(at: number, bytes: number): Promise<Uint8Array> {
    if (at < this.#from || at + bytes > this.#from + this.#bytes) {
      const { bytesRead } = await this.#file.read(this.#window, 0, WINDOW_BYTES, at);
      this.#from = at;
      this.#bytes = bytesRead;
    }
    const start = at - this.#from;
    return this.#window.subarray(start, Math.min(start + bytes, this.#bytes));
  }
}
