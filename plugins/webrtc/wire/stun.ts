import { timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ProtocolError } from 'wcs-core';
import { HmacSha1 } from 'wcs-core/rtp/srtp/hmac-sha1';

/** Attributes that connectivity checks use. @see RFC 8489 section 18.3, RFC 8445 section 16.1 */
export const STUN_ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  software: 0x8022,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

/** The one method of connectivity checks. @see RFC 8489 section 18.2 */
export const STUN_BINDING = 0x001;
/** @see RFC 8489 section 5 */
export const STUN_MAGIC_COOKIE = 0x2112a442;
export const STUN_HEADER_BYTES = 20;
/** Transaction ids are 96 bits. */
export const STUN_TRANSACTION_ID_BYTES = 12;
/** A check fits any path's smallest packet; a longer message is none. */
export const STUN_MESSAGE_MAX_BYTES = 1500;
/** A check has about eight. */
export const STUN_ATTRIBUTES_MAX = 32;
/** @see RFC 8489 section 14.3 */
export const STUN_USERNAME_MAX_BYTES = 513;
/** HMAC-SHA1. @see RFC 8489 section 14.5 */
export const STUN_INTEGRITY_BYTES = 20;
/** @see RFC 8489 section 14.7 */
export const STUN_FINGERPRINT_XOR = 0x5354554e;
/** Types from here on may be ignored by who doesn't know them. @see RFC 8489 section 14 */
const COMPREHENSION_OPTIONAL = 0x8000;
const LENGTH_OFFSET = 2;

/** @see RFC 8489 section 5 */
export type StunClass = 'request' | 'indication' | 'success' | 'error';

const CLASSES: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

