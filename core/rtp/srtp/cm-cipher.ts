import { createCipheriv, type Cipher } from 'node:crypto';
import type { SrtpCipher } from './cipher.ts';
import { CmScratch } from './cm-scratch.ts';
import { HmacSha1 } from './hmac-sha1.ts';
import type { SrtpSession, SrtpSessionKeys } from './key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, SRTP_PROFILE_SIZES, type SrtpProfile } from './keys.ts';
import { putU32, RTCP_SSRC_OFFSET, u32At } from './rtp-header.ts';

const AES_BLOCK_BYTES = 16;
const SEQUENCE_SPACE = 0x1_0000;
const U32 = 0x1_0000_0000;
const RTP_SSRC_OFFSET = 8;
const SCRATCH = new CmScratch();

/** AES in counter mode and HMAC-SHA1. @see RFC 3711 section 4 */
export class CmCipher implements SrtpCipher {
  readonly #rtp: CounterMode;
  readonly #rtcp: CounterMode;
  readonly #rtpTagBytes: number;
  readonly #rtcpTagBytes: number;

  constructor(profile: SrtpProfile, { rtp, rtcp }: SrtpSession) {
    this.#rtp = new CounterMode(rtp);
    this.#rtcp = new CounterMode(rtcp);
    this.#rtpTagBytes = SRTP_PROFILE_SIZES[profile].rtpTagBytes;
    this.#rtcpTagBytes = SRTP_PROFILE_SIZES[profile].rtcpTagBytes;
  }

  protectRtp(packet: Uint8Array, headerBytes: number, index: number, out: Uint8Array): number {
    out.set(packet);
    this.#rtp.crypt(out, headerBytes, packet.length, u32At(packet, RTP_SSRC_OFFSET), index);
    const digest = this.#rtp.authenticate(out, packet.length, Math.floor(index / SEQUENCE_SPACE));
    out.set(digest.subarray(0, this.#rtpTagBytes), packet.length);
    return packet.length + this.#rtpTagBytes;
  }

  protectRtcp(packet: Uint8Array, index: number, out: Uint8Array): number {
    out.set(packet);
    this.#rtcp.crypt(out, RTCP_CLEAR_BYTES, packet.length, u32At(packet, RTCP_SSRC_OFFSET), index);
    const end = packet.length + SRTCP_INDEX_BYTES;
    putU32(out, packet.length, (SRTCP_ENCRYPTED_FLAG | index) >>> 0);
    out.set(this.#rtcp.authenticate(out, end).subarray(0, this.#rtcpTagBytes), end);
    return end + this.#rtcpTagBytes;
  }

  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    const end = packet.length - this.#rtpTagBytes;
    const digest = this.#rtp.authenticate(packet, end, Math.floor(index / SEQUENCE_SPACE));
    if (!isTag(packet, end, digest)) return undefined;
    this.#rtp.crypt(packet, headerBytes, end, u32At(packet, RTP_SSRC_OFFSET), index);
    return packet.subarray(0, end);
  }

  openRtcp(packet: Uint8Array): Uint8Array | undefined {
    const tagAt = packet.length - this.#rtcpTagBytes;
    const end = tagAt - SRTCP_INDEX_BYTES;
    if (!isTag(packet, tagAt, this.#rtcp.authenticate(packet, tagAt))) return undefined;
    if (u32At(packet, end) >= SRTCP_ENCRYPTED_FLAG) this.#rtcp.crypt(packet, RTCP_CLEAR_BYTES, end, u32At(packet, RTCP_SSRC_OFFSET), this.rtcpIndex(packet));
    return packet.subarray(0, end);
  }

  rtcpIndex(packet: Uint8Array): number {
    return u32At(packet, packet.length - this.#rtcpTagBytes - SRTCP_INDEX_BYTES) % SRTCP_ENCRYPTED_FLAG;
  }
}

/** Compares the tag that ends a packet with the beginning of a digest, in a time that tells nothing about where they differ. */
function isTag(packet: Uint8Array, tagAt: number, digest: Uint8Array): boolean {
  let difference = 0;
  for (let at = tagAt; at < packet.length; at++) difference |= (packet[at] ?? 0) ^ (digest[at - tagAt] ?? 0);
  return difference === 0;
}

/**
 * Keystream and digest of one session key.
 *
 * Making a cipher object costs several times what it computes on a packet, so one ECB cipher lives as long as the key and encrypts
 * counter blocks; the XOR is done here.
 */
class CounterMode {
  readonly #ecb: Cipher;
  readonly #salt: Uint8Array;
  readonly #hmac: HmacSha1;
  readonly #iv = new Uint8Array(AES_BLOCK_BYTES);

  constructor({ key, salt, authKey }: SrtpSessionKeys) {
    this.#ecb = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    this.#salt = salt;
    this.#hmac = new HmacSha1(authKey);
  }

  /** Encrypts or decrypts a part of `bytes` where it is. */
  crypt(bytes: Uint8Array, from: number, to: number, ssrc: number, index: number): void {
    const length = to - from;
    if (length <= 0) return;
    const blocks = (length + AES_BLOCK_BYTES - 1) >> 4;
    this.#setIv(ssrc, index);
    SCRATCH.xor(bytes, from, to, this.#ecb.update(SCRATCH.counterBlocks(this.#iv, blocks)));
  }

  /** HMAC-SHA1 of the first `length` bytes, followed by the roll-over counter for RTP; good until the next call. */
  authenticate(bytes: Uint8Array, length: number, rollOver?: number): Uint8Array {
    return this.#hmac.digest(bytes, length, rollOver);
  }

  /** Salt, SSRC from byte 4, 48-bit index from byte 8, XORed; the last two bytes count blocks. @see RFC 3711 section 4.1.1 */
  #setIv(ssrc: number, index: number): void {
    const iv = this.#iv;
    const high = Math.floor(index / U32);
    putU32(iv, 0, 0);
    putU32(iv, 4, ssrc);
    iv[8] = high >>> 8;
    iv[9] = high;
    putU32(iv, 10, index % U32);
    for (let at = 0; at < this.#salt.length; at++) iv[at] = (iv[at] ?? 0) ^ (this.#salt[at] ?? 0);
  }
}
