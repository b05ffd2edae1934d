import type { AuthContext, PublicKeyAuthContext } from 'ssh2';
import type { Log, User, Users } from 'wcs-core';
import type { LoginGate } from './login-gate.ts';
import { findKey } from './public-key.ts';

/** Wrong passwords or signatures of one connection. */
export const MAX_FAILURES = 3;
/** Requests of one connection, offers of keys included: an agent with many keys offers them all. */
export const MAX_REQUESTS = 20;
/** Longest user name and password that are looked at. */
const MAX_NAME_LENGTH = 64;
const MAX_PASSWORD_LENGTH = 1_024;

const TOO_MANY_ATTEMPTS = 'too many login attempts';

/** The ways to log in. */
const METHODS = ['publickey', 'password'] as const;

/** What a connection's login is judged by. */
export interface AuthenticationParts {
  readonly users: Pick<Users, 'verify' | 'list'>;
  readonly gate: LoginGate;
  readonly address: string;
  readonly log: Log;
  /** False when another user may not come in, e.g. because too many are here. */
  admit(user: User): boolean;
  /** Called at each refused password or signature. */
  onFailure(): void;
  /** Ends the connection, which gets no further attempt. */
  onRefused(reason: string): void;
}

/** Judges the login requests of one connection. @see RFC 4252 */
export class Authentication {
  readonly #parts: AuthenticationParts;
  #requests = 0;
  #failures = 0;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  async judge(request: AuthContext): Promise<void> {
    this.#requests++;
    if (this.#requests > MAX_REQUESTS) {
      this.#refuse(request, TOO_MANY_ATTEMPTS);
      return;
    }
    switch (request.method) {
      case 'password':
        return this.#judgeSecret(request, () => this.#byPassword(request.username, request.password));
      case 'publickey':
        return this.#judgeKey(request);
      case 'none':
      case 'keyboard-interactive':
      case 'hostbased':
        request.reject([...METHODS]);
        return;
    }
  }

  async #judgeKey(request: PublicKeyAuthContext): Promise<void> {
    const user = this.#userNamed(request.username);
    const key = findKey(user?.sshPublicKeys ?? [], request.key.data);
    const { blob, signature, hashAlgo } = request;
    if (key === undefined || user === undefined) {
      request.reject([...METHODS]);
      return;
    }
    // Without a signature the client only asks whether this key would do. @see RFC 4252 section 7
    if (signature === undefined || blob === undefined) {
      request.accept();
      return;
    }
    // The library answers an Error, which is truthy, for a signature that it can't even check.
    const isRight = (): unknown => key.verify(blob, signature, hashAlgo);
    return this.#judgeSecret(request, () => Promise.resolve(isRight() === true ? user : undefined));
  }

  async #judgeSecret(request: AuthContext, check: () => Promise<User | undefined>): Promise<void> {
    const { gate, address, log } = this.#parts;
    const verdict = await gate.enter(address);
    if (verdict === 'blocks') log.warn('Too many wrong logins; the address has to wait', { address });
    if (verdict !== 'open') {
      this.#refuse(request, TOO_MANY_ATTEMPTS);
      return;
    }
    const user = await check();
    if (user === undefined) {
      this.#fail(request);
      return;
    }
    await gate.forgive(address);
    if (this.#parts.admit(user)) request.accept();
    else this.#refuse(request, 'too many users are logged in');
  }

  #fail(request: AuthContext): void {
    const { address, log } = this.#parts;
    this.#failures++;
    this.#parts.onFailure();
    log.info('Login refused', { user: request.username.slice(0, MAX_NAME_LENGTH), method: request.method, address });
    if (this.#failures >= MAX_FAILURES) this.#refuse(request, TOO_MANY_ATTEMPTS);
    else request.reject([...METHODS]);
  }

  async #byPassword(name: string, password: string): Promise<User | undefined> {
    if (name.length > MAX_NAME_LENGTH || password.length > MAX_PASSWORD_LENGTH) return undefined;
    return this.#parts.users.verify(name, password);
  }

  #userNamed(name: string): User | undefined {
    return this.#parts.users.list().find((user) => user.name === name);
  }

  #refuse(request: AuthContext, reason: string): void {
    request.reject([...METHODS]);
    this.#parts.onRefused(reason);
  }
}
