import { ProtocolError } from '../errors/wcs-error.ts';
import { encodeRtp, parseRtp, rtpHeaderLength, rtpHeaderLengthWithoutExtension, type RtpExtension } from './packet.ts';

/** Profile of the one-byte form. @see RFC 8285 section 4.2 */
export const ONE_BYTE_PROFILE = 0xbede;
/** Profile of the two-byte form, its `appbits` being zero. @see RFC 8285 section 4.3 */
export const TWO_BYTE_PROFILE = 0x1000;
const TWO_BYTE_PROFILE_MASK = 0xfff0;
const ONE_BYTE_ID_MAX = 14;
const ONE_BYTE_DATA_MAX = 16;
/** Id of the one-byte form that ends the processing of an extension. */
const ONE_BYTE_STOP_ID = 15;
const TWO_BYTE_ID_MAX = 255;
const TWO_BYTE_DATA_MAX = 255;
const PADDING_ID = 0;
const EXTENSION_BIT = 0x10;

/** One element of a header extension; the id stands for a URI by `a=extmap`. @see RFC 8285 section 4.1 */
export interface HeaderExtension {
  readonly id: number;
  readonly data: Uint8Array;
}

/**
 * The elements of a header extension, in order; none for a profile that isn't of RFC 8285.
 *
 * @throws ProtocolError for an element that leaves the extension
 */
export function parseHeaderExtensions({ profile, data }: RtpExtension): HeaderExtension[] {
  if (profile === ONE_BYTE_PROFILE) return parseElements(data, true);
  if ((profile & TWO_BYTE_PROFILE_MASK) === TWO_BYTE_PROFILE) return parseElements(data, false);
  return [];
}

/** The data of the element with that id, a view of the packet. @throws ProtocolError */
export function readHeaderExtension(rtp: Uint8Array, id: number): Uint8Array | undefined {
  return headerExtensionsOf(rtp).find((element) => element.id === id)?.data;
}

/** All elements of a packet. @throws ProtocolError */
export function headerExtensionsOf(rtp: Uint8Array): HeaderExtension[] {
  const { extension } = parseRtp(rtp);
  return extension === undefined ? [] : parseHeaderExtensions(extension);
}

/**
 * The elements as one header extension, in the one-byte form where they fit it; undefined for none.
 *
 * @throws RangeError for an id outside of 1 to 255 or data of more than 255 bytes
 */
export function encodeHeaderExtensions(elements: readonly HeaderExtension[]): RtpExtension | undefined {
  if (elements.length === 0) return undefined;
  const isOneByte = elements.every(({ id, data }) => id <= ONE_BYTE_ID_MAX && data.length >= 1 && data.length <= ONE_BYTE_DATA_MAX);
  const length = elements.reduce((sum, { data }) => sum + data.length + (isOneByte ? 1 : 2), 0);
  const out = new Uint8Array(Math.ceil(length / 4) * 4);
  let offset = 0;
  for (const { id, data } of elements) {
    if (id <= PADDING_ID || id > TWO_BYTE_ID_MAX || data.length > TWO_BYTE_DATA_MAX) throw new RangeError(`Header extension ${id} of ${data.length} bytes does not exist`);
    if (isOneByte) out[offset++] = (id << 4) | (data.length - 1);
    else {
      out[offset++] = id;
      out[offset++] = data.length;
    }
    out.set(data, offset);
    offset += data.length;
  }
  return { profile: isOneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, data: out };
}

/** A copy of the packet with these elements instead of its own, without padding. @throws ProtocolError for a broken packet */
export function withHeaderExtensions(rtp: Uint8Array, elements: readonly HeaderExtension[]): Uint8Array {
  return encodeRtp({ ...parseRtp(rtp), extension: encodeHeaderExtensions(elements) });
}

/** A copy of the packet without any header extension; padding stays. @throws ProtocolError for a broken packet */
export function withoutHeaderExtensions(rtp: Uint8Array): Uint8Array {
  const payloadStart = rtpHeaderLength(rtp);
  const bareStart = rtpHeaderLengthWithoutExtension(rtp);
  // Of node's pool: packets are many and small.
  const bare = Buffer.allocUnsafe(rtp.length - payloadStart + bareStart);
  if (payloadStart === bareStart) {
    bare.set(rtp);
    return bare;
  }
  bare.set(rtp.subarray(0, bareStart));
  bare.set(rtp.subarray(payloadStart), bareStart);
  bare[0] = (bare[0] ?? 0) & ~EXTENSION_BIT;
  return bare;
}

/**
 * A copy of the packet whose elements carry the ids of the receiver; an element whose id isn't a key of the map is left
 * out, since to the receiver its id would mean something else.
 *
 * @param ids id as sent by the publisher to id as negotiated with the receiver
 * @throws ProtocolError for a broken packet
 */
export function mapHeaderExtensions(rtp: Uint8Array, ids: ReadonlyMap<number, number>): Uint8Array {
  const kept: HeaderExtension[] = [];
  for (const { id, data } of headerExtensionsOf(rtp)) {
    const mapped = ids.get(id);
    if (mapped !== undefined) kept.push({ id: mapped, data });
  }
  return withHeaderExtensions(rtp, kept);
}

function parseElements(bytes: Uint8Array, isOneByte: boolean): HeaderExtension[] {
  const elements: HeaderExtension[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const first = bytes[offset] ?? PADDING_ID;
    const id = isOneByte ? first >> 4 : first;
    if (first === PADDING_ID) {
      offset += 1;
      continue;
    }
    // Padding with a length and the stop id end the extension; what came before them counts. RFC 8285 section 4.2
    if (isOneByte && (id === PADDING_ID || id === ONE_BYTE_STOP_ID)) break;
    if (!isOneByte && offset + 1 >= bytes.length) throw new ProtocolError(`Header extension ${id} has no length`, offset);
    const length = isOneByte ? (first & 0x0f) + 1 : (bytes[offset + 1] ?? 0);
    const start = offset + (isOneByte ? 1 : 2);
    if (start + length > bytes.length) throw new ProtocolError(`Header extension ${id} of ${length} bytes leaves the extension`, offset);
    elements.push({ id, data: bytes.subarray(start, start + length) });
    offset = start + length;
  }
  return elements;
}
