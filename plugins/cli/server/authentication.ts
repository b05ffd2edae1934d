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
  /** Ends the connection: it has used up its attempts. */
  onExhausted(reason: string): void;
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
      this.#exhausted(request);
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
    return this.#judgeSecret(request, () => Promise.resolve(key.verify(blob, signature, hashAlgo) ? user : undefined));
  }

  async #judgeSecret(request: AuthContext, check: () => Promise<User | undefined>): Promise<void> {
    const { gate, address, log } = this.#parts;
    if (!(await gate.enter(address))) {
      log.warn('Too many wrong logins; the address has to wait', { address });
      this.#exhausted(request); return;
    }
    const user = await check();
    if (user !== undefined) await gate.forgive(address);
    if (user !== undefined && this.#parts.admit(user)) {
      request.accept();
      return;
    }
    if (user !== undefined) {
      this.#exhausted(request);
      return;
    }
    this.#failures++;
    this.#parts.onFailure();
    log.info('Login refused', { user: request.username.slice(0, MAX_NAME_LENGTH), method: request.method, address });
    if (this.#failures >= MAX_FAILURES) {
      this.#exhausted(request);
      return;
    }
    request.reject([...METHODS]);
  }

  async #byPassword(name: string, password: string): Promise<User | undefined> {
    if (name.length > MAX_NAME_LENGTH || password.length > MAX_PASSWORD_LENGTH) return undefined;
    return this.#parts.users.verify(name, password);
  }

  #userNamed(name: string): User | undefined {
    return this.#parts.users.list().find((user) => user.name === name);
  }

  #exhausted(request: AuthContext): void {
    request.reject([...METHODS]);
    this.#parts.onExhausted('too many login attempts');
  }
}
