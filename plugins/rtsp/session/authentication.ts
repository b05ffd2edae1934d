import { randomBytes } from 'node:crypto';
import { parseAuthHeader } from '../wire/auth-header.ts';
import { encodeBasicChallenge, isSameSecret, parseBasicCredentials } from '../wire/basic-auth.ts';
import { digestSecret, encodeDigestChallenge, isRightDigest, parseDigestCredentials, type DigestAlgorithm } from '../wire/digest-auth.ts';

/** Who may come in. */
export interface AuthSettings {
  readonly realm: string;
  /** Passwords by user. */
  readonly users: Readonly<Record<string, string>>;
}

/** Outcome of a look at credentials; a `stale` nonce says nothing about the password. */
export type AuthOutcome = { readonly type: 'known'; readonly user: string } | { readonly type: 'absent' } | { readonly type: 'stale' } | { readonly type: 'wrong' };

/** Plain data of `Authentication`. */
export interface AuthenticationState {
  readonly nonce: string;
  readonly nonceSinceMs: number;
  readonly failures: number;
}

const NONCE_BYTES = 16;
/** How long a nonce is good. */
const NONCE_MS = 5 * 60_000;
/** Wrong passwords on one connection before it ends. */
const FAILURES_MAX = 5;
/** An answer to a wrong password waits this long, twice as long each further time. */
const FIRST_DELAY_MS = 500;
/** A password no user has, so that an unknown name takes the time of a known one. */
const NOBODY = randomBytes(NONCE_BYTES).toString('hex');

/** Asks one connection for a user and a password, by Digest or Basic. @see RFC 7616, RFC 7617 */
export class Authentication {
  readonly #settings: AuthSettings;
  #nonce: string;
  #nonceSinceMs: number;
  #failures: number;

  constructor(settings: AuthSettings, nowMs: number, state?: AuthenticationState) {
    this.#settings = settings;
    this.#nonce = state?.nonce ?? randomBytes(NONCE_BYTES).toString('hex');
    this.#nonceSinceMs = state?.nonceSinceMs ?? nowMs;
    this.#failures = state?.failures ?? 0;
  }

  exportState(): AuthenticationState {
    return { nonce: this.#nonce, nonceSinceMs: this.#nonceSinceMs, failures: this.#failures };
  }

  /** False where nobody is asked. */
  get isRequired(): boolean {
    return Object.keys(this.#settings.users).length > 0;
  }

  /** How long the next challenge is to wait. */
  get delayMs(): number {
    return this.#failures === 0 ? 0 : FIRST_DELAY_MS * 2 ** (this.#failures - 1);
  }

  /** True when the connection has guessed often enough. */
  get isExhausted(): boolean {
    return this.#failures >= FAILURES_MAX;
  }

  /** Values of WWW-Authenticate, the best first; of several Digests many clients take the last, and know nothing but MD5. */
  challenges(nowMs: number, stale: boolean): readonly string[] {
    if (nowMs - this.#nonceSinceMs > NONCE_MS) {
      this.#nonce = randomBytes(NONCE_BYTES).toString('hex');
      this.#nonceSinceMs = nowMs;
    }
    const { realm } = this.#settings;
    const digest = (algorithm: DigestAlgorithm, saysAlgorithm: boolean): string =>
      encodeDigestChallenge({ realm, nonce: this.#nonce, algorithm, qop: undefined, stale, saysAlgorithm });
    return [digest('SHA-256', true), digest('MD5', false), encodeBasicChallenge(realm)];
  }

  /** Looks at the Authorization of a request. */
  check(method: string, authorization: string | undefined, nowMs: number): AuthOutcome {
    const outcome = this.#look(method, authorization, nowMs);
    if (outcome.type === 'wrong') this.#failures += 1;
    if (outcome.type === 'known') this.#failures = 0;
    return outcome;
  }

  #look(method: string, authorization: string | undefined, nowMs: number): AuthOutcome {
    const header = parseAuthHeader(authorization ?? '')[0];
    if (header === undefined) return { type: 'absent' };
    const basic = parseBasicCredentials(header);
    if (basic !== undefined) return isSameSecret(basic.password, this.#passwordOf(basic.user)) ? { type: 'known', user: basic.user } : { type: 'wrong' };
    const digest = parseDigestCredentials(header);
    if (digest === undefined) return { type: 'wrong' };
    const { realm } = this.#settings;
    if (digest.nonce !== this.#nonce || nowMs - this.#nonceSinceMs > NONCE_MS) return { type: 'stale' };
    const secret = digestSecret(digest.algorithm, digest.user, realm, this.#passwordOf(digest.user));
    return digest.realm === realm && isRightDigest(digest, secret, method) ? { type: 'known', user: digest.user } : { type: 'wrong' };
  }

  #passwordOf(user: string): string {
    const { users } = this.#settings;
    return Object.hasOwn(users, user) ? (users[user] ?? NOBODY) : NOBODY;
  }
}
