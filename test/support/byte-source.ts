import { open } from 'node:fs/promises';
import type { ByteSource } from '../../core/formats/byte-source.ts';

/** A file as the readers see it, with what they ask of it counted. */
export interface CountedSource extends ByteSource {
  readonly counts: { reads: number; bytes: number; largest: number };
  close(): Promise<void>;
}

/** Opens a file. */
export async function fileSource(path: string): Promise<CountedSource> {
  const file = await open(path);
  const { size } = await file.stat();
  const counts = { reads: 0, bytes: 0, largest: 0 };
  return {
    size,
    counts,
    read: async (position, length) => {
      counts.reads += 1;
      counts.largest = Math.max(counts.largest, length);
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - position))), { position });
      counts.bytes += bytesRead;
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** Bytes in memory as a file; a read past the end is short, as it is of a file. */
export function memorySource(bytes: Uint8Array): CountedSource {
  const counts = { reads: 0, bytes: 0, largest: 0 };
  return {
    size: bytes.length,
    counts,
    read: (position, length) => {
      const taken = bytes.slice(position, position + length);
      counts.reads += 1;
      counts.bytes += taken.length;
      counts.largest = Math.max(counts.largest, length);
      return Promise.resolve(taken);
    },
    close: () => Promise.resolve(),
  };
}
