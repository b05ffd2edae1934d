import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const FINGERPRINT_XOR = 0x5354554e;

const Attribute = { USERNAME: 0x0006, MESSAGE_INTEGRITY: 0x0008, ERROR_CODE: 0x0009, PRIORITY: 0x0024, USE_CANDIDATE: 0x0025, FINGERPRINT: 0x8028, ICE_CONTROLLING: 0x802a } as const;

/** What a connectivity check of a controlling agent carries. @see RFC 8445 section 7.2.2 */
export interface Check {
  /** Twelve bytes. */
  readonly transactionId: Uint8Array;
  /** `REMOTE:LOCAL` fragments. */
  readonly username: string;
  /** The remote password. */
  readonly password: string;
  readonly priority: number;
  /** Eight bytes. */
  readonly tieBreaker: Uint8Array;
  readonly useCandidate: boolean;
}

/** An answer to a check. */
export interface CheckAnswer {
  readonly transactionId: Uint8Array;
  /** Undefined for a success. */
  readonly errorCode?: number;
}

/** Whether a datagram is STUN. @see RFC 7983 section 7 */
export function isStun(datagram: Uint8Array): boolean {
  return datagram.length >= HEADER_BYTES && (datagram[0] ?? 255) < 4;
}

function attribute(type: number, value: Uint8Array): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  padded.set(value, 4);
  return padded;
}

function message(type: number, transactionId: Uint8Array, body: Uint8Array, lengthAhead = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length + lengthAhead, 2);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  header.set(transactionId, 8);
  return Buffer.concat([header, body]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A binding request with MESSAGE-INTEGRITY and FINGERPRINT. @see RFC 8489 sections 14.5 and 14.7 */
export function encodeCheck(check: Check): Buffer {
  const parts = [
    attribute(Attribute.USERNAME, Buffer.from(check.username)),
    attribute(Attribute.PRIORITY, uint32(check.priority)),
    attribute(Attribute.ICE_CONTROLLING, check.tieBreaker),
    ...(check.useCandidate ? [attribute(Attribute.USE_CANDIDATE, new Uint8Array(0))] : []),
  ];
  const signed = message(BINDING_REQUEST, check.transactionId, Buffer.concat(parts), 24);
  parts.push(attribute(Attribute.MESSAGE_INTEGRITY, createHmac('sha1', check.password).update(signed).digest()));
  const summed = message(BINDING_REQUEST, check.transactionId, Buffer.concat(parts), 8);
  parts.push(attribute(Attribute.FINGERPRINT, uint32(crc32(summed) ^ FINGERPRINT_XOR)));
  return message(BINDING_REQUEST, check.transactionId, Buffer.concat(parts));
}

/**
 * Reads a response to a check and compares its MESSAGE-INTEGRITY.
 *
 * @returns undefined for anything that is no response, or one that somebody without the password made
 */
export function parseCheckAnswer(datagram: Buffer, password: string): CheckAnswer | undefined {
  const type = datagram.readUInt16BE(0);
  if (datagram.readUInt32BE(4) !== MAGIC_COOKIE || (type & 0x0110) < 0x0100) return undefined;
  const transactionId = datagram.subarray(8, HEADER_BYTES);
  let errorCode: number | undefined;
  for (let at = HEADER_BYTES; at + 4 <= datagram.length; ) {
    const length = datagram.readUInt16BE(at + 2);
    const value = datagram.subarray(at + 4, at + 4 + length);
    switch (datagram.readUInt16BE(at)) {
      case Attribute.ERROR_CODE:
        errorCode = (value[2] ?? 0) * 100 + (value[3] ?? 0);
        break;
      case Attribute.MESSAGE_INTEGRITY:
        return isGenuine(datagram, at, value, password) ? { transactionId, ...(type === BINDING_SUCCESS ? {} : { errorCode: errorCode ?? 0 }) } : undefined;
      default:
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return undefined;
}

/** The HMAC covers the message up to its own attribute, with a length that ends behind it. */
function isGenuine(datagram: Buffer, at: number, mac: Uint8Array, password: string): boolean {
  const signed = Buffer.from(datagram.subarray(0, at));
  signed.writeUInt16BE(at + 24 - HEADER_BYTES, 2);
  const expected = createHmac('sha1', password).update(signed).digest();
  return mac.length === expected.length && timingSafeEqual(mac, expected);
}
