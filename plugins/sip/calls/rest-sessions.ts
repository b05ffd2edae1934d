import { WcsError, type TelephoneAccount } from 'wcs-core';
import { addressesOf } from './addresses.ts';
import type { Calls } from './calls.ts';
import type { Registrar } from './registrar.ts';
import type { Registration } from './registration.ts';

/** A telephone account that an operator has brought; plain data. */
export interface RestSession {
  readonly account: TelephoneAccount;
  /** IP address of whoever asked for it. */
  readonly callerAddress: string | undefined;
}

/** How a session is: with a registration, or without. */
export type RestSessionStatus = 'ESTABLISHED' | 'PENDING' | 'REGISTERED' | 'FAILED';

/** Most sessions at one time. */
const SESSIONS_MAX = 10_000;

/** SIP clients that are driven by operations alone, by their logins. @see WCS REST section 10 */
export class RestSessions {
  readonly #calls: Calls;
  readonly #registrar: Registrar;
  readonly #release: (registration: Registration) => void;
  readonly #sessions = new Map<string, RestSession>();

  /** @param release ends a registration unless somebody else wants it */
  constructor(calls: Calls, registrar: Registrar, release: (registration: Registration) => void) {
    this.#calls = calls;
    this.#registrar = registrar;
    this.#release = release;
  }

  get all(): readonly RestSession[] {
    return [...this.#sessions.values()];
  }

  importState(sessions: readonly RestSession[]): void {
    for (const session of sessions) this.#sessions.set(session.account.login, session);
  }

  /** Brings an account, and registers it where it wants that. @throws WcsError OPERATION_E_CONFLICT, OPERATION_E_INPUT, PROTOCOL_E_LIMIT */
  create(session: RestSession): RestSession {
    const { account, callerAddress } = session;
    addressesOf(account);
    if (this.#sessions.has(account.login)) throw new WcsError('OPERATION_E_CONFLICT', 'A session with this sipLogin exists already.');
    if (this.#sessions.size >= SESSIONS_MAX) throw new WcsError('PROTOCOL_E_LIMIT', `${SESSIONS_MAX} sessions exist.`);
    if (account.registerRequired) this.#registrar.register(account, callerAddress);
    this.#sessions.set(account.login, session);
    return session;
  }

  /** @throws WcsError SESSION_E_NOT_FOUND */
  get(login: string): RestSession {
    const session = this.#sessions.get(login);
    if (session === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'Session not found');
    return session;
  }

  /** Hangs up the calls of an account and takes it out. @throws WcsError SESSION_E_NOT_FOUND */
  terminate(login: string): void {
    const { account } = this.get(login);
    this.#sessions.delete(login);
    for (const call of this.#calls.all) if (call.plan.clientId === undefined && call.plan.account === account) call.hangUp();
    const registration = this.#registrar.find(account);
    if (registration !== undefined) this.#release(registration);
  }

  statusOf({ account }: RestSession): RestSessionStatus {
    const registration = account.registerRequired ? this.#registrar.find(account) : undefined;
    if (registration === undefined) return 'ESTABLISHED';
    if (registration.registered) return 'REGISTERED';
    return registration.failure === undefined ? 'PENDING' : 'FAILED';
  }

  wants(registration: Registration): boolean {
    const account = this.#sessions.get(registration.plan.account.login)?.account;
    return account?.registerRequired === true && this.#registrar.find(account) === registration;
  }
}
