import { createCipheriv } from 'node:crypto';
import { WcsError } from '../../errors/wcs-error.ts';
import { SRTP_KEY_BYTES, SRTP_PROFILE_SIZES, type SrtpKeys } from './keys.ts';

/** Bytes of an HMAC-SHA1 session key. */
const AUTH_KEY_BYTES = 20;
/** Where the label stands in the 112-bit key derivation input, with a derivation rate of 0. */
const LABEL_OFFSET = 7;
const AES_BLOCK_BYTES = 16;

/** Session keys of RTP or of RTCP; `authKey` is unused by GCM. */
export interface SrtpSessionKeys {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly authKey: Uint8Array;
}

/** Session keys of one direction. */
export interface SrtpSession {
  readonly rtp: SrtpSessionKeys;
  readonly rtcp: SrtpSessionKeys;
}

/**
 * Derives the session keys of one direction; the derivation rate is 0, as DTLS-SRTP and every peer in use have it.
 *
 * @throws WcsError PROTOCOL_E_MALFORMED when the master key or salt hasn't the length that the profile wants
 * @see RFC 3711 section 4.3.1; RFC 7714 section 11 for the shorter salt
 */
export function deriveSession({ profile, masterKey, masterSalt }: SrtpKeys): SrtpSession {
  const { saltBytes } = SRTP_PROFILE_SIZES[profile];
  if (masterKey.length !== SRTP_KEY_BYTES || masterSalt.length !== saltBytes) {
    throw new WcsError('PROTOCOL_E_MALFORMED', `${profile} wants a key of ${SRTP_KEY_BYTES} and a salt of ${saltBytes} bytes, not ${masterKey.length} and ${masterSalt.length}.`);
  }
  const derive = (label: number, length: number): Uint8Array => {
    const iv = new Uint8Array(AES_BLOCK_BYTES);
    iv.set(masterSalt);
    iv[LABEL_OFFSET] = (iv[LABEL_OFFSET] ?? 0) ^ label;
    return createCipheriv('aes-128-ctr', masterKey, iv).update(new Uint8Array(length));
  };
  return {
    rtp: { key: derive(0, SRTP_KEY_BYTES), authKey: derive(1, AUTH_KEY_BYTES), salt: derive(2, saltBytes) },
    rtcp: { key: derive(3, SRTP_KEY_BYTES), authKey: derive(4, AUTH_KEY_BYTES), salt: derive(5, saltBytes) },
  };
}
