import { randomBytes } from 'node:crypto';
import type { HmacSha1 } from 'wcs-core/rtp/srtp/hmac-sha1';
import { attributeOf, hasIntegrity, parseStun, STUN_ATTRIBUTE, STUN_BINDING, STUN_USERNAME_MAX_BYTES, unknownRequired, type StunMessage } from '../wire/stun.ts';
import { errorCode, unknownAttributes, writeStun, xorMappedAddress, type StunErrorCode } from '../wire/stun-write.ts';
import type { IceCredentials } from './peer-state.ts';

/** Four characters are the least that is allowed; these are what tells peers apart, so they are more. @see RFC 8445 section 5.3 */
const UFRAG_BYTES = 9;
const PWD_BYTES = 24;

/** Whose credentials a user name begins with. */
export interface CheckedPeer<P> {
  readonly peer: P;
  readonly credentials: IceCredentials;
  /** Of the peer's description, when it has been seen. */
  readonly remoteUfrag: string | undefined;
  /** Of our password. */
  readonly key: HmacSha1;
}

/** Why a STUN message leads to nothing, for counting. */
export type CheckRefusal = 'notRequest' | 'noCredentials' | 'unknownUfrag' | 'wrongIntegrity' | 'unknownAttribute' | 'roleConflict';

/** What becomes of a STUN message. */
export type CheckOutcome<P> =
  /** A valid connectivity check; `response` is the success response to send back. */
  | { readonly type: 'valid'; readonly checked: CheckedPeer<P>; readonly transactionId: Buffer; readonly nominated: boolean; readonly response: Buffer }
  /** `response` is an error response, when the message calls for one. */
  | { readonly type: 'refused'; readonly cause: CheckRefusal; readonly response?: Buffer };

/** New credentials, from a cryptographic source. @see RFC 8445 section 5.3 */
export function newIceCredentials(): IceCredentials {
  return { ufrag: iceText(UFRAG_BYTES), pwd: iceText(PWD_BYTES) };
}

/**
 * Judges one STUN message as an ICE-lite agent does: it answers checks and makes none. The lite agent is always
 * controlled, so that a peer that believes itself controlled is told to change its role.
 *
 * @param find the peer by our ufrag
 * @throws ProtocolError when the datagram is no well-formed STUN message
 * @see RFC 8445 section 7.3, RFC 8489 section 9.1.3
 */
export function judgeCheck<P>(datagram: Buffer, from: { readonly address: string; readonly port: number }, find: (ufrag: string) => CheckedPeer<P> | undefined): CheckOutcome<P> {
  const message = parseStun(datagram);
  if (message.class !== 'request' || message.method !== STUN_BINDING) return { type: 'refused', cause: 'notRequest' };
  const username = attributeOf(message, STUN_ATTRIBUTE.username);
  if (username === undefined || message.integrityOffset === undefined) return refusal(message, 'noCredentials', 400);
  if (username.end - username.start > STUN_USERNAME_MAX_BYTES) return refusal(message, 'unknownUfrag', 401);
  const [ufrag = '', remoteUfrag = ''] = datagram.toString('utf8', username.start, username.end).split(':', 2);
  const checked = find(ufrag);
  if (checked === undefined || (checked.remoteUfrag !== undefined && checked.remoteUfrag !== remoteUfrag)) return refusal(message, 'unknownUfrag', 401);
  const { key } = checked;
  if (!hasIntegrity(message, key)) return refusal(message, 'wrongIntegrity', 401);
  if (unknownRequired(message).length > 0) return refusal(message, 'unknownAttribute', 420, key);
  if (attributeOf(message, STUN_ATTRIBUTE.iceControlled) !== undefined) return refusal(message, 'roleConflict', 487, key);
  const { transactionId } = message;
  const response = writeStun({ class: 'success', transactionId, attributes: [xorMappedAddress(from.address, from.port, transactionId)], key });
  return { type: 'valid', checked, transactionId, nominated: attributeOf(message, STUN_ATTRIBUTE.useCandidate) !== undefined, response };
}

function refusal<P>(message: StunMessage, cause: CheckRefusal, code: StunErrorCode, key?: HmacSha1): CheckOutcome<P> {
  const attributes = [errorCode(code), ...(code === 420 ? [unknownAttributes(unknownRequired(message))] : [])];
  return { type: 'refused', cause, response: writeStun({ class: 'error', transactionId: message.transactionId, attributes, key }) };
}

/** Letters, digits, `+` and `/` are the characters of ICE; Base64 without padding has no others. @see RFC 8839 section 5.4 */
function iceText(bytes: number): string {
  return randomBytes(bytes).toString('base64').replaceAll('=', '');
}
