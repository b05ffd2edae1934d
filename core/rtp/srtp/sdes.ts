import { ProtocolError } from '../../errors/wcs-error.ts';
import { SRTP_KEY_BYTES, SRTP_PROFILE_SIZES, type SrtpKeys, type SrtpProfile } from './keys.ts';

/** Longest attribute that is looked at, in characters. */
const LINE_CHARACTERS_MAX = 1024;
const TAG = /^[0-9]{1,9}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const LIFETIME = /^(2\^)?[0-9]{1,15}$/;
/** A window size hint changes nothing for a sender: the one session parameter that may be passed over. @see RFC 4568 section 6.3.7 */
const WINDOW_SIZE_HINT = /^WSH=[0-9]{1,9}$/;

/** One `crypto` attribute of a description; `unsupported` ones are skipped by an answerer, and `reason` says why. */
export type SdesCrypto =
  | { readonly type: 'supported'; readonly tag: number; readonly keys: SrtpKeys }
  | { readonly type: 'unsupported'; readonly tag: number; readonly reason: string };

/**
 * Reads the value of an `a=crypto:` attribute: `1 AES_CM_128_HMAC_SHA1_80 inline:<base64>|2^31`.
 * A key lifetime is accepted, as no call lives as long; a master key identifier, several keys and parameters that change the packets are not supported.
 *
 * @throws ProtocolError when it isn't such an attribute
 * @see RFC 4568 section 9.1
 */
export function parseSdesCrypto(value: string): SdesCrypto {
  if (value.length > LINE_CHARACTERS_MAX) throw new ProtocolError(`A crypto attribute has more than ${LINE_CHARACTERS_MAX} characters`);
  const [tagText = '', suite = '', keyParameters = '', ...sessionParameters] = value.trim().split(/ +/);
  if (!TAG.test(tagText)) throw new ProtocolError('A crypto attribute begins with no tag');
  const tag = Number(tagText);
  const unsupported = (reason: string): SdesCrypto => ({ type: 'unsupported', tag, reason });
  if (!keyParameters.startsWith('inline:')) throw new ProtocolError('A crypto attribute has no inline key');
  if (!isProfile(suite)) return unsupported('the crypto suite is unknown');
  const parameter = sessionParameters.find((text) => !WINDOW_SIZE_HINT.test(text));
  if (parameter !== undefined) return unsupported('a session parameter changes the packets');
  if (keyParameters.includes(';')) return unsupported('it has several master keys');
  const [keySalt = '', ...rest] = keyParameters.slice('inline:'.length).split('|');
  const keys = keysOf(suite, keySalt);
  if (rest.some((text) => !LIFETIME.test(text))) return unsupported('it has a master key identifier');
  return { type: 'supported', tag, keys };
}

/** Writes the value of an `a=crypto:` attribute. */
export function writeSdesCrypto(tag: number, { profile, masterKey, masterSalt }: SrtpKeys): string {
  return `${tag} ${profile} inline:${Buffer.concat([masterKey, masterSalt]).toString('base64')}`;
}

function isProfile(suite: string): suite is SrtpProfile {
  return Object.hasOwn(SRTP_PROFILE_SIZES, suite);
}

function keysOf(profile: SrtpProfile, keySalt: string): SrtpKeys {
  if (!BASE64.test(keySalt)) throw new ProtocolError('An inline key is no base64');
  const bytes = new Uint8Array(Buffer.from(keySalt, 'base64'));
  const wanted = SRTP_KEY_BYTES + SRTP_PROFILE_SIZES[profile].saltBytes;
  if (bytes.length !== wanted) throw new ProtocolError(`An inline key of ${profile} has ${wanted} bytes, not ${bytes.length}`);
  return { profile, masterKey: bytes.slice(0, SRTP_KEY_BYTES), masterSalt: bytes.slice(SRTP_KEY_BYTES) };
}
