import { ProtocolError } from '../errors/wcs-error.ts';

/** The head of an element; sizes in bytes. */
export interface ElementHead {
  readonly id: number;
  readonly headBytes: number;
  /** Of the content; undefined for an element of unknown size, as live writers make them. */
  readonly bytes: number | undefined;
}

/** An element inside bytes that are in memory. */
export interface EbmlElement {
  readonly id: number;
  readonly content: Uint8Array;
}

/** Bytes that the longest head has. */
export const ELEMENT_HEAD_BYTES = 12;
const MAX_ID_BYTES = 4;
const MAX_SIZE_BYTES = 8;
/** Elements in one other, at most. */
const MAX_CHILDREN = 1_000_000;

/** Reads the head of an element at the start of `bytes`. @see RFC 8794 sections 4 to 6 @throws ProtocolError */
export function parseElementHead(bytes: Uint8Array, offset: number): ElementHead {
  const idBytes = vintBytes(bytes[0], offset);
  if (idBytes > MAX_ID_BYTES) throw new ProtocolError('An element id of more than four bytes', offset);
  const sizeBytes = vintBytes(bytes[idBytes], offset);
  const headBytes = idBytes + sizeBytes;
  if (bytes.length < headBytes) throw new ProtocolError('An element head is cut short', offset);
  return { id: unsigned(bytes.subarray(0, idBytes)), headBytes, bytes: vint(bytes.subarray(idBytes, headBytes), offset) };
}

/** A number whose first byte tells its length; undefined when all its bits are ones. */
export function vint(bytes: Uint8Array, offset = 0): number | undefined {
  const length = vintBytes(bytes[0], offset);
  let value = (bytes[0] ?? 0) & (0xff >> length);
  let allOnes = value === 0xff >> length;
  for (const byte of bytes.subarray(1, length)) {
    value = value * 256 + byte;
    allOnes &&= byte === 0xff;
  }
  if (allOnes) return undefined;
  if (bytes.length < length || !Number.isSafeInteger(value)) throw new ProtocolError('A number of EBML is cut short, or exceeds 2^53 - 1', offset);
  return value;
}

/** How long the number is that begins with this byte. */
export function vintBytes(first: number | undefined, offset = 0): number {
  const length = Math.clz32(first ?? 0) - 23;
  if (first === undefined || length > MAX_SIZE_BYTES) throw new ProtocolError('No number of EBML', offset);
  return length;
}

/** The elements that lie one behind another in `bytes`; a size that leaves them, or is unknown, throws. */
export function childElements(bytes: Uint8Array): EbmlElement[] {
  const elements: EbmlElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { id, headBytes, bytes: size } = parseElementHead(bytes.subarray(at, at + ELEMENT_HEAD_BYTES), at);
    if (size === undefined || size > bytes.length - at - headBytes) throw new ProtocolError(`Element ${id.toString(16)} leaves its parent`, at);
    if (elements.length >= MAX_CHILDREN) throw new ProtocolError(`More than ${MAX_CHILDREN} elements in one`, at);
    elements.push({ id, content: bytes.subarray(at + headBytes, at + headBytes + size) });
    at += headBytes + size;
  }
  return elements;
}

/** Content of the first element of that id. */
export function contentOf(elements: readonly EbmlElement[], id: number): Uint8Array | undefined {
  return elements.find((element) => element.id === id)?.content;
}

/** A number of an element, or a default where the element isn't there. @throws ProtocolError above 2^53 - 1 */
export function uintOf(elements: readonly EbmlElement[], id: number, otherwise: number): number {
  const content = contentOf(elements, id);
  return content === undefined ? otherwise : unsigned(content);
}

/** @throws ProtocolError above 2^53 - 1 */
export function unsigned(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes.subarray(0, MAX_SIZE_BYTES)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw new ProtocolError('A number of EBML exceeds 2^53 - 1');
  return value;
}

/** A floating-point number of four or eight bytes; undefined where there is none. */
export function floatOf(elements: readonly EbmlElement[], id: number): number | undefined {
  const content = contentOf(elements, id);
  if (content === undefined) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const value = content.length === 4 ? view.getFloat32(0) : content.length === 8 ? view.getFloat64(0) : 0;
  return Number.isFinite(value) ? value : undefined;
}

/** Text of an element, up to its first zero. */
export function textOf(elements: readonly EbmlElement[], id: number): string {
  const content = contentOf(elements, id) ?? new Uint8Array(0);
  const end = content.indexOf(0);
  return String.fromCharCode(...content.subarray(0, Math.min(end < 0 ? content.length : end, 255)));
}
