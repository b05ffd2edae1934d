import { messageOf, type PluginSession, type TelephoneAccount } from 'wcs-core';
import type { Target, Transport } from '../engine/session/target.ts';
import type { AgentPlace, Agents } from './agents.ts';
import { addressesOf, contactHeader, requestHeaders } from './addresses.ts';
import { credentialsOf, withCredentials, type Attempt } from './authenticated.ts';
import { exchange } from './exchange.ts';
import type { KeptAccount } from './flow-keeper.ts';
import { grantedS, refreshAfterMs, retryAfterMs } from './registration-times.ts';
import type { SrfHeaders, SrfRequestOptions, SrfResponse } from './srf.ts';

/** How often a registrar may ask for a longer time, one after the other. */
const TOO_BRIEF_MAX = 2;
const EXPIRES_MAX_S = 86_400;
/** More than are made for one refresh, challenges and all. */
const REQUESTS_MAX = 20;

/** What a registration is for; plain data. */
export interface RegistrationPlan {
  readonly account: TelephoneAccount;
  /** User part of the Contact, which nobody guesses: what is called there is for this account. */
  readonly token: string;
  /** IP address of whoever asked for it. */
  readonly callerAddress: string | undefined;
}

/** What every registration is given. */
export interface RegistrationServices {
  readonly agents: () => Agents;
  readonly expiresS: number;
  readonly nowMs: () => number;
  /** URN that the registrar knows an account by. */
  instanceOf(account: TelephoneAccount): string;
  onState(registration: Registration): void;
  onFailure(registration: Registration, statusCode: number): void;
  onClosed(registration: Registration): void;
}

/** Plain data of a `Registration`. */
export interface RegistrationState {
  readonly plan: RegistrationPlan;
  readonly call: { readonly id: string; readonly from: string; readonly seq: number } | undefined;
  readonly registered: boolean;
  readonly flow: Target | undefined;
  /** Name of the place that its requests went out by. */
  readonly place: string | undefined;
  readonly dueInMs: number;
  readonly failures: number;
  readonly expiresS: number;
}

/** One account at its registrar: registered, refreshed, tried again, and taken out. @see RFC 3261 section 10 */
export class Registration implements KeptAccount {
  readonly session: PluginSession;
  readonly plan: RegistrationPlan;
  readonly #services: RegistrationServices;
  /** Call-ID, From and number of the last request: refreshes go on from there. */
  #call: RegistrationState['call'];
  #registered = false;
  #flow: Target | undefined;
  #place: string | undefined;
  #failure: string | undefined;
  #dueAtMs = 0;
  #failures = 0;
  #expiresS: number;
  #busy = false;

