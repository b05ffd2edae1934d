import { createCipheriv, createDecipheriv, type Cipher } from 'node:crypto';
import type { RtpPacketList, SrtpCipher } from './cipher.ts';
import { GCM_TAG_BYTES, GcmWork } from './gcm-work.ts';
import { ghashTable } from './ghash-table.ts';
import type { SrtpSession, SrtpSessionKeys } from './key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES } from './keys.ts';
import { putU32, RTCP_SSRC_OFFSET, u32At } from './rtp-header.ts';

const ALGORITHM = 'aes-128-gcm';
const IV_BYTES = 12;
const BLOCK_BYTES = 16;
const RTP_SSRC_OFFSET = 8;
const U32 = 0x1_0000_0000;
const OPTIONS = { authTagLength: GCM_TAG_BYTES } as const;
const WORK = new GcmWork();

/** AEAD_AES_128_GCM. RTCP, which is rare, is protected and opened by node:crypto alone. @see RFC 7714 sections 8 and 9 */
export class GcmCipher implements SrtpCipher {
  readonly #session: SrtpSession;
  /** Made for the first packet: a viewer sends none. */
  #rtpCipher: RtpCipher | undefined;
  readonly #rtcp: SrtpSessionKeys;
  readonly #iv = new Uint8Array(IV_BYTES);
  /** RTCP's associated data: the clear words and the index word, which aren't neighbours in the packet. */
  readonly #rtcpAad = new Uint8Array(RTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES);

  constructor(session: SrtpSession) {
    this.#session = session;
    this.#rtcp = session.rtcp;
  }

  get #rtp(): RtpCipher {
    return (this.#rtpCipher ??= new RtpCipher(this.#session.rtp));
  }

  readyRtp(packets: RtpPacketList, ssrc: number, indexOffset: number): void {
    this.#rtp.ready(packets, ssrc, indexOffset);
  }

  protectRtp(packet: Uint8Array, headerBytes: number, index: number, out: Uint8Array): number {
    return this.#rtp.protect(packet, headerBytes, index, out);
  }

  protectRtcp(packet: Uint8Array, index: number, out: Uint8Array): number {
    const word = (SRTCP_ENCRYPTED_FLAG | index) >>> 0;
    setIv(this.#iv, this.#rtcp.salt, u32At(packet, RTCP_SSRC_OFFSET), index);
    const cipher = createCipheriv(ALGORITHM, this.#rtcp.key, this.#iv, OPTIONS);
    this.#rtcpAad.set(packet.subarray(0, RTCP_CLEAR_BYTES));
    putU32(this.#rtcpAad, RTCP_CLEAR_BYTES, word);
    cipher.setAAD(this.#rtcpAad);
    out.set(packet.subarray(0, RTCP_CLEAR_BYTES));
    out.set(cipher.update(packet.subarray(RTCP_CLEAR_BYTES)), RTCP_CLEAR_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), packet.length);
    putU32(out, packet.length + GCM_TAG_BYTES, word);
    return packet.length + GCM_TAG_BYTES + SRTCP_INDEX_BYTES;
  }

  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    return this.#rtp.open(packet, headerBytes, index);
  }

  openRtcp(packet: Uint8Array): Uint8Array | undefined {
    const indexAt = packet.length - SRTCP_INDEX_BYTES;
    const end = indexAt - GCM_TAG_BYTES;
    const isEncrypted = u32At(packet, indexAt) >= SRTCP_ENCRYPTED_FLAG;
    setIv(this.#iv, this.#rtcp.salt, u32At(packet, RTCP_SSRC_OFFSET), this.rtcpIndex(packet));
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
    return u32At(packet, packet.length - SRTCP_INDEX_BYTES) % SRTCP_ENCRYPTED_FLAG;
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
}

/** RTP under one key. */
class RtpCipher {
  readonly #salt: Uint8Array;
  readonly #ecb: Cipher;
  readonly #table: Uint8Array;
  readonly #iv = new Uint8Array(IV_BYTES);

  constructor({ key, salt }: SrtpSessionKeys) {
    this.#salt = salt;
    this.#ecb = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    this.#table = ghashTable(this.#ecb.update(new Uint8Array(BLOCK_BYTES)));
  }

  ready({ sequences, lengths, headerBytes, count }: RtpPacketList, ssrc: number, indexOffset: number): void {
    WORK.clear(this);
    for (let at = 0; at < count; at++) {
      const index = (sequences[at] ?? 0) + indexOffset;
      setIv(this.#iv, this.#salt, ssrc, index);
      if (!WORK.add(this.#iv, ssrc, index, (lengths[at] ?? 0) - (headerBytes[at] ?? 0))) break;
    }
    WORK.setKeystream(this.#ecb.update(WORK.counters));
  }

  protect(packet: Uint8Array, headerBytes: number, index: number, out: Uint8Array): number {
    this.#readyFor(packet, headerBytes, packet.length, index);
    WORK.seal(this.#table, packet, headerBytes, out);
    return packet.length + GCM_TAG_BYTES;
  }

  open(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    const end = packet.length - GCM_TAG_BYTES;
    this.#readyFor(packet, headerBytes, end, index);
    return WORK.open(this.#table, packet, headerBytes, end) ? packet.subarray(0, end) : undefined;
  }

  /** Has the keystream of one packet, which may have been made with that of others. */
  #readyFor(packet: Uint8Array, headerBytes: number, end: number, index: number): void {
    const ssrc = u32At(packet, RTP_SSRC_OFFSET);
    const bytes = end - headerBytes;
    if (WORK.advance(this, ssrc, index, bytes)) return;
    WORK.clear(this);
    setIv(this.#iv, this.#salt, ssrc, index);
    WORK.add(this.#iv, ssrc, index, bytes);
    WORK.setKeystream(this.#ecb.update(WORK.counters));
    WORK.advance(this, ssrc, index, bytes);
  }
}

/** Two zero bytes, SSRC, 48-bit index, all of it XORed with the salt. @see RFC 7714 sections 8.1 and 9.1 */
function setIv(iv: Uint8Array, salt: Uint8Array, ssrc: number, index: number): void {
  const high = Math.floor(index / U32);
  iv[0] = 0;
  iv[1] = 0;
  putU32(iv, 2, ssrc);
  iv[6] = high >>> 8;
  iv[7] = high;
  putU32(iv, 8, index % U32);
  for (let at = 0; at < IV_BYTES; at++) iv[at] = (iv[at] ?? 0) ^ (salt[at] ?? 0);
}
