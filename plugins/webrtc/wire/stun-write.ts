import {
  STUN_ATTRIBUTE, STUN_BINDING, STUN_HEADER_BYTES, STUN_INTEGRITY_BYTES, STUN_MAGIC_COOKIE, stunFingerprint, stunIntegrity, type StunAttribute, type StunClass,
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

/** What a message is written from. */
export interface StunOutline {
  readonly class: StunClass;
  readonly transactionId: Uint8Array;
  readonly attributes: readonly { readonly type: number; readonly value: Uint8Array }[];
  /** Adds MESSAGE-INTEGRITY. */
  readonly password?: string | undefined;
}

const CLASS_BITS: Readonly<Record<StunClass, number>> = { request: 0x0000, indication: 0x0010, success: 0x0100, error: 0x0110 };
/** Type, length and CRC. */
const FINGERPRINT_ATTRIBUTE_BYTES = 8;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** Writes a Binding message with FINGERPRINT. @see RFC 8489 section 5 */
export function writeStun({ class: kind, transactionId, attributes, password }: StunOutline): Buffer {
  const plainBytes = attributes.reduce((sum, { value }) => sum + 4 + padded(value.byteLength), STUN_HEADER_BYTES);
  const integrityBytes = password === undefined ? 0 : 4 + STUN_INTEGRITY_BYTES;
  const message = Buffer.alloc(plainBytes + integrityBytes + FINGERPRINT_ATTRIBUTE_BYTES);
  message.writeUInt16BE(STUN_BINDING | CLASS_BITS[kind], 0);
  message.writeUInt16BE(message.length - STUN_HEADER_BYTES, 2);
  message.writeUInt32BE(STUN_MAGIC_COOKIE, 4);
  message.set(transactionId, 8);
  let offset = STUN_HEADER_BYTES;
  for (const { type, value } of attributes) offset = writeAttribute(message, offset, type, value);
  if (password !== undefined) offset = writeAttribute(message, offset, STUN_ATTRIBUTE.messageIntegrity, stunIntegrity(message, offset, password));
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE(stunFingerprint(message, offset));
  writeAttribute(message, offset, STUN_ATTRIBUTE.fingerprint, fingerprint);
  return message;
}

/** XOR-MAPPED-ADDRESS: the address that a request came from. @see RFC 8489 section 14.2 */
export function xorMappedAddress(address: string, port: number, transactionId: Uint8Array): StunAttribute {
  const ip = ipToBytes(address);
  const value = Buffer.alloc(4 + ip.byteLength);
  value[1] = ip.byteLength === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  value.writeUInt16BE(port ^ (STUN_MAGIC_COOKIE >>> 16), 2);
  const mask = Buffer.alloc(4 + transactionId.byteLength);
  mask.writeUInt32BE(STUN_MAGIC_COOKIE, 0);
  mask.set(transactionId, 4);
  for (const [index, byte] of ip.entries()) value[4 + index] = byte ^ (mask[index] ?? 0);
  return { type: STUN_ATTRIBUTE.xorMappedAddress, value };
}

/** ERROR-CODE with the registered reason. @see RFC 8489 section 14.8 */
export function errorCode(code: StunErrorCode): StunAttribute {
  return { type: STUN_ATTRIBUTE.errorCode, value: Buffer.from([0, 0, Math.floor(code / 100), code % 100, ...Buffer.from(STUN_ERRORS[code])]) };
}

/** UNKNOWN-ATTRIBUTES. @see RFC 8489 section 14.9 */
export function unknownAttributes(types: readonly number[]): StunAttribute {
  return { type: STUN_ATTRIBUTE.unknownAttributes, value: Buffer.from(types.flatMap((type) => [type >> 8, type & 0xff])) };
}

function writeAttribute(message: Buffer, offset: number, type: number, value: Uint8Array): number {
  message.writeUInt16BE(type, offset);
  message.writeUInt16BE(value.byteLength, offset + 2);
  message.set(value, offset + 4);
  return offset + 4 + padded(value.byteLength);
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
