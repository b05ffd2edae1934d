import { randomBytes } from 'node:crypto';
import { parseAuthHeader } from '../wire/auth-header.ts';
import { encodeBasicCredentials, type Credentials } from '../wire/basic-auth.ts';
import { answerDigest, parseDigestChallenge, type DigestChallenge } from '../wire/digest-auth.ts';

const CNONCE_BYTES = 8;

/** How requests are authorised: nothing was asked for, Basic, or Digest by a challenge. Plain data. */
export type ClientAuthorisationState =
  | { readonly type: 'none' }
  | { readonly type: 'basic' }
  | { readonly type: 'digest'; readonly challenge: DigestChallenge; readonly nonceCount: number };

/** The answering side of Basic and Digest for one server. @see RFC 7616, RFC 7617 */
export class ClientAuthorisation {
  readonly #credentials: Credentials | undefined;
  #state: ClientAuthorisationState;

  constructor(credentials: Credentials | undefined, state: ClientAuthorisationState = { type: 'none' }) {
    this.#credentials = credentials;
    this.#state = state;
  }

  exportState(): ClientAuthorisationState {
    return this.#state;
  }

  /**
   * Takes the challenges of a 401.
   *
   * @returns true when a request made anew has a chance: the first time, and when the server only wants another nonce
   */
  challenged(values: readonly string[]): boolean {
    if (this.#credentials === undefined) return false;
    const challenges = values.flatMap(parseAuthHeader);
    const digests = challenges.map(parseDigestChallenge).filter((challenge) => challenge !== undefined);
    const digest = digests.find(({ algorithm }) => algorithm === 'SHA-256') ?? digests[0];
    const before = this.#state;
    if (digest !== undefined) {
      this.#state = { type: 'digest', challenge: digest, nonceCount: 0 };
      return before.type !== 'digest' || digest.stale;
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic')) return false;
    this.#state = { type: 'basic' };
    return before.type === 'none';
  }

  /** The Authorization value of the next request; undefined where none is needed. */
  header(method: string, uri: string): string | undefined {
    const state = this.#state;
    if (this.#credentials === undefined || state.type === 'none') return undefined;
    if (state.type === 'basic') return encodeBasicCredentials(this.#credentials);
    const nonceCount = state.nonceCount + 1;
    this.#state = { ...state, nonceCount };
    return answerDigest(state.challenge, this.#credentials, { method, uri, nonceCount, cnonce: randomBytes(CNONCE_BYTES).toString('hex') });
  }
}
