/** The SRTP protection profiles of this server, by their registered names. @see RFC 5764 section 4.1.2, RFC 7714 section 14.2 */
export type SrtpProfile = 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';

/** Master key and salt of one direction: 16 bytes, and 12 (GCM) or 14 (CM). Never logged. @see RFC 3711 section 8.2 */
export interface SrtpKeys {
  readonly profile: SrtpProfile;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
}

/** Bytes of every AES-128 key. */
export const SRTP_KEY_BYTES = 16;
/** Bytes of the word after an SRTCP packet that holds the E flag and the index. @see RFC 3711 section 3.4 */
export const SRTCP_INDEX_BYTES = 4;
/** E, in that word: the packet is encrypted, not authenticated only. */
export const SRTCP_ENCRYPTED_FLAG = 0x8000_0000;
/** Bytes of a fixed RTP header, and of the part of an RTCP packet that stays in the clear. */
export const RTP_FIXED_HEADER_BYTES = 12;
export const RTCP_CLEAR_BYTES = 8;
/** The most that a profile adds to a packet: an SRTCP packet under GCM. */
export const SRTP_OVERHEAD_BYTES_MAX = 20;

/** Sizes in bytes that a profile fixes. */
export interface SrtpProfileSizes {
  readonly saltBytes: number;
  readonly rtpTagBytes: number;
  readonly rtcpTagBytes: number;
}

/** Salt and tag lengths by profile; the short tag is for RTP only. @see RFC 5764 section 4.1.2, RFC 7714 section 13 */
export const SRTP_PROFILE_SIZES: Readonly<Record<SrtpProfile, SrtpProfileSizes>> = {
  AEAD_AES_128_GCM: { saltBytes: 12, rtpTagBytes: 16, rtcpTagBytes: 16 },
  AES_CM_128_HMAC_SHA1_80: { saltBytes: 14, rtpTagBytes: 10, rtcpTagBytes: 10 },
  AES_CM_128_HMAC_SHA1_32: { saltBytes: 14, rtpTagBytes: 4, rtcpTagBytes: 10 },
};
