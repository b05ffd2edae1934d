import { createHash } from 'node:crypto';
import type { Credentials } from './relay-address.ts';
import type { UrlParams } from './url-params.ts';

/** What a refused connection tells us to do. */
export type ChallengeVerdict =
  /** Connect once more, with this behind the application. */
  | { readonly type: 'answer'; readonly query: string }
  | { readonly type: 'refused'; readonly reason: string };

/** How a refusal that asks for a password is met. */
export interface ChallengeFacts {
  /** The server's description of its refusal. */
  readonly description: string;
  readonly credentials: Credentials | undefined;
  /** Application without an answer behind it. */
  readonly app: string;
  /** Whether a password was sent already. */
  readonly answered: boolean;
  /** Eight random hexadecimal digits. */
  readonly nonce: string;
}

/** Count of the requests made with a server's nonce: always the first. */
const NONCE_COUNT = '00000001';

/**
 * Reads the refusal of a server that wants a user and a password by Adobe's (`authmod=adobe`) or Limelight's scheme
 * (`authmod=llnw`). Both refuse twice: first they name the scheme, then, told the user, they set the challenge.
 * Undefined for a refusal that asks for neither.
 */
export function meetChallenge({ description, credentials, app, answered, nonce }: ChallengeFacts): ChallengeVerdict | undefined {
  const scheme = /authmod=(adobe|llnw)\b/.exec(description)?.[1];
  if (scheme === undefined) return undefined;
  const asked = rawPairs(/\?([^\s\]]*)/.exec(description)?.[1] ?? '');
  if (credentials === undefined) return refused('the server wants a user and a password: rtmp://USER:PASSWORD@HOST/…');
  if (answered || asked.reason === 'authfailed' || asked.reason === 'nosuchuser') return refused('the server does not take this user and password');
  const begin = `authmod=${scheme}&user=${credentials.user}`;
  if (asked.reason === 'needauth') return { type: 'answer', query: begin + (scheme === 'adobe' ? adobeAnswer(credentials, asked, nonce) : limelightAnswer(credentials, asked, app, nonce)) };
  return /code=403 need auth/.test(description) ? { type: 'answer', query: begin } : refused('the server refuses without a challenge');
}

/** True for an answer that holds the proof of a password. */
export function isProof(query: string): boolean {
  return query.includes('&response=');
}

function adobeAnswer({ user, password }: Credentials, { salt = '', challenge = '', opaque = '' }: UrlParams, nonce: string): string {
  const secret = md5(user + salt + password, 'base64');
  const response = md5(secret + (opaque === '' ? challenge : opaque) + nonce, 'base64');
  return `&challenge=${nonce}&response=${response}${opaque === '' ? '' : `&opaque=${opaque}`}`;
}

/** HTTP Digest with a fixed realm, method and quality of protection. @see RFC 2617 section 3.2.2 */
function limelightAnswer({ user, password }: Credentials, asked: UrlParams, app: string, cnonce: string): string {
  const { nonce = '' } = asked;
  const path = (app.split('?')[0] ?? '').replace(/\/+$/, '');
  const identity = md5(`${user}:live:${password}`, 'hex');
  const request = md5(`publish:/${path.includes('/') ? path : `${path}/_definst_`}`, 'hex');
  const response = md5(`${identity}:${nonce}:${NONCE_COUNT}:${cnonce}:auth:${request}`, 'hex');
  return `&nonce=${nonce}&cnonce=${cnonce}&nc=${NONCE_COUNT}&response=${response}`;
}

/** Values as they stand: base64 with its `+` and `=` is not encoded here, in neither direction. */
function rawPairs(query: string): UrlParams {
  return Object.fromEntries(query.split('&').map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]));
}

function md5(text: string, encoding: 'base64' | 'hex'): string {
  return createHash('md5').update(text).digest(encoding);
}

function refused(reason: string): ChallengeVerdict {
  return { type: 'refused', reason };
}
