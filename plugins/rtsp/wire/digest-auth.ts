import { createHash } from 'node:crypto';
import { quote, type AuthHeader } from './auth-header.ts';
import { isSameSecret, type Credentials } from './basic-auth.ts';

/** The hashes of the scheme that are in use. @see RFC 7616 section 3.3 */
export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** What a server asks. @see RFC 7616 section 3.3 */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** `auth`, or undefined for the scheme of RFC 2069, which counts no requests. */
  readonly qop: 'auth' | undefined;
  /** The server asks for nothing but a new computation with this nonce: the password was right. */
  readonly stale: boolean;
  readonly opaque?: string;
  /** False where the server never said which hash it wants: the answer doesn't either. */
  readonly saysAlgorithm: boolean;
}

/** What a client answers. @see RFC 7616 section 3.4 */
export interface DigestCredentials {
  readonly user: string;
  readonly realm: string;
  readonly nonce: string;
  /** The URI that was hashed; the checking side compares it with the request's. */
  readonly uri: string;
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  readonly qop: 'auth' | undefined;
  readonly nonceCount: string;
  readonly cnonce: string;
  readonly opaque?: string;
}

/** The request that is authorised. */
export interface DigestRequest {
  readonly method: string;
  readonly uri: string;
  /** How many requests were made with this nonce, this one included. */
  readonly nonceCount: number;
  /** Random text of the client. */
  readonly cnonce: string;
}

/** The challenge in a WWW-Authenticate value; undefined for another scheme, hash or quality of protection. */
export function parseDigestChallenge({ scheme, parameters }: AuthHeader): DigestChallenge | undefined {
  const { realm, nonce, opaque, qop, stale } = parameters;
  const algorithm = algorithmOf(parameters['algorithm']);
  if (scheme !== 'digest' || realm === undefined || nonce === undefined || algorithm === undefined) return undefined;
  const qualities = qop?.toLowerCase().split(/[\s,]+/).filter((quality) => quality !== '') ?? [];
  if (qualities.length > 0 && !qualities.includes('auth')) return undefined;
  return {
    realm,
    nonce,
    algorithm,
    qop: qualities.length > 0 ? 'auth' : undefined,
    stale: stale?.toLowerCase() === 'true',
    saysAlgorithm: parameters['algorithm'] !== undefined,
    ...(opaque === undefined ? {} : { opaque }),
  };
}

/** A WWW-Authenticate value. */
export function encodeDigestChallenge({ realm, nonce, algorithm, qop, stale, opaque, saysAlgorithm }: DigestChallenge): string {
  const parts = [`realm=${quote(realm)}`, `nonce=${quote(nonce)}`];
  if (saysAlgorithm) parts.push(`algorithm=${algorithm}`);
  if (qop !== undefined) parts.push(`qop=${quote(qop)}`);
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`);
  if (stale) parts.push('stale=TRUE');
  return `Digest ${parts.join(', ')}`;
}

/** The Authorization value that answers a challenge. */
export function answerDigest(challenge: DigestChallenge, { user, password }: Credentials, request: DigestRequest): string {
  const { realm, nonce, algorithm, qop, opaque, saysAlgorithm } = challenge;
  const nonceCount = request.nonceCount.toString(16).padStart(8, '0');
  const secret = digestSecret(algorithm, user, realm, password);
  const response = digestResponse(secret, { nonce, algorithm, qop, nonceCount, cnonce: request.cnonce, uri: request.uri }, request.method);
  const parts = [`username=${quote(user)}`, `realm=${quote(realm)}`, `nonce=${quote(nonce)}`, `uri=${quote(request.uri)}`, `response=${quote(response)}`];
  if (saysAlgorithm) parts.push(`algorithm=${algorithm}`);
  if (qop !== undefined) parts.push(`qop=${qop}`, `nc=${nonceCount}`, `cnonce=${quote(request.cnonce)}`);
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`);
  return `Digest ${parts.join(', ')}`;
}

/** The credentials of an Authorization value; undefined where they are of another scheme or incomplete. */
export function parseDigestCredentials({ scheme, parameters }: AuthHeader): DigestCredentials | undefined {
  const { username, realm, nonce, uri, response, opaque, qop, nc = '', cnonce = '' } = parameters;
  const algorithm = algorithmOf(parameters['algorithm']);
  if (scheme !== 'digest' || algorithm === undefined || username === undefined || realm === undefined) return undefined;
  if (nonce === undefined || uri === undefined || response === undefined) return undefined;
  if (qop !== undefined && (qop.toLowerCase() !== 'auth' || cnonce === '' || !/^[0-9a-f]{8}$/i.test(nc))) return undefined;
  const quality = qop === undefined ? undefined : 'auth';
  return { user: username, realm, nonce, uri, response, algorithm, qop: quality, nonceCount: nc, cnonce, ...(opaque === undefined ? {} : { opaque }) };
}

/**
 * True when the response was made with the secret, compared in constant time. Whether the nonce is one of ours and still
 * good, and whether `uri` is the request's, is for the caller to say.
 *
 * @param secret of `digestSecret`, by the algorithm that the credentials name
 */
export function isRightDigest(credentials: DigestCredentials, secret: string, method: string): boolean {
  return isSameSecret(credentials.response.toLowerCase(), digestResponse(secret, credentials, method));
}

/** H(user:realm:password), which serves for every request. @see RFC 7616 section 3.4.2 */
export function digestSecret(algorithm: DigestAlgorithm, user: string, realm: string, password: string): string {
  return hash(algorithm, `${user}:${realm}:${password}`);
}

type Hashed = Pick<DigestCredentials, 'nonce' | 'algorithm' | 'qop' | 'nonceCount' | 'cnonce' | 'uri'>;

/** @see RFC 7616 section 3.4.1 */
function digestResponse(secret: string, { nonce, algorithm, qop, nonceCount, cnonce, uri }: Hashed, method: string): string {
  const requestHash = hash(algorithm, `${method}:${uri}`);
  const middle = qop === undefined ? nonce : `${nonce}:${nonceCount}:${cnonce}:${qop}`;
  return hash(algorithm, `${secret}:${middle}:${requestHash}`);
}

function algorithmOf(name = 'MD5'): DigestAlgorithm | undefined {
  const upper = name.toUpperCase();
  return upper === 'MD5' || upper === 'SHA-256' ? upper : undefined;
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256').update(text).digest('hex');
}
