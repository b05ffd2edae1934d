import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ProtocolError } from 'wcs-core';

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

/** @see RFC 8489 section 5 */
export type StunClass = 'request' | 'indication' | 'success' | 'error';

const CLASSES: readonly StunClass[] = ['request', 'indication', 'success', 'error'];

/** One attribute as it came, without padding. */
export interface StunAttribute {
  readonly type: number;
  readonly value: Buffer;
}

/** A well-formed STUN message; its FINGERPRINT is right if it has one, its MESSAGE-INTEGRITY is not yet checked. */
export interface StunMessage {
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
  if (datagram.readUInt16BE(2) !== size - STUN_HEADER_BYTES || size % 4 !== 0) throw new ProtocolError('The STUN message length is wrong.', 2);
  const attributes: StunAttribute[] = [];
  let integrityOffset: number | undefined;
  for (let offset = STUN_HEADER_BYTES; offset < size; ) {
    const attribute = attributeAt(datagram, offset);
    if (attribute.type === STUN_ATTRIBUTE.fingerprint) checkFingerprint(datagram, offset, attribute.value);
    else if (integrityOffset === undefined) {
      if (attribute.type === STUN_ATTRIBUTE.messageIntegrity) integrityOffset = integrityAt(offset, attribute.value);
      else attributes.push(attribute);
    }
    if (attributes.length > STUN_ATTRIBUTES_MAX) throw new ProtocolError('Too many STUN attributes.', offset);
    offset += 4 + Math.ceil(attribute.value.length / 4) * 4;
  }
  return {
    class: CLASSES[((type & 0x0100) >> 7) | ((type & 0x0010) >> 4)] ?? 'request',
    method: ((type & 0x3e00) >> 2) | ((type & 0x00e0) >> 1) | (type & 0x000f),
    transactionId: datagram.subarray(8, STUN_HEADER_BYTES),
    attributes,
    integrityOffset,
  };
}

/** Compares MESSAGE-INTEGRITY in constant time; false without one. @see RFC 8489 section 14.5 */
export function hasIntegrity(datagram: Buffer, message: StunMessage, password: string): boolean {
  const offset = message.integrityOffset;
  if (offset === undefined) return false;
  return timingSafeEqual(stunIntegrity(datagram, offset, password), datagram.subarray(offset + 4, offset + 4 + STUN_INTEGRITY_BYTES));
}

/** HMAC-SHA1 over the message before `offset`, with the length field as if MESSAGE-INTEGRITY were its end. */
export function stunIntegrity(message: Buffer, offset: number, password: string): Buffer {
  const header = Buffer.from(message.subarray(0, 4));
  header.writeUInt16BE(offset - STUN_HEADER_BYTES + 4 + STUN_INTEGRITY_BYTES, 2);
  return createHmac('sha1', password).update(header).update(message.subarray(4, offset)).digest();
}

/** CRC-32 over the message before `offset`, whose length field already counts FINGERPRINT. @see RFC 8489 section 14.7 */
export function stunFingerprint(message: Buffer, offset: number): number {
  return (crc32(message.subarray(0, offset)) ^ STUN_FINGERPRINT_XOR) >>> 0;
}

/** The value of the first attribute of a type. */
export function attributeOf(message: StunMessage, type: number): Buffer | undefined {
  return message.attributes.find((attribute) => attribute.type === type)?.value;
}

/** Types that we must not ignore and don't know. @see RFC 8489 section 14 */
export function unknownRequired(message: StunMessage): number[] {
  return message.attributes.map(({ type }) => type).filter((type) => type < COMPREHENSION_OPTIONAL && !KNOWN_TYPES.has(type));
}

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(STUN_ATTRIBUTE));

function attributeAt(datagram: Buffer, offset: number): StunAttribute {
  // The size is a multiple of 4, and so is every offset: the four bytes are there.
  const length = datagram.readUInt16BE(offset + 2);
  if (offset + 4 + Math.ceil(length / 4) * 4 > datagram.length) throw new ProtocolError('A STUN attribute reaches beyond its message.', offset);
  return { type: datagram.readUInt16BE(offset), value: datagram.subarray(offset + 4, offset + 4 + length) };
}

function integrityAt(offset: number, value: Buffer): number {
  if (value.length !== STUN_INTEGRITY_BYTES) throw new ProtocolError('MESSAGE-INTEGRITY is not 20 bytes long.', offset);
  return offset;
}

function checkFingerprint(datagram: Buffer, offset: number, value: Buffer): void {
  const isLast = offset + 8 === datagram.length;
  if (value.length !== 4 || !isLast || value.readUInt32BE(0) !== stunFingerprint(datagram, offset)) throw new ProtocolError('The STUN FINGERPRINT is wrong.', offset);
}