  constructor(services: RegistrationServices, session: PluginSession, plan: RegistrationPlan, state?: RegistrationState) {
    this.session = session;
    this.plan = plan;
    this.#services = services;
    this.#expiresS = state?.expiresS ?? services.expiresS;
    session.scope.add('registration', () => services.onClosed(this));
    session.onGoodbye = () => this.#takeOut();
    if (state !== undefined) {
      this.#call = state.call;
      [this.#registered, this.#flow, this.#place] = [state.registered, state.flow, state.place];
      this.#failures = state.failures;
      this.#dueAtMs = services.nowMs() + state.dueInMs;
    }
    this.#describe();
  }

  get registered(): boolean {
    return this.#registered;
  }

  get flow(): Target | undefined {
    return this.#registered ? this.#flow : undefined;
  }

  /** Requests would go another way than it has registered by. */
  get isElsewhere(): boolean {
    return this.#registered && this.#agent.name !== this.#place;
  }

  renew(delayMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#services.nowMs() + delayMs);
  }

  async probe(): Promise<boolean> {
    try {
      const { response } = await this.#exchange(this.#agent, { method: 'OPTIONS', headers: this.#headers });
      return response.status !== 408 && response.status !== 503;
    } catch {
      return false;
    }
  }

  /** Why it is not registered, in words for people. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** What is under way is asked anew, since its answer would find nobody. */
  exportState(): RegistrationState {
    const call = this.#busy && this.#call !== undefined ? { ...this.#call, seq: this.#call.seq + REQUESTS_MAX } : this.#call;
    const dueInMs = this.#busy ? 0 : this.#dueAtMs - this.#services.nowMs();
    return { plan: this.plan, call, registered: this.#registered, flow: this.#flow, place: this.#place, dueInMs, failures: this.#failures, expiresS: this.#expiresS };
  }

  /** To be called about every second, and at the beginning. */
  tick(nowMs: number): void {
    if (this.#busy || nowMs < this.#dueAtMs) return;
    this.#busy = true;
    const refreshed = async (): Promise<void> => {
      try {
        await this.#refresh(TOO_BRIEF_MAX);
      } catch (error) {
        this.#fail(0, messageOf(error));
      } finally {
        this.#busy = false;
      }
    };
    this.session.background(refreshed());
  }

  async #refresh(briefLeft: number): Promise<void> {
    const [agent, before] = [this.#agent, this.#here];
    const { response } = await this.#request(this.#expiresS, agent);
    if (this.session.closed) {
      // Nobody wants it any more, and nobody waits for the answer.
      if (response.status < 300) this.#request(0, agent).catch(() => undefined);
      return;
    }
    const { status } = response;
    if (status === 423 && briefLeft > 0) {
      const asked = Number(response.get('min-expires') ?? '0');
      this.#expiresS = Math.min(EXPIRES_MAX_S, Math.max(this.#expiresS, Number.isInteger(asked) ? asked : 0));
      await this.#refresh(briefLeft - 1);
      return;
    }
    if (status >= 300) {
      this.#fail(status, `${status} ${response.reason}`);
      return;
    }
    const granted = grantedS(response.get('contact') ?? '', response.get('expires'), this.plan.token, this.#expiresS);
    this.#dueAtMs = this.#services.nowMs() + refreshAfterMs(granted, Math.random());
    this.#failures = 0;
    this.#failure = undefined;
    [this.#flow, this.#place] = [sourceOf(response), agent.name];
    const isNew = !this.#registered;
    this.#registered = true;
    this.#describe();
    if (isNew) this.#services.onState(this);
    else if (before !== undefined && before.name !== agent.name) await this.#leave(before);
  }

  /** Calls come by another way from now on: the one that they came by is given up, where that still can be said. */
  async #leave(before: AgentPlace): Promise<void> {
    if (!before.connected) return;
    try {
      await this.#request(0, before);
    } catch (error) {
      this.session.log.debug('A telephone account could not be taken out', { place: before.name, reason: messageOf(error) });
    }
  }

  async #request(expiresS: number, agent: AgentPlace): Promise<Attempt> {
    const { account, token } = this.plan;
    const call = this.#call;
    const headers: SrfHeaders = {
      ...this.#headers,
      ...contactHeader(token, this.#services.instanceOf(account)),
      Expires: String(expiresS),
      ...(call === undefined ? {} : { from: call.from, 'call-id': call.id, CSeq: `${call.seq + 1} REGISTER` }),
    };
    const made = await withCredentials('REGISTER', credentialsOf(account), (added) => this.#exchange(agent, { method: 'REGISTER', headers: { ...headers, ...added } }));
    const { request } = made;
    this.#call = { id: request.get('call-id') ?? '', from: request.get('from') ?? '', seq: Number.parseInt(request.get('cseq') ?? '1', 10) };
    return made;
  }

  get #headers(): SrfHeaders {
    const { account, callerAddress } = this.plan;
    return requestHeaders(account, addressesOf(account).own, '', callerAddress);
  }

  /** Where it is registered, if it is. */
  get #here(): AgentPlace | undefined {
    return this.#registered && this.#place !== undefined ? this.#services.agents().named(this.#place) : undefined;
  }

  get #agent(): AgentPlace {
    return this.#services.agents().of(addressesOf(this.plan.account).own);
  }

  /** A request to the registrar. */
  #exchange({ srf }: AgentPlace, options: SrfRequestOptions): Promise<Attempt> {
    const { registrar, proxy } = addressesOf(this.plan.account);
    return exchange(srf, registrar, { ...options, ...(proxy === undefined ? {} : { proxy }) });
  }

  #fail(statusCode: number, reason: string): void {
    if (this.session.closed) return;
    this.#failures += 1;
    this.#registered = false;
    this.#failure = reason;
    this.#dueAtMs = this.#services.nowMs() + retryAfterMs(this.#failures, Math.random());
    this.session.log.info('A telephone account could not be registered', { account: this.plan.account.login, domain: this.plan.account.domain, reason, attempt: this.#failures });
    this.#describe();
    this.#services.onFailure(this, statusCode);
    this.#services.onState(this);
  }

  /** Says that nobody is here any more; nobody waits for the answer. */
  #takeOut(): void {
    if (!this.#registered) return;
    const here = this.#here ?? this.#agent;
    this.#registered = false;
    this.#request(0, here).catch(() => undefined);
  }

  #describe(): void {
    const { login, domain } = this.plan.account;
    this.session.entry.update({ role: 'control', state: this.#registered ? 'REGISTERED' : this.#failure === undefined ? 'PENDING' : 'FAILED', user: login, info: { what: 'telephone account', domain, ...(this.#failure === undefined ? {} : { reason: this.#failure }) } });
  }
}

function sourceOf({ protocol, source_address: address, source_port: port }: SrfResponse): Target {
  return { transport: protocol as Transport, address, port: Number(port) };
}