/** Where in its datagram an attribute's value is, without padding; most are never looked at. */
export interface StunAttribute {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** A well-formed STUN message; its FINGERPRINT is right if it has one, its MESSAGE-INTEGRITY is not yet checked. */
export interface StunMessage {
  readonly datagram: Buffer;
  readonly class: StunClass;
  readonly method: number;
  readonly transactionId: Buffer;
  /** Up to MESSAGE-INTEGRITY: what follows it is not protected and not listed. */
  readonly attributes: readonly StunAttribute[];
  /** Where the MESSAGE-INTEGRITY attribute begins; undefined without one. */
  readonly integrityOffset: number | undefined;
}

/**
 * Parses one datagram as a STUN message.
 *
 * ```
 *  0 0 | message type (14) | message length (16, multiple of 4)
 *  magic cookie (32) | transaction id (96)
 *  then attributes: type (16) | length (16) | value, padded to 32 bits
 * ```
 *
 * @throws ProtocolError for anything malformed, too long, or with a wrong FINGERPRINT
 * @see RFC 8489 sections 5 and 14
 */
export function parseStun(datagram: Buffer): StunMessage {
  const size = datagram.length;
  if (size < STUN_HEADER_BYTES || size > STUN_MESSAGE_MAX_BYTES) throw new ProtocolError(`A STUN message of ${size} bytes.`);
  const type = datagram.readUInt16BE(0);
  if (type > 0x3fff || datagram.readUInt32BE(4) !== STUN_MAGIC_COOKIE) throw new ProtocolError('No STUN message: first bits or magic cookie are wrong.', 0);
  if (datagram.readUInt16BE(LENGTH_OFFSET) !== size - STUN_HEADER_BYTES || size % 4 !== 0) throw new ProtocolError('The STUN message length is wrong.', 2);
  const attributes: StunAttribute[] = [];
  let integrityOffset: number | undefined;
  for (let offset = STUN_HEADER_BYTES; offset < size; ) {
    const attribute = attributeAt(datagram, offset);
    if (attribute.type === STUN_ATTRIBUTE.fingerprint) checkFingerprint(datagram, attribute);
    else if (integrityOffset === undefined) {
      if (attribute.type === STUN_ATTRIBUTE.messageIntegrity) integrityOffset = integrityAt(offset, attribute);
      else attributes.push(attribute);
    }
    if (attributes.length > STUN_ATTRIBUTES_MAX) throw new ProtocolError('Too many STUN attributes.', offset);
    offset = attribute.end + (-attribute.end & 3);
  }
  return {
    datagram,
    class: CLASSES[((type & 0x0100) >> 7) | ((type & 0x0010) >> 4)] ?? 'request',
    method: ((type & 0x3e00) >> 2) | ((type & 0x00e0) >> 1) | (type & 0x000f),
    transactionId: datagram.subarray(8, STUN_HEADER_BYTES),
    attributes,
    integrityOffset,
  };
}

/** The key of MESSAGE-INTEGRITY for a short-term credential. @see RFC 8489 section 9.1.1 */
export function integrityKey(password: string): HmacSha1 {
  return new HmacSha1(Buffer.from(password));
}

/** Compares MESSAGE-INTEGRITY in constant time; false without one. @see RFC 8489 section 14.5 */
export function hasIntegrity({ datagram, integrityOffset: offset }: StunMessage, key: HmacSha1): boolean {
  if (offset === undefined) return false;
  return timingSafeEqual(stunIntegrity(datagram, offset, key), datagram.subarray(offset + 4, offset + 4 + STUN_INTEGRITY_BYTES));
}

/** HMAC-SHA1 over the message before `offset`, with the length field as if MESSAGE-INTEGRITY were its end; good until the next call. */
export function stunIntegrity(message: Buffer, offset: number, key: HmacSha1): Uint8Array {
  const length = message.readUInt16BE(LENGTH_OFFSET);
  message.writeUInt16BE(offset - STUN_HEADER_BYTES + 4 + STUN_INTEGRITY_BYTES, LENGTH_OFFSET);
  const digest = key.digest(message, offset);
  message.writeUInt16BE(length, LENGTH_OFFSET);
  return digest;
}

/** CRC-32 over the message before `offset`, whose length field already counts FINGERPRINT. @see RFC 8489 section 14.7 */
export function stunFingerprint(message: Buffer, offset: number): number {
  return (crc32(message.subarray(0, offset)) ^ STUN_FINGERPRINT_XOR) >>> 0;
}

/** The first attribute of a type. */
export function attributeOf({ attributes }: StunMessage, type: number): StunAttribute | undefined {
  for (const attribute of attributes) if (attribute.type === type) return attribute;
  return undefined;
}

/** The value of the first attribute of a type. */
export function valueOf(message: StunMessage, type: number): Buffer | undefined {
  const attribute = attributeOf(message, type);
  return attribute === undefined ? undefined : message.datagram.subarray(attribute.start, attribute.end);
}

/** Types that we must not ignore and don't know. @see RFC 8489 section 14 */
export function unknownRequired({ attributes }: StunMessage): number[] {
  const unknown: number[] = [];
  for (const { type } of attributes) if (type < COMPREHENSION_OPTIONAL && !KNOWN_TYPES.has(type)) unknown.push(type);
  return unknown;
}

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(STUN_ATTRIBUTE));

function attributeAt(datagram: Buffer, offset: number): StunAttribute {
  // The size is a multiple of 4, and so is every offset: the four bytes are there.
  const length = datagram.readUInt16BE(offset + 2);
  if (offset + 4 + length + (-length & 3) > datagram.length) throw new ProtocolError('A STUN attribute reaches beyond its message.', offset);
  return { type: datagram.readUInt16BE(offset), start: offset + 4, end: offset + 4 + length };
}

function integrityAt(offset: number, { start, end }: StunAttribute): number {
  if (end - start !== STUN_INTEGRITY_BYTES) throw new ProtocolError('MESSAGE-INTEGRITY is not 20 bytes long.', offset);
  return offset;
}

function checkFingerprint(datagram: Buffer, { start, end }: StunAttribute): void {
  const offset = start - 4;
  if (end - start !== 4 || end !== datagram.length || datagram.readUInt32BE(start) !== stunFingerprint(datagram, offset)) throw new ProtocolError('The STUN FINGERPRINT is wrong.', offset);
}
