import { ProtocolError } from '../errors/wcs-error.ts';
import type { ByteSource } from './byte-source.ts';
import { indexMatroska, MatroskaReader, type MatroskaIndex } from './matroska-reader.ts';
import type { MediaReader } from './media-file.ts';
import { indexMp4, Mp4Reader, type Mp4Index } from './mp4-reader.ts';

/** What is known of a file before any of its samples is read. It never changes, and any number of readers share it. */
export type MediaIndex = Mp4Index | MatroskaIndex;

const MAGIC_BYTES = 12;
const EBML_MAGIC = 0x1a45dfa3;
/** Boxes that a file may begin with. */
const FIRST_BOXES: ReadonlySet<string> = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp']);

/**
 * Looks through an MP4 or a Matroska file, whichever its first bytes say it is.
 *
 * @throws ProtocolError when it is neither or broken, WcsError PROTOCOL_E_LIMIT when it exceeds a limit, MEDIA_E_NO_COMMON_CODEC
 *   when it has a picture or a sound that cannot be carried
 */
export async function indexMediaFile(source: ByteSource): Promise<MediaIndex> {
  const head = await source.read(0, MAGIC_BYTES);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length >= 4 && view.getUint32(0) === EBML_MAGIC) return indexMatroska(source);
  if (FIRST_BOXES.has(String.fromCharCode(...head.subarray(4, 8)))) return indexMp4(source);
  throw new ProtocolError('Neither an MP4 nor a Matroska file', 0);
}

/** A reader at the start of the file that the index is of. */
export function openMediaReader(source: ByteSource, index: MediaIndex): MediaReader {
  return index.type === 'mp4' ? new Mp4Reader(source, index) : new MatroskaReader(source, index);
}
