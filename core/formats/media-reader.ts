import { ProtocolError } from '../errors/wcs-error.ts';
import type { ByteSource } from './byte-source.ts';
import { openMatroska } from './matroska-reader.ts';
import type { MediaReader } from './media-file.ts';
import { openMp4 } from './mp4-reader.ts';

const MAGIC_BYTES = 12;
const EBML_MAGIC = 0x1a45dfa3;
/** Boxes that a file may begin with. */
const FIRST_BOXES: ReadonlySet<string> = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp']);

/**
 * Opens an MP4 or a Matroska file, whichever its first bytes say it is.
 *
 * @throws ProtocolError when it is neither or broken, WcsError PROTOCOL_E_LIMIT when it exceeds a limit, MEDIA_E_NO_COMMON_CODEC
 *   when it has a picture or a sound that cannot be carried
 */
export async function openMediaReader(source: ByteSource): Promise<MediaReader> {
  const head = await source.read(0, MAGIC_BYTES);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length >= 4 && view.getUint32(0) === EBML_MAGIC) return openMatroska(source);
  const type = String.fromCharCode(...head.subarray(4, 8));
  if (FIRST_BOXES.has(type)) return openMp4(source);
  throw new ProtocolError('Neither an MP4 nor a Matroska file', 0);
}
