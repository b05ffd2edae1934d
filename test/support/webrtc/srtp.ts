import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

/** Protection profiles by their registered numbers. @see RFC 5764 section 4.1.2, RFC 7714 section 14.2 */
export const PROFILE_CM_SHA1_80 = 1;
export const PROFILE_GCM_128 = 7;

/** Master key and salt of one direction. */
export interface MasterKeys {
  readonly profile: number;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

interface SessionKeys {
  readonly cipher: Buffer;
  readonly auth: Buffer;
  readonly salt: Buffer;
}

const GCM_TAG_BYTES = 16;
const SHA1_TAG_BYTES = 10;
const RTCP_HEADER_BYTES = 8;
const ENCRYPTED_FLAG = 0x8000_0000;

/** Key derivation with a rate of 0. @see RFC 3711 section 4.3.1, RFC 7714 section 11 */
function derive({ key, salt, profile }: MasterKeys, firstLabel: number): SessionKeys {
  const stream = (label: number, bytes: number): Buffer => {
    const counter = Buffer.alloc(16);
    counter.set(salt);
    counter[7] = (counter[7] ?? 0) ^ label;
    return createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(bytes));
  };
  return { cipher: stream(firstLabel, 16), auth: stream(firstLabel + 1, 20), salt: stream(firstLabel + 2, profile === PROFILE_GCM_128 ? 12 : 14) };
}

/**
 * One direction of SRTP and SRTCP as a client needs it, written apart from the server's so that one checks the other.
 * Slow and plain. Throws on a wrong tag.
 */
export class SrtpDirection {
  readonly #gcm: boolean;
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  #rtcpIndex = 0;

  constructor(keys: MasterKeys) {
    this.#gcm = keys.profile === PROFILE_GCM_128;
    this.#rtp = derive(keys, 0);
    this.#rtcp = derive(keys, 3);
  }

