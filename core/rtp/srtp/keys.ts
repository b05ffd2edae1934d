/** The SRTP protection profiles of this server, by their registered names. @see RFC 5764 section 4.1.2, RFC 7714 section 14.2 */
export type SrtpProfile = 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';

/** Master key and salt of one direction: 16 bytes, and 12 (GCM) or 14 (CM). Never logged. @see RFC 3711 section 8.2 */
export interface SrtpKeys {
  readonly profile: SrtpProfile;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
}
