import type { HmacSha1 } from 'wcs-core/rtp/srtp/hmac-sha1';
import {
  STUN_ATTRIBUTE, STUN_BINDING, STUN_HEADER_BYTES, STUN_INTEGRITY_BYTES, STUN_MAGIC_COOKIE, stunFingerprint, stunIntegrity, type StunClass,
} from './stun.ts';
import { ipToBytes } from './ip-bytes.ts';

/** Error responses of the checks' rules. @see RFC 8489 section 14.8, RFC 8445 section 7.3.1.1 */
export const STUN_ERRORS = {
  400: 'Bad Request',
  401: 'Unauthenticated',
  420: 'Unknown Attribute',
  487: 'Role Conflict',
} as const;

/** Status of an error response. */
export type StunErrorCode = keyof typeof STUN_ERRORS;

/** An attribute to be written. */
export interface StunValue {
  readonly type: number;
  readonly value: Uint8Array;
}

/** What a message is written from. */
export interface StunOutline {
  readonly class: StunClass;
  readonly transactionId: Uint8Array;
  readonly attributes: readonly StunValue[];
  /** Adds MESSAGE-INTEGRITY. */
  readonly key?: HmacSha1 | undefined;
}

const CLASS_BITS: Readonly<Record<StunClass, number>> = { request: 0x0000, indication: 0x0010, success: 0x0100, error: 0x0110 };
/** Type, length and CRC. */
const FINGERPRINT_ATTRIBUTE_BYTES = 8;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** Writes a Binding message with FINGERPRINT. @see RFC 8489 section 5 */
export function writeStun({ class: kind, transactionId, attributes, key }: StunOutline): Buffer {
  let plainBytes = STUN_HEADER_BYTES;
  for (const { value } of attributes) plainBytes += 4 + padded(value.byteLength);
  const integrityBytes = key === undefined ? 0 : 4 + STUN_INTEGRITY_BYTES;
  const message = Buffer.allocUnsafe(plainBytes + integrityBytes + FINGERPRINT_ATTRIBUTE_BYTES).fill(0);
  message.writeUInt16BE(STUN_BINDING | CLASS_BITS[kind], 0);
  message.writeUInt16BE(message.length - STUN_HEADER_BYTES, 2);
  message.writeUInt32BE(STUN_MAGIC_COOKIE, 4);
  message.set(transactionId, 8);
  let offset = STUN_HEADER_BYTES;
  for (const { type, value } of attributes) offset = writeAttribute(message, offset, type, value);
  if (key !== undefined) offset = writeAttribute(message, offset, STUN_ATTRIBUTE.messageIntegrity, stunIntegrity(message, offset, key));
  message.writeUInt16BE(STUN_ATTRIBUTE.fingerprint, offset);
  message.writeUInt16BE(FINGERPRINT_ATTRIBUTE_BYTES - 4, offset + 2);
  message.writeUInt32BE(stunFingerprint(message, offset), offset + 4);
  return message;
}

/** XOR-MAPPED-ADDRESS: the address that a request came from. @see RFC 8489 section 14.2 */
export function xorMappedAddress(address: string, port: number, transactionId: Uint8Array): StunValue {
  const ip = ipToBytes(address);
  const value = Buffer.allocUnsafe(4 + ip.byteLength);
  value[0] = 0;
  value[1] = ip.byteLength === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  value.writeUInt16BE(port ^ (STUN_MAGIC_COOKIE >>> 16), 2);
  // The mask is the magic cookie, followed by the transaction id.
  for (let at = 0; at < ip.length; at++) value[4 + at] = (ip[at] ?? 0) ^ (at < 4 ? STUN_MAGIC_COOKIE >>> (24 - 8 * at) : (transactionId[at - 4] ?? 0));
  return { type: STUN_ATTRIBUTE.xorMappedAddress, value };
}

/** ERROR-CODE with the registered reason. @see RFC 8489 section 14.8 */
export function errorCode(code: StunErrorCode): StunValue {
  return { type: STUN_ATTRIBUTE.errorCode, value: Buffer.from([0, 0, Math.floor(code / 100), code % 100, ...Buffer.from(STUN_ERRORS[code])]) };
}

/** UNKNOWN-ATTRIBUTES. @see RFC 8489 section 14.9 */
export function unknownAttributes(types: readonly number[]): StunValue {
  return { type: STUN_ATTRIBUTE.unknownAttributes, value: Buffer.from(types.flatMap((type) => [type >> 8, type & 0xff])) };
}

function writeAttribute(message: Buffer, offset: number, type: number, value: Uint8Array): number {
  message.writeUInt16BE(type, offset);
  message.writeUInt16BE(value.byteLength, offset + 2);
  message.set(value, offset + 4);
  return offset + 4 + padded(value.byteLength);
}

function padded(length: number): number {
  return length + (-length & 3);
}
