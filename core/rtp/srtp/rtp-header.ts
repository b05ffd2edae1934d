import { RTP_FIXED_HEADER_BYTES } from './keys.ts';

const CSRC_BYTES = 4;
const EXTENSION_HEAD_BYTES = 4;
const EXTENSION_FLAG = 0x10;

/** Where an RTCP packet names its sender. */
export const RTCP_SSRC_OFFSET = 4;

/** Bytes of an RTP header with its CSRCs and extension, which SRTP leaves in the clear; -1 where the packet is shorter than that. @see RFC 3550 section 5.1 */
export function rtpHeaderBytes(packet: Uint8Array): number {
  if (packet.length < RTP_FIXED_HEADER_BYTES) return -1;
  const flags = packet[0] ?? 0;
  let length = RTP_FIXED_HEADER_BYTES + (flags & 0x0f) * CSRC_BYTES;
  if ((flags & EXTENSION_FLAG) !== 0) {
    if (packet.length < length + EXTENSION_HEAD_BYTES) return -1;
    const words = ((packet[length + 2] ?? 0) << 8) | (packet[length + 3] ?? 0);
    length += EXTENSION_HEAD_BYTES + words * 4;
  }
  return packet.length < length ? -1 : length;
}

/** The big-endian 32-bit number at an offset. */
export function u32At(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0;
}

/** Writes a 32-bit number in big-endian order. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
