import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Role, Users } from 'wcs-core';
import { parseBasicCredentials } from '../wire/basic-credentials.ts';
import { limitKeyOf } from '../wire/peer-address.ts';
import { HttpFailure } from '../wire/rest-error.ts';

/** A caller who is let in. */
export interface Admission {
  readonly user: string;
  readonly role: Role;
}

/** Wrong passwords that one address may send in `FAILURE_WINDOW_S`. */
export const MAX_FAILURES = 10;
/** How long a failure counts. */
export const FAILURE_WINDOW_S = 60;
/** Sign-ins of one address that may wait for their turn. */
const MAX_WAITING = 64;

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="WCS Core", charset="UTF-8"' };

/** Checks HTTP Basic credentials, one at a time per address, so that parallel guesses cannot outrun the count of failures. */
export class Gate {
  readonly #users: Pick<Users, 'verify'>;
  readonly #failures = new RateLimiterMemory({ points: MAX_FAILURES, duration: FAILURE_WINDOW_S });
  readonly #turns = new Map<string, { last: Promise<unknown>; waiting: number }>();

  constructor(users: Pick<Users, 'verify'>) {
    this.#users = users;
  }

  /**
   * Lets a caller in by its `Authorization` header.
   *
   * @throws HttpFailure 401 without or with wrong credentials; 429 with `Retry-After` after too many wrong ones
   */
  async admit(authorization: string | undefined, address: string): Promise<Admission> {
    const credentials = parseBasicCredentials(authorization);
    if (credentials === undefined) throw new HttpFailure(401, 'ACCESS_E_CREDENTIALS', 'Sign in with a user and a password (HTTP Basic).', CHALLENGE);
    return this.#inTurn(limitKeyOf(address), async (key) => {
      await this.#checkFailures(key);
      const verified = await this.#users.verify(credentials.user, credentials.password);
      if (verified === undefined) {
        await this.#failures.penalty(key, 1);
        throw new HttpFailure(401, 'ACCESS_E_CREDENTIALS', 'The user or the password is wrong.', CHALLENGE);
      }
      return { user: credentials.user, role: verified.role };
    });
  }

  async #checkFailures(key: string): Promise<void> {
    const failures = await this.#failures.get(key);
    if (failures === null || failures.consumedPoints < MAX_FAILURES) return;
    throw tooMany(Math.max(1, Math.ceil(failures.msBeforeNext / 1000)));
  }

  async #inTurn<T>(key: string, work: (key: string) => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? { last: Promise.resolve(), waiting: 0 };
    if (turn.waiting >= MAX_WAITING) throw tooMany(1);
    this.#turns.set(key, turn);
    turn.waiting++;
    const result = turn.last.then(() => work(key));
    turn.last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      if (--turn.waiting === 0) this.#turns.delete(key);
    }
  }
}

function tooMany(retryAfterS: number): HttpFailure {
  return new HttpFailure(429, 'ACCESS_E_ATTEMPTS', `Too many failed sign-ins from this address; try again in ${retryAfterS} s.`, { 'Retry-After': String(retryAfterS) });
}
