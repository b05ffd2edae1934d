import { ProtocolError } from '../errors/wcs-error.ts';

/** Length of the fixed header. @see RFC 3550 section 5.1 */
export const RTP_HEADER_BYTES = 12;
/** Longest packet that is taken: the payload of a UDP datagram cannot be longer. */
export const RTP_PACKET_MAX_BYTES = 65_507;

const VERSION = 2;
const VERSION_BITS = 0x80;
const PADDING_BIT = 0x20;
const EXTENSION_BIT = 0x10;
const CSRC_COUNT_BITS = 0x0f;
const MARKER_BIT = 0x80;
const PAYLOAD_TYPE_BITS = 0x7f;
const EXTENSION_HEADER_BYTES = 4;
/** RTCP packet types that follow the version octet where RTP and RTCP share a port. @see RFC 5761 section 4 */
const RTCP_TYPE_FIRST = 192;
const RTCP_TYPE_LAST = 223;

/** The header extension of a packet as it stands there. @see RFC 3550 section 5.3.1 */
export interface RtpExtension {
  /** The 16 bits `defined by profile`: 0xBEDE for the one-byte form of RFC 8285. */
  readonly profile: number;
  /** A whole number of 32-bit words. */
  readonly data: Uint8Array;
}

/** One RTP packet, taken apart; byte arrays are views of the packet. @see RFC 3550 section 5.1 */
export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  /** 16 bits as sent. */
  readonly sequenceNumber: number;
  /** 32 bits as sent. */
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcs: readonly number[];
  readonly extension: RtpExtension | undefined;
  /** Without padding. */
  readonly payload: Uint8Array;
}

/** What `encodeRtp` needs; what is left out is empty. */
export type RtpPacketInit = Pick<RtpPacket, 'payloadType' | 'sequenceNumber' | 'timestamp' | 'ssrc' | 'payload'> & Partial<Omit<RtpPacket, 'extension'>> & { readonly extension?: RtpExtension | undefined };

/** True for RTCP among the packets of a port that RTP shares with it. @see RFC 5761 section 4 */
export function isRtcp(bytes: Uint8Array): boolean {
  const type = bytes[1] ?? 0;
  return type >= RTCP_TYPE_FIRST && type <= RTCP_TYPE_LAST;
}

/** False for what is no RTP packet: everything that is asked of one below may be asked of the others. */
export function isRtp(bytes: Uint8Array): boolean {
  try {
    rtpHeaderLength(bytes);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * Takes a packet apart.
 *
 * @throws ProtocolError for a wrong version or lengths that leave the packet
 */
export function parseRtp(bytes: Uint8Array): RtpPacket {
  const payloadStart = rtpHeaderLength(bytes);
  const end = rtpPayloadEnd(bytes, payloadStart);
  const csrcs: number[] = [];
  const csrcEnd = rtpHeaderLengthWithoutExtension(bytes);
  for (let offset = RTP_HEADER_BYTES; offset < csrcEnd; offset += 4) csrcs.push(u32(bytes, offset));
  return {
    payloadType: rtpPayloadType(bytes),
    marker: rtpMarker(bytes),
    sequenceNumber: rtpSequenceNumber(bytes),
    timestamp: rtpTimestamp(bytes),
    ssrc: rtpSsrc(bytes),
    csrcs,
    extension: (at(bytes, 0) & EXTENSION_BIT) === 0 ? undefined : { profile: u16(bytes, csrcEnd), data: bytes.subarray(csrcEnd + EXTENSION_HEADER_BYTES, payloadStart) },
    payload: bytes.subarray(payloadStart, end),
  };
}

/**
 * Length of fixed header, CSRCs and header extension: where the payload starts.
 *
 * @throws ProtocolError for a wrong version or lengths that leave the packet
 */
export function rtpHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < RTP_HEADER_BYTES) throw new ProtocolError(`An RTP packet has at least ${RTP_HEADER_BYTES} bytes, this one ${bytes.length}`, bytes.length);
  if (bytes.length > RTP_PACKET_MAX_BYTES) throw new ProtocolError(`An RTP packet of ${bytes.length} bytes exceeds ${RTP_PACKET_MAX_BYTES}`, 0);
  const first = at(bytes, 0);
  if (first >> 6 !== VERSION) throw new ProtocolError(`RTP version ${first >> 6} is not ${VERSION}`, 0);
  let length = rtpHeaderLengthWithoutExtension(bytes);
  if ((first & EXTENSION_BIT) !== 0) {
    if (length + EXTENSION_HEADER_BYTES > bytes.length) throw new ProtocolError('The header extension leaves the packet', length);
    length += EXTENSION_HEADER_BYTES + 4 * u16(bytes, length + 2);
  }
  if (length > bytes.length) throw new ProtocolError('The header leaves the packet', bytes.length);
  return length;
}

