import { open } from 'node:fs/promises';
import type { PartOutput } from '../session/part.ts';

/** An open file, as `node:fs/promises` gives it. */
export interface DiskFile {
  writev(buffers: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Makes a file, or opens one that is there. */
export type OpenFile = (path: string, flags: 'wx' | 'r+') => Promise<DiskFile>;

/** Opens files of the operating system; what is recorded is for the server's user and group. */
export const openOnDisk: OpenFile = (path, flags) => open(path, flags, 0o640);

interface Write {
  readonly position: number;
  readonly bytes: number;
  readonly runs: readonly Uint8Array[];
}

/** A file in the middle of being written, as plain data. */
export interface PartFileState {
  readonly path: string;
  readonly bytes: number;
  /** What may not be on the disk yet, with its places: written again by whoever goes on, which changes nothing. */
  readonly pending: readonly Write[];
  readonly wholeBytes: number;
}

/** How a file is written. */
export interface PartFileOptions {
  readonly open: OpenFile;
  /** How often the file is forced to the disk; 0 after each piece. */
  readonly syncMs: number;
  readonly nowMs: () => number;
  /** Called once, when the disk refuses something; nothing is written from then on. */
  readonly onError: (error: unknown) => void;
}

/** One write takes as much as has gathered meanwhile, up to this. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** One file, written in order and never blocking. Each call of `append` is a whole piece. */
export class PartFile implements PartOutput {
  readonly #options: PartFileOptions;
  readonly #opened: Promise<DiskFile>;
  #path: string | undefined;
  #bytes = 0;
  /** Oldest first; stays until it is written. */
  readonly #queue: Write[] = [];
  #backlogBytes = 0;
  #wholeBytes = 0;
  #syncedAtMs: number;
  #isPumping = false;
  #state: 'open' | 'failed' | 'abandoned' = 'open';
  #error: unknown;
  #onDrained: (() => void)[] = [];

  /** @param place a path to be found (by a file made there), or the state to go on from */
  constructor(options: PartFileOptions, place: Promise<{ readonly file: DiskFile; readonly path: string }> | PartFileState) {
    this.#options = options;
    this.#syncedAtMs = options.nowMs();
    if (place instanceof Promise) {
      this.#opened = place.then(({ file, path }) => {
        this.#path = path;
        return file;
      });
    } else {
      this.#path = place.path;
      this.#bytes = place.bytes;
      this.#wholeBytes = place.wholeBytes;
      for (const write of place.pending) this.#enqueue(write);
      this.#opened = options.open(place.path, 'r+');
    }
    this.#opened.catch((error: unknown) => this.#fail(error));
    this.#pump();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Absolute; undefined until the file is made. */
  get path(): string | undefined {
    return this.#path;
  }

  /** End of what is surely in the file. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  append(piece: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const { length } of piece) bytes += length;
    this.#enqueue({ position: this.#bytes, bytes, runs: piece });
    this.#bytes += bytes;
    this.#pump();
  }

  replaceHead(head: Uint8Array): void {
    this.#enqueue({ position: 0, bytes: head.length, runs: [head] });
    this.#pump();
  }

  /** Undefined as long as the file isn't made. */
  exportState(): PartFileState | undefined {
    if (this.#path === undefined || this.#state !== 'open') return undefined;
    return { path: this.#path, bytes: this.#bytes, pending: [...this.#queue], wholeBytes: this.#wholeBytes };
  }

  /** Resolves when everything is on the disk and the file is closed. @throws what the disk refused; the file then ends with its last whole piece */
  async finish(): Promise<void> {
    await this.#drained();
    const file = await this.#opened;
    try {
      if (this.#state === 'failed') await file.truncate(this.#wholeBytes);
      await file.datasync();
    } catch (error) {
      this.#fail(error);
    } finally {
      await file.close().catch((error: unknown) => this.#fail(error));
    }
    if (this.#state === 'failed') throw this.#error;
  }

  /** Another has gone on with the file: lets go of it as soon as no write is on its way. */
  async abandon(): Promise<void> {
    if (this.#state === 'open') this.#state = 'abandoned';
    await this.#drained();
    await this.#opened.then((file) => file.close()).catch(() => undefined);
  }

  #enqueue(write: Write): void {
    if (this.#state !== 'open') return;
    this.#queue.push(write);
    this.#backlogBytes += write.bytes;
  }

  #pump(): void {
    if (this.#isPumping || this.#state !== 'open' || this.#queue.length === 0) return;
    this.#isPumping = true;
    this.#writeAll()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isPumping = false;
        // What came after the last look at the queue.
        if (this.#queue.length > 0 && this.#state === 'open') return this.#pump();
        const waiting = this.#onDrained;
        this.#onDrained = [];
        for (const wake of waiting) wake();
      });
  }

  async #writeAll(): Promise<void> {
    const file = await this.#opened;
    while (this.#state === 'open' && this.#queue.length > 0) {
      const batch = nextBatch(this.#queue);
      await writeWhole(file, batch);
      this.#queue.splice(0, batch.length);
      for (const { position, bytes } of batch) {
        this.#backlogBytes -= bytes;
        this.#wholeBytes = Math.max(this.#wholeBytes, position + bytes);
      }
      const nowMs = this.#options.nowMs();
      if (nowMs - this.#syncedAtMs < this.#options.syncMs) continue;
      this.#syncedAtMs = nowMs;
      await file.datasync();
    }
  }

  #drained(): Promise<void> {
    return this.#isPumping ? new Promise((resolve) => this.#onDrained.push(resolve)) : Promise.resolve();
  }

  #fail(error: unknown): void {
    if (this.#state === 'failed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'failed';
    this.#error = error;
    this.#queue.length = 0;
    this.#backlogBytes = 0;
    if (wasOpen) this.#options.onError(error);
  }
}

/** Writes that follow each other in the file. */
function nextBatch(queue: readonly Write[]): readonly Write[] {
  let end = queue[0]?.position ?? 0;
  let bytes = 0;
  let count = 0;
  for (const write of queue) {
    if (write.position !== end || (count > 0 && bytes + write.bytes > BATCH_BYTES)) break;
    end += write.bytes;
    bytes += write.bytes;
    count += 1;
  }
  return queue.slice(0, count);
}

/** A disk that is nearly full takes a part of what it is given. */
async function writeWhole(file: DiskFile, batch: readonly Write[]): Promise<void> {
  let position = batch[0]?.position ?? 0;
  let rest: readonly Uint8Array[] = batch.flatMap(({ runs }) => runs).filter(({ length }) => length > 0);
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, position);
    if (bytesWritten === 0) throw Object.assign(new Error('The disk takes no more bytes'), { code: 'ENOSPC' });
    position += bytesWritten;
    rest = without(rest, bytesWritten);
  }
}

function without(buffers: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  return buffers.flatMap((buffer) => {
    const skipped = Math.min(left, buffer.length);
    left -= skipped;
    return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
  });
}
