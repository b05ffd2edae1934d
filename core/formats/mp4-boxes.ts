import type { ByteWriter } from './byte-writer.ts';

/** Size and type in front of a box's content. */
export const BOX_HEADER_BYTES = 8;

/** Writes a box of four-character `type` whose content is what `body` writes. @see ISO/IEC 14496-12 section 4.2 */
export function writeBox(writer: ByteWriter, type: string, body: () => void): void {
  const start = writer.length;
  writer.u32(0).latin1(type);
  body();
  writer.patchU32(start, writer.length - start);
}

/** Writes a box that begins with a version and 24 flag bits. @see ISO/IEC 14496-12 section 4.2 */
export function writeFullBox(writer: ByteWriter, type: string, version: number, flags: number, body: () => void): void {
  writeBox(writer, type, () => {
    writer.u8(version).u24(flags);
    body();
  });
}
