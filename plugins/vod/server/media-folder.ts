import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { containedPath } from 'wcs-core';
import type { ByteSource } from 'wcs-core/formats/byte-source';
import type { MediaReader } from 'wcs-core/formats/media-file';
import { indexMediaFile, openMediaReader, type MediaIndex } from 'wcs-core/formats/media-reader';
import { FILE_INFO, fileError, openError } from './file-errors.ts';

/** A file of the folder, open for one playback. */
export interface OpenFile {
  readonly reader: MediaReader;
  /** Equal for the same file with the same content. */
  readonly identity: string;
  /** @throws WcsError MEDIA_E_FILE when the file was removed, cut or written to since it was opened */
  check(): Promise<void>;
  close(): Promise<void>;
}

interface SharedIndex {
  readonly index: Promise<MediaIndex>;
  users: number;
}

/** The folder of the files that may be played. Playbacks of one file share its index, and nothing else. */
export class MediaFolder {
  readonly #indexes = new Map<string, SharedIndex>();

  /**
   * Opens a file below a folder.
   *
   * @param file path below the folder; its links must not lead out either
   * @throws WcsError MEDIA_E_FILE
   */
  async open(folder: string, file: string): Promise<OpenFile> {
    let handle: FileHandle | undefined;
    try {
      const path = containedPath(resolve(folder), file);
      // Not to wait for the writer of a pipe that somebody put there.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = await handle.stat();
      if (!stats.isFile()) throw fileError(FILE_INFO.missing);
      return await this.#opened(handle, stats);
    } catch (error) {
      await handle?.close();
      throw openError(error);
    }
  }

  async #opened(handle: FileHandle, stats: Stats): Promise<OpenFile> {
    const identity = identityOf(stats);
    const source = byteSourceOf(handle, stats.size);
    const shared = this.#indexes.get(identity) ?? { index: indexMediaFile(source), users: 0 };
    this.#indexes.set(identity, shared);
    shared.users += 1;
    try {
      const reader = openMediaReader(source, await shared.index);
      return { reader, identity, check: () => check(handle, identity), close: () => this.#close(handle, identity, shared) };
    } catch (error) {
      this.#release(identity, shared);
      throw error;
    }
  }

  #close(handle: FileHandle, identity: string, shared: SharedIndex): Promise<void> {
    this.#release(identity, shared);
    return handle.close();
  }

  #release(identity: string, shared: SharedIndex): void {
    shared.users -= 1;
    if (shared.users === 0 && this.#indexes.get(identity) === shared) this.#indexes.delete(identity);
  }
}

function byteSourceOf(handle: FileHandle, size: number): ByteSource {
  return {
    size,
    read: async (position, length) => {
      const wanted = Math.max(0, Math.min(length, size - position));
      // Of its own: frames are views of it, and outlive the next read.
      const bytes = Buffer.allocUnsafeSlow(wanted);
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await handle.read(bytes, filled, wanted - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
  };
}

async function check(handle: FileHandle, identity: string): Promise<void> {
  const stats = await handle.stat();
  if (stats.nlink === 0) throw fileError(FILE_INFO.missing);
  if (identityOf(stats) !== identity) throw fileError(FILE_INFO.unreadable);
}

function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}`;
}
