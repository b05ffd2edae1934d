import { createHash, randomBytes } from 'node:crypto';
import { splitOutsideQuotes } from '../engine/wire/characters.ts';

/** A demand for credentials. @see RFC 3261 section 22, RFC 8760 */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: 'MD5' | 'SHA-256';
  /** Whether `auth` is offered. */
  readonly qop: boolean;
  /** The nonce was too old; the password was not wrong. */
  readonly stale: boolean;
}

/** Who we are for a realm. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What an answer is made for. */
export interface DigestRequest {
  readonly method: string;
  /** The text that stands in the request line. */
  readonly uri: string;
}

const HASHES: Readonly<Record<Challenge['algorithm'], string>> = { MD5: 'md5', 'SHA-256': 'sha256' };
const CNONCE_BYTES = 12;

/** The challenges of a WWW- or Proxy-Authenticate value that we can answer, in its order: the first is preferred. */
export function parseChallenges(value: string): Challenge[] {
  const challenges: Map<string, string>[] = [];
  for (const part of splitOutsideQuotes(value, ',') ?? []) {
    const [, scheme, rest = part] = /^(\w+) +(?=\w+ *=)(.*)$/.exec(part) ?? [];
    if (scheme !== undefined) challenges.push(new Map([['scheme', scheme.toLowerCase()]]));
    const [name = '', ...text] = rest.split('=');
    challenges.at(-1)?.set(name.trim().toLowerCase(), unquoted(text.join('=').trim()));
  }
  return challenges.flatMap((params) => challengeOf(params) ?? []);
}

function challengeOf(params: ReadonlyMap<string, string>): Challenge | undefined {
  const algorithm = (params.get('algorithm') ?? 'MD5').toUpperCase();
  const [realm, nonce] = [params.get('realm'), params.get('nonce')];
  if (params.get('scheme') !== 'digest' || realm === undefined || nonce === undefined || (algorithm !== 'MD5' && algorithm !== 'SHA-256')) return undefined;
  const qops = (params.get('qop') ?? '').split(',').map((word) => word.trim().toLowerCase());
  if (params.has('qop') && !qops.includes('auth')) return undefined;
  return { realm, nonce, opaque: params.get('opaque'), algorithm, qop: params.has('qop'), stale: params.get('stale')?.toLowerCase() === 'true' };
}

/** The value of Authorization or Proxy-Authorization. @param count how often the nonce has been used, this time included */
export function answerChallenge({ realm, nonce, opaque, algorithm, qop }: Challenge, { username, password }: Credentials, { method, uri }: DigestRequest, count = 1, cnonce = randomBytes(CNONCE_BYTES).toString('hex')): string {
  const hash = (text: string): string => createHash(HASHES[algorithm]).update(text).digest('hex');
  const nc = count.toString(16).padStart(8, '0');
  const [ha1, ha2] = [hash(`${username}:${realm}:${password}`), hash(`${method}:${uri}`)];
  const response = hash(qop ? `${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}` : `${ha1}:${nonce}:${ha2}`);
  const parts = [`username=${quoted(username)}`, `realm=${quoted(realm)}`, `nonce=${quoted(nonce)}`, `uri=${quoted(uri)}`, `response="${response}"`, `algorithm=${algorithm}`];
  if (qop) parts.push('qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`);
  if (opaque !== undefined) parts.push(`opaque=${quoted(opaque)}`);
  return `Digest ${parts.join(', ')}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
}
