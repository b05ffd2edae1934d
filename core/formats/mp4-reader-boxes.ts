import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';

/** A box inside bytes that are in memory. */
export interface Mp4Box {
  readonly type: string;
  /** Behind the header. */
  readonly content: Uint8Array;
}

/** The head of a box; sizes in bytes. */
export interface BoxHead {
  readonly type: string;
  readonly headBytes: number;
  /** Head and content together; undefined for a box that goes on to the end of the file. */
  readonly bytes: number | undefined;
}

/** Bytes that the longest head has. */
export const BOX_HEAD_BYTES = 16;
const SHORT_HEAD_BYTES = 8;
/** Boxes in one other, at most. */
const MAX_CHILDREN = 10_000;

/** Reads the head of a box; bytes that are too short or a size below the head's own throw. @see ISO/IEC 14496-12 section 4.2 */
export function parseBoxHead(bytes: Uint8Array, offset: number): BoxHead {
  const cursor = new ByteCursor(bytes);
  const size = cursor.u32();
  const type = cursor.latin1(4);
  if (size === 0) return { type, headBytes: SHORT_HEAD_BYTES, bytes: undefined };
  const headBytes = size === 1 ? BOX_HEAD_BYTES : SHORT_HEAD_BYTES;
  const whole = size === 1 ? cursor.u64() : size;
  if (whole < headBytes) throw new ProtocolError(`A box ${JSON.stringify(type)} of ${whole} bytes`, offset);
  return { type, headBytes, bytes: whole };
}

/** The boxes that lie one behind another in `bytes`; a size that leaves them throws. */
export function childBoxes(bytes: Uint8Array): Mp4Box[] {
  const boxes: Mp4Box[] = [];
  // QuickTime ends some lists with four zero bytes.
  for (let at = 0; bytes.length - at >= SHORT_HEAD_BYTES; ) {
    const { type, headBytes, bytes: size = bytes.length - at } = parseBoxHead(bytes.subarray(at, at + BOX_HEAD_BYTES), at);
    if (size > bytes.length - at) throw new ProtocolError(`A box ${JSON.stringify(type)} of ${size} bytes leaves its parent`, at);
    if (boxes.length >= MAX_CHILDREN) throw new ProtocolError(`More than ${MAX_CHILDREN} boxes in one`, at);
    boxes.push({ type, content: bytes.subarray(at + headBytes, at + size) });
    at += size;
  }
  return boxes;
}

/** The content of the first box at a path such as `mdia/minf/stbl`, where there is one. */
export function boxAt(boxes: readonly Mp4Box[], path: string): Uint8Array | undefined {
  const [head, ...rest] = path.split('/');
  const found = boxes.find(({ type }) => type === head)?.content;
  return found === undefined || rest.length === 0 ? found : boxAt(childBoxes(found), rest.join('/'));
}

/** @throws ProtocolError when there is none */
export function requiredBox(boxes: readonly Mp4Box[], path: string): Uint8Array {
  const content = boxAt(boxes, path);
  if (content === undefined) throw new ProtocolError(`No box ${path}`);
  return content;
}

/** A cursor behind version and flags of a full box. */
export function fullBox(content: Uint8Array): { readonly version: number; readonly flags: number; readonly cursor: ByteCursor } {
  const cursor = new ByteCursor(content);
  return { version: cursor.u8(), flags: cursor.u24(), cursor };
}
