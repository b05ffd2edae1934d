import { createSrtpCipher } from '../../core/rtp/srtp/create-cipher.ts';
import { deriveSession } from '../../core/rtp/srtp/key-derivation.ts';
import { SRTP_OVERHEAD_BYTES_MAX, SRTP_PROFILE_SIZES, type SrtpKeys, type SrtpProfile } from '../../core/rtp/srtp/keys.ts';
import { rtpHeaderBytes } from '../../core/rtp/srtp/rtp-header.ts';

/** Every profile. */
export const SRTP_PROFILES = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'] as const satisfies readonly SrtpProfile[];

/** Keys that differ by `seed`. */
export function srtpKeys(profile: SrtpProfile, seed = 1): SrtpKeys {
  const bytes = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (from + at * 7 + seed * 13) & 0xff);
  return { profile, masterKey: bytes(16, 3), masterSalt: bytes(SRTP_PROFILE_SIZES[profile].saltBytes, 101) };
}

/** The bytes of hexadecimal text; spaces don't count. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

/** An RTP packet without extension. */
export function rtpPacket(sequence: number, payload: Uint8Array, ssrc = 0x11223344): Uint8Array {
  const packet = new Uint8Array(12 + payload.length);
  const view = new DataView(packet.buffer);
  packet.set([0x80, 96]);
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, sequence * 3000);
  view.setUint32(8, ssrc);
  packet.set(payload, 12);
  return packet;
}

/** An empty receiver report with `words` more words, which nothing of SRTCP looks into. */
export function rtcpPacket(ssrc: number, words = 0): Uint8Array {
  const packet = new Uint8Array(8 + words * 4);
  const view = new DataView(packet.buffer);
  packet.set([0x80, 201]);
  view.setUint16(2, 1 + words);
  view.setUint32(4, ssrc);
  return packet;
}

/** A sender that protects by node:crypto and knows every index. */
export class TestSrtpSender {
  readonly #cipher;

  constructor(keys: SrtpKeys) {
    this.#cipher = createSrtpCipher(keys.profile, deriveSession(keys));
  }

  /** @param sequence extended */
  rtp(packet: Uint8Array, sequence: number): Uint8Array {
    const out = new Uint8Array(packet.length + SRTP_OVERHEAD_BYTES_MAX);
    return out.slice(0, this.#cipher.protectRtp(packet, rtpHeaderBytes(packet), sequence, out));
  }

  rtcp(packet: Uint8Array, index: number): Uint8Array {
    const out = new Uint8Array(packet.length + SRTP_OVERHEAD_BYTES_MAX);
    return out.slice(0, this.#cipher.protectRtcp(packet, index, out));
  }
}
