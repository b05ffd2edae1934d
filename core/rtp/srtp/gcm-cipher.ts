import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { SrtpCipher } from './cipher.ts';
import type { SrtpSession, SrtpSessionKeys } from './key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_INDEX_BYTES, SRTP_PROFILE_SIZES } from './keys.ts';
import { putU32, u32At } from './rtp-header.ts';

const ALGORITHM = 'aes-128-gcm';
const TAG_BYTES = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtpTagBytes;
const IV_BYTES = 12;
const RTP_SSRC_OFFSET = 8;
const RTCP_SSRC_OFFSET = 4;
const U32 = 0x1_0000_0000;
/** E: the packet is encrypted, not authenticated only. */
const ENCRYPTED_FLAG = 0x8000_0000;
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/** AEAD_AES_128_GCM. @see RFC 7714 sections 8 and 9 */
export class GcmCipher implements SrtpCipher {
  readonly #rtp: SrtpSessionKeys;
  readonly #rtcp: SrtpSessionKeys;
  readonly #iv = new Uint8Array(IV_BYTES);
  /** RTCP's associated data: the clear words and the index word, which aren't neighbours in the packet. */
  readonly #rtcpAad = new Uint8Array(RTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES);

  constructor({ rtp, rtcp }: SrtpSession) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
  }

  protectRtp(packet: Uint8Array, headerBytes: number, index: number, out: Uint8Array): number {
    this.#setIv(this.#rtp.salt, u32At(packet, RTP_SSRC_OFFSET), index);
    const cipher = createCipheriv(ALGORITHM, this.#rtp.key, this.#iv, OPTIONS);
    cipher.setAAD(packet.subarray(0, headerBytes));
    out.set(packet.subarray(0, headerBytes));
    out.set(cipher.update(packet.subarray(headerBytes)), headerBytes);
    cipher.final();
    out.set(cipher.getAuthTag(), packet.length);
    return packet.length + TAG_BYTES;
  }

  protectRtcp(packet: Uint8Array, index: number, out: Uint8Array): number {
    const word = (ENCRYPTED_FLAG | index) >>> 0;
    this.#setIv(this.#rtcp.salt, u32At(packet, RTCP_SSRC_OFFSET), index);
    const cipher = createCipheriv(ALGORITHM, this.#rtcp.key, this.#iv, OPTIONS);
    this.#rtcpAad.set(packet.subarray(0, RTCP_CLEAR_BYTES));
    putU32(this.#rtcpAad, RTCP_CLEAR_BYTES, word);
    cipher.setAAD(this.#rtcpAad);
    out.set(packet.subarray(0, RTCP_CLEAR_BYTES));
    out.set(cipher.update(packet.subarray(RTCP_CLEAR_BYTES)), RTCP_CLEAR_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), packet.length);
    putU32(out, packet.length + TAG_BYTES, word);
    return packet.length + TAG_BYTES + SRTCP_INDEX_BYTES;
  }

  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    this.#setIv(this.#rtp.salt, u32At(packet, RTP_SSRC_OFFSET), index);
    const end = packet.length - TAG_BYTES;
    const plain = this.#open(this.#rtp.key, packet.subarray(0, headerBytes), packet.subarray(headerBytes, end), packet.subarray(end));
    if (plain === undefined) return undefined;
    packet.set(plain, headerBytes);
    return packet.subarray(0, end);
  }

  openRtcp(packet: Uint8Array): Uint8Array | undefined {
    const indexAt = packet.length - SRTCP_INDEX_BYTES;
    const end = indexAt - TAG_BYTES;
    const isEncrypted = u32At(packet, indexAt) >= ENCRYPTED_FLAG;
    this.#setIv(this.#rtcp.salt, u32At(packet, RTCP_SSRC_OFFSET), this.rtcpIndex(packet));
    // What isn't encrypted is associated data. @see RFC 7714 section 9.3
    const clearBytes = isEncrypted ? RTCP_CLEAR_BYTES : end;
    const aad = clearBytes === RTCP_CLEAR_BYTES ? this.#rtcpAad : new Uint8Array(clearBytes + SRTCP_INDEX_BYTES);
    aad.set(packet.subarray(0, clearBytes));
    aad.set(packet.subarray(indexAt), clearBytes);
    const plain = this.#open(this.#rtcp.key, aad, packet.subarray(clearBytes, end), packet.subarray(end, indexAt));
    if (plain === undefined) return undefined;
    packet.set(plain, clearBytes);
    return packet.subarray(0, end);
  }

  rtcpIndex(packet: Uint8Array): number {
    return u32At(packet, packet.length - SRTCP_INDEX_BYTES) % ENCRYPTED_FLAG;
  }

  #open(key: Uint8Array, aad: Uint8Array, encrypted: Uint8Array, tag: Uint8Array): Uint8Array | undefined {
    const decipher = createDecipheriv(ALGORITHM, key, this.#iv, OPTIONS);
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plain = decipher.update(encrypted);
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }

  /** Two zero bytes, SSRC, 48-bit index, all of it XORed with the salt. @see RFC 7714 sections 8.1 and 9.1 */
  #setIv(salt: Uint8Array, ssrc: number, index: number): void {
    const iv = this.#iv;
    const high = Math.floor(index / U32);
    iv[0] = 0;
    iv[1] = 0;
    putU32(iv, 2, ssrc);
    iv[6] = high >>> 8;
    iv[7] = high;
    putU32(iv, 8, index % U32);
    for (let at = 0; at < IV_BYTES; at++) iv[at] = (iv[at] ?? 0) ^ (salt[at] ?? 0);
  }
}