  /** @param sequence extended sequence number; its high bits are the roll-over counter */
  protectRtp(packet: Buffer, sequence: number): Buffer {
    const header = packet.subarray(0, headerBytes(packet));
    const payload = packet.subarray(header.length);
    const rollOver = Math.floor(sequence / 65_536);
    if (this.#gcm) {
      const cipher = createCipheriv('aes-128-gcm', this.#rtp.cipher, this.#rtpNonce(packet, rollOver));
      cipher.setAAD(header);
      return Buffer.concat([header, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
    }
    const body = Buffer.concat([header, this.#counterMode(this.#rtp, packet.readUInt32BE(8), rollOver * 65_536 + packet.readUInt16BE(2), payload)]);
    return Buffer.concat([body, this.#rtpTag(body, rollOver)]);
  }

  unprotectRtp(packet: Buffer, sequence: number): Buffer {
    const header = packet.subarray(0, headerBytes(packet));
    const rollOver = Math.floor(sequence / 65_536);
    if (this.#gcm) {
      const decipher = createDecipheriv('aes-128-gcm', this.#rtp.cipher, this.#rtpNonce(packet, rollOver));
      decipher.setAAD(header);
      decipher.setAuthTag(packet.subarray(-GCM_TAG_BYTES));
      return Buffer.concat([header, decipher.update(packet.subarray(header.length, -GCM_TAG_BYTES)), decipher.final()]);
    }
    const body = packet.subarray(0, -SHA1_TAG_BYTES);
    if (!this.#rtpTag(body, rollOver).equals(packet.subarray(-SHA1_TAG_BYTES))) throw new Error('SRTP tag');
    return Buffer.concat([header, this.#counterMode(this.#rtp, packet.readUInt32BE(8), rollOver * 65_536 + packet.readUInt16BE(2), body.subarray(header.length))]);
  }

  protectRtcp(packet: Buffer): Buffer {
    const index = ++this.#rtcpIndex;
    const header = packet.subarray(0, RTCP_HEADER_BYTES);
    const trailer = uint32(ENCRYPTED_FLAG + index);
    if (this.#gcm) {
      const cipher = createCipheriv('aes-128-gcm', this.#rtcp.cipher, this.#rtcpNonce(packet, index));
      cipher.setAAD(Buffer.concat([header, trailer]));
      return Buffer.concat([header, cipher.update(packet.subarray(RTCP_HEADER_BYTES)), cipher.final(), cipher.getAuthTag(), trailer]);
    }
    const body = Buffer.concat([header, this.#counterMode(this.#rtcp, packet.readUInt32BE(4), index, packet.subarray(RTCP_HEADER_BYTES)), trailer]);
    return Buffer.concat([body, sha1(this.#rtcp.auth, body).subarray(0, SHA1_TAG_BYTES)]);
  }

  unprotectRtcp(packet: Buffer): Buffer {
    const header = packet.subarray(0, RTCP_HEADER_BYTES);
    if (this.#gcm) {
      const trailer = packet.subarray(-4);
      const decipher = createDecipheriv('aes-128-gcm', this.#rtcp.cipher, this.#rtcpNonce(packet, trailer.readUInt32BE() - ENCRYPTED_FLAG));
      decipher.setAAD(Buffer.concat([header, trailer]));
      decipher.setAuthTag(packet.subarray(-4 - GCM_TAG_BYTES, -4));
      return Buffer.concat([header, decipher.update(packet.subarray(RTCP_HEADER_BYTES, -4 - GCM_TAG_BYTES)), decipher.final()]);
    }
    const body = packet.subarray(0, -SHA1_TAG_BYTES);
    if (!sha1(this.#rtcp.auth, body).subarray(0, SHA1_TAG_BYTES).equals(packet.subarray(-SHA1_TAG_BYTES))) throw new Error('SRTCP tag');
    const index = body.readUInt32BE(body.length - 4) - ENCRYPTED_FLAG;
    return Buffer.concat([header, this.#counterMode(this.#rtcp, packet.readUInt32BE(4), index, body.subarray(RTCP_HEADER_BYTES, -4))]);
  }

  /** @see RFC 7714 section 8.1 */
  #rtpNonce(packet: Buffer, rollOver: number): Buffer {
    const nonce = Buffer.alloc(12);
    packet.copy(nonce, 2, 8, 12);
    nonce.writeUInt32BE(rollOver, 6);
    packet.copy(nonce, 10, 2, 4);
    return xor(nonce, this.#rtp.salt);
  }

  /** @see RFC 7714 section 9.1 */
  #rtcpNonce(packet: Buffer, index: number): Buffer {
    const nonce = Buffer.alloc(12);
    packet.copy(nonce, 2, 4, 8);
    nonce.writeUInt32BE(index, 8);
    return xor(nonce, this.#rtcp.salt);
  }

  /** @see RFC 3711 section 4.1.1 */
  #counterMode(keys: SessionKeys, ssrc: number, index: number, data: Buffer): Buffer {
    const counter = Buffer.alloc(16);
    counter.writeUInt32BE(ssrc, 4);
    counter.writeUIntBE(index, 8, 6);
    return createCipheriv('aes-128-ctr', keys.cipher, xor(counter, Buffer.concat([keys.salt, Buffer.alloc(2)]))).update(data);
  }

  #rtpTag(body: Buffer, rollOver: number): Buffer {
    return sha1(this.#rtp.auth, Buffer.concat([body, uint32(rollOver)])).subarray(0, SHA1_TAG_BYTES);
  }
}

/** Bytes of the RTP header with CSRCs and extension. @see RFC 3550 section 5.1 */
export function headerBytes(packet: Buffer): number {
  const first = packet[0] ?? 0;
  const fixed = 12 + (first & 0x0f) * 4;
  return (first & 0x10) === 0 ? fixed : fixed + 4 + packet.readUInt16BE(fixed + 2) * 4;
}

/** Whether a datagram that is no STUN and no DTLS is RTCP. @see RFC 5761 section 4 */
export function isRtcp(datagram: Uint8Array): boolean {
  const type = datagram[1] ?? 0;
  return type >= 192 && type <= 223;
}

function xor(bytes: Buffer, other: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ (other[at] ?? 0);
  return bytes;
}

function sha1(key: Buffer, data: Buffer): Buffer {
  return createHmac('sha1', key).update(data).digest();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
