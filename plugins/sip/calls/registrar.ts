import { randomBytes } from 'node:crypto';
import { WcsError, type Counter, type PluginContext, type PluginSession, type Rounds, type TelephoneAccount } from 'wcs-core';
import type { Target } from '../engine/session/target.ts';
import { addressesOf } from './addresses.ts';
import type { Agents } from './agents.ts';
import { FlowKeeper, type FlowKeeperOptions } from './flow-keeper.ts';
import { instanceOf } from './instance-id.ts';
import { Registration, type RegistrationServices, type RegistrationState } from './registration.ts';

const TICK_MS = 500;
const TOKEN_BYTES = 12;

/** What registrations are made with. */
export interface RegistrarOptions {
  readonly agents: () => Agents;
  readonly expiresS: number;
  readonly maxRegistrations: number;
  readonly nowMs: () => number;
  /** Of this server. */
  readonly serverId: string;
  readonly keepAlive: Pick<FlowKeeperOptions, 'method' | 'intervalMs' | 'ping'>;
  /** An account is registered now, or isn't any more. */
  onState(registration: Registration): void;
}

/** All accounts that are registered somewhere: one registration for each, however many want it. */
export class Registrar {
  readonly #ctx: PluginContext;
  readonly #options: RegistrarOptions;
  readonly #services: RegistrationServices;
  readonly #byToken = new Map<string, Registration>();
  readonly #byKey = new Map<string, Registration>();
  readonly #failures: Counter;
  readonly #flows: FlowKeeper;
  #rounds: Rounds | undefined;

  constructor(ctx: PluginContext, options: RegistrarOptions) {
    this.#ctx = ctx;
    this.#options = options;
    this.#failures = ctx.metrics.counter({ name: 'sip_registration_failures', group: 'sip_stats', help: 'Refused or unanswered registrations, by status; 0 without an answer.', labelNames: ['status'] });
    this.#services = {
      agents: options.agents,
      expiresS: options.expiresS,
      nowMs: options.nowMs,
      instanceOf: (account) => instanceOf(options.serverId, account),
      onState: (registration) => options.onState(registration),
      onFailure: (_registration, status) => this.#failures.inc(1, { status: String(status) }),
      onClosed: (registration) => this.#forget(registration),
    };
    this.#flows = new FlowKeeper({ ...options.keepAlive, accounts: () => this.#byToken.values(), background: (work) => ctx.background(work) });
  }

  start(): void {
    this.#rounds = this.#ctx.timers.rounds(() => {
      const nowMs = this.#options.nowMs();
      for (const registration of [...this.#byToken.values()]) registration.tick(nowMs);
      this.#flows.tick(nowMs);
      return this.#byToken.size === 0 ? undefined : TICK_MS;
    });
    if (this.#byToken.size > 0) this.#rounds.begin();
  }

  /** A connection has gone. */
  onFlowLost(flow: Target): void {
    this.#flows.onLost(flow);
  }

  /** Requests get through elsewhere now. */
  onPlacesChanged(): void {
    this.#flows.renew([...this.#byToken.values()].filter((account) => account.isElsewhere || !account.registered));
  }

  get size(): number {
    return this.#byToken.size;
  }

  get registered(): number {
    return [...this.#byToken.values()].filter(({ registered }) => registered).length;
  }

  /** The registration that a Contact of ours belongs to. */
  byToken(token: string): Registration | undefined {
    return this.#byToken.get(token);
  }

  /** The registration of that account, with the same password; undefined when there is none. */
  find(account: TelephoneAccount): Registration | undefined {
    return this.#byKey.get(keyOf(account));
  }

  /**
   * Registers an account, unless it is already.
   *
   * @throws WcsError OPERATION_E_INPUT for an account that makes no sense, PROTOCOL_E_LIMIT
   */
  register(account: TelephoneAccount, callerAddress: string | undefined): Registration {
    addressesOf(account);
    const known = this.find(account);
    if (known !== undefined) return known;
    const { maxRegistrations, nowMs } = this.#options;
    if (this.#byToken.size >= maxRegistrations) throw new WcsError('PROTOCOL_E_LIMIT', `${maxRegistrations} telephone accounts are registered; raise plugins.sip.registration.max.`);
    const token = newToken();
    const session = this.#ctx.sessions.open({ protocol: 'sip', kind: 'internal' });
    const registration = this.#keep(new Registration(this.#services, session, { account, token, callerAddress }));
    registration.tick(nowMs());
    return registration;
  }

  exportSession(session: PluginSession): RegistrationState | undefined {
    return [...this.#byToken.values()].find((one) => one.session === session)?.exportState();
  }

  owns(session: PluginSession): boolean {
    return [...this.#byToken.values()].some((one) => one.session === session);
  }

  importSession(session: PluginSession, state: RegistrationState): void {
    this.#keep(new Registration(this.#services, session, state.plan, state));
  }

  #keep(registration: Registration): Registration {
    const { token, account } = registration.plan;
    this.#byToken.set(token, registration);
    this.#rounds?.begin();
    this.#byKey.set(keyOf(account), registration);
    return registration;
  }

  #forget(registration: Registration): void {
    const { token, account } = registration.plan;
    this.#byToken.delete(token);
    if (this.#byKey.get(keyOf(account)) === registration) this.#byKey.delete(keyOf(account));
  }
}

/** The user part of a Contact, which nobody guesses. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

function keyOf(account: TelephoneAccount): string {
  const { login, authenticationName, password, domain, outboundProxy, port } = account;
  return JSON.stringify([login, authenticationName, password, domain, outboundProxy, port]);
}