/** Length of the fixed header and the CSRCs of a packet that `rtpHeaderLength` accepts: where a header extension starts. */
export function rtpHeaderLengthWithoutExtension(bytes: Uint8Array): number {
  return RTP_HEADER_BYTES + 4 * (at(bytes, 0) & CSRC_COUNT_BITS);
}

/** Where the payload ends and the padding starts, given where the payload starts. @throws ProtocolError for padding longer than the payload */
export function rtpPayloadEnd(bytes: Uint8Array, payloadStart: number): number {
  if ((at(bytes, 0) & PADDING_BIT) === 0) return bytes.length;
  const padding = at(bytes, bytes.length - 1);
  if (padding === 0 || padding > bytes.length - payloadStart) throw new ProtocolError(`Padding of ${padding} bytes leaves the packet`, bytes.length - 1);
  return bytes.length - padding;
}

/** The payload type of a packet that `rtpHeaderLength` accepts, as in the functions below. */
export function rtpPayloadType(bytes: Uint8Array): number {
  return at(bytes, 1) & PAYLOAD_TYPE_BITS;
}

/** The marker bit. */
export function rtpMarker(bytes: Uint8Array): boolean {
  return (at(bytes, 1) & MARKER_BIT) !== 0;
}

/** The sequence number, 16 bits. */
export function rtpSequenceNumber(bytes: Uint8Array): number {
  return u16(bytes, 2);
}

/** The timestamp, 32 bits. */
export function rtpTimestamp(bytes: Uint8Array): number {
  return u32(bytes, 4);
}

/** The synchronisation source, 32 bits. */
export function rtpSsrc(bytes: Uint8Array): number {
  return u32(bytes, 8);
}

/** Writes the payload type and leaves the marker. */
export function setRtpPayloadType(bytes: Uint8Array, payloadType: number): void {
  bytes[1] = (at(bytes, 1) & MARKER_BIT) | payloadType;
}

/** Writes the low 16 bits of a sequence number, extended or not. */
export function setRtpSequenceNumber(bytes: Uint8Array, sequence: number): void {
  bytes[2] = sequence >>> 8;
  bytes[3] = sequence;
}

/** Writes the low 32 bits of a timestamp, unwrapped or not. */
export function setRtpTimestamp(bytes: Uint8Array, timestamp: number): void {
  setU32(bytes, 4, timestamp);
}

/** Writes the synchronisation source. */
export function setRtpSsrc(bytes: Uint8Array, ssrc: number): void {
  setU32(bytes, 8, ssrc);
}

/** The packet without its padding: a copy where it has some, otherwise the same array. @throws ProtocolError */
export function withoutPadding(bytes: Uint8Array): Uint8Array {
  const end = rtpPayloadEnd(bytes, rtpHeaderLength(bytes));
  if (end === bytes.length) return bytes;
  const plain = bytes.slice(0, end);
  plain[0] = at(plain, 0) & ~PADDING_BIT;
  return plain;
}

/** Puts a packet together, without padding. @throws RangeError for an extension that isn't a whole number of words, or more than 15 CSRCs */
export function encodeRtp(packet: RtpPacketInit): Uint8Array {
  const { csrcs = [], extension, payload } = packet;
  if (csrcs.length > CSRC_COUNT_BITS) throw new RangeError(`${csrcs.length} CSRCs exceed ${CSRC_COUNT_BITS}`);
  const csrcEnd = RTP_HEADER_BYTES + 4 * csrcs.length;
  const payloadStart = csrcEnd + (extension === undefined ? 0 : EXTENSION_HEADER_BYTES + extension.data.length);
  const bytes = new Uint8Array(payloadStart + payload.length);
  bytes[0] = VERSION_BITS | (extension === undefined ? 0 : EXTENSION_BIT) | csrcs.length;
  bytes[1] = (packet.marker === true ? MARKER_BIT : 0) | packet.payloadType;
  setRtpSequenceNumber(bytes, packet.sequenceNumber);
  setRtpTimestamp(bytes, packet.timestamp);
  setRtpSsrc(bytes, packet.ssrc);
  for (const [index, csrc] of csrcs.entries()) setU32(bytes, RTP_HEADER_BYTES + 4 * index, csrc);
  if (extension !== undefined) putExtension(bytes, csrcEnd, extension);
  bytes.set(payload, payloadStart);
  return bytes;
}

function putExtension(bytes: Uint8Array, offset: number, { profile, data }: RtpExtension): void {
  if (data.length % 4 !== 0) throw new RangeError(`A header extension of ${data.length} bytes is no whole number of words`);
  setU32(bytes, offset, profile * 0x1_0000 + data.length / 4);
  bytes.set(data, offset + EXTENSION_HEADER_BYTES);
}

function at(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

function u16(bytes: Uint8Array, offset: number): number {
  return (at(bytes, offset) << 8) | at(bytes, offset + 1);
}

function u32(bytes: Uint8Array, offset: number): number {
  return ((at(bytes, offset) << 24) | (at(bytes, offset + 1) << 16) | u16(bytes, offset + 2)) >>> 0;
}

function setU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
