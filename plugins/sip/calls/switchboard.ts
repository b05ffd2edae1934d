import { randomUUID } from 'node:crypto';
import { messageOf, parseStreamName, WcsError, type PluginContext, type PluginSession, type Stream, type TelephoneAccount } from 'wcs-core';
import type { SipStack } from '../engine/sip-stack.ts';
import { parseSipUri, type SipUri } from '../engine/wire/sip-uri.ts';
import { Agents } from './agents.ts';
import { addressesOf, calleeUri } from './addresses.ts';
import type { Call } from './call.ts';
import type { CallPlan, CallState } from './call-facts.ts';
import { PhoneClients, type PhoneClientsState } from './phone-clients.ts';
import type { CallMediaPort } from './call-media.ts';
import { Calls, type PlacedDialog } from './calls.ts';
import { openServerId } from './instance-id.ts';
import { newToken, Registrar } from './registrar.ts';
import type { Registration, RegistrationState } from './registration.ts';
import { RestSessions, type RestSession } from './rest-sessions.ts';
import type { SrfHandler, SrfRequest, SrfResponse } from './srf.ts';
import type { CallSettings } from './settings.ts';

/** How long a call waits for its account to be registered. */
const REGISTER_WAIT_MS = 40_000;

/** An operator's wish for a call. @see WCS REST section 10 */
export interface StartupWish {
  readonly callId?: string | undefined;
  readonly callee: string;
  readonly toStream?: string | undefined;
  readonly rtmpUrl?: string | undefined;
  readonly rtmpStream?: string | undefined;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly visibleName: string;
}

/** A session of the call logic as plain data. */
export type BoardSession = { readonly type: 'call'; readonly state: CallState } | { readonly type: 'registration'; readonly state: RegistrationState };

/** What belongs to no session; plain data. */
export interface BoardShared {
  readonly dialogs: readonly PlacedDialog[];
  readonly clients: PhoneClientsState;
  readonly sessions: readonly RestSession[];
}

/** All telephony of this version of the plugin: accounts and calls, whoever asks for them. */
export class Switchboard {
  readonly calls: Calls;
  readonly registrar: Registrar;
  readonly clients: PhoneClients;
  readonly sessions: RestSessions;
  readonly #ctx: PluginContext;
  readonly #stack: Pick<SipStack, 'isOwnPlace'>;
  readonly #pushes = new Map<Call, { readonly rtmpUrl: string; begun: boolean }>();
  readonly #registering = new Set<(registration: Registration) => void>();
  #agents = new Agents([]);

  constructor(ctx: PluginContext, settings: CallSettings, media: CallMediaPort, nowMs: () => number, stack: Pick<SipStack, 'ownPlace' | 'isOwnPlace' | 'canPing' | 'ping'>) {
    const agents = (): Agents => this.#agents;
    const { keepAlive, keepAliveS, expiresS, max } = settings.registration;
    this.#ctx = ctx;
    this.#stack = stack;
    this.registrar = new Registrar(ctx, {
      ...{ agents, nowMs, serverId: openServerId(ctx.stateFolder()), expiresS, maxRegistrations: max },
      keepAlive: { method: keepAlive === 'crlf' && !stack.canPing ? 'options' : keepAlive, intervalMs: keepAliveS * 1000, ping: (flow) => stack.ping(flow) },
      onState: (registration) => this.#onRegistration(registration),
    });
    this.calls = new Calls(ctx, {
      agents,
      media,
      nowMs,
      rtpTimeoutMs: settings.rtpTimeoutMs,
      maxCalls: settings.maxCalls,
      referrals: { isObeyed: settings.acceptTransfers, isAllowed: (call, uri) => this.#mayGoTo(call, uri) },
      events: {
        onStatus: (call) => this.clients.onStatus(call),
        onMedia: (call) => {
          this.#push(call);
          this.clients.onMedia(call);
        },
        onText: (call, request) => this.clients.onText(call, request),
        onTransfer: (call, target, status) => this.clients.onTransfer(call, target, status),
        onPlayEnded: (call) => this.clients.onPlayEnded(call),
        onReplaced: (call, successor) => {
          const push = this.#pushes.get(call);
          this.#pushes.delete(call);
          if (push !== undefined) this.#pushes.set(successor, push);
        },
        onOver: (call) => {
          this.#pushes.delete(call);
          this.clients.onOver(call);
        },
      },
    });
    this.clients = new PhoneClients({ ctx, agents, calls: this.calls, registrar: this.registrar, localPlace: settings.localCalls ? () => stack.ownPlace ?? '' : undefined, release: (registration) => this.#release(registration) });
    this.sessions = new RestSessions(this.calls, this.registrar, (registration) => this.#release(registration));
  }

  /** What comes from outside of dialogs, by method. */
  get handlers(): Readonly<Record<string, SrfHandler>> {
    return {
      options: (_request, response) => response.send(200, { headers: { Accept: 'application/sdp, text/plain' } }),
      invite: (request, response) => this.#onInvite(request, response),
      message: (request, response) => this.#onMessage(request, response),
      // Nobody is sent anywhere but from within a call, and nothing is told that was not asked for.
      refer: (_request, response) => response.send(603),
      notify: (_request, response) => response.send(489),
      subscribe: (_request, response) => response.send(489),
    };
  }

  connected(agents: Agents): void {
    this.#agents = agents;
  }

  start(): void {
    this.registrar.start();
    this.calls.start();
  }

  /** Begins a call; what becomes of it is found by its id. @throws WcsError OPERATION_E_CONFLICT, OPERATION_E_INPUT, MEDIA_E_NAME_IN_USE, or why the account can't be registered */
  async startup(wish: StartupWish, account: TelephoneAccount, callerAddress: string | undefined): Promise<Call> {
    calleeUri(wish.callee, addressesOf(account));
    const callId = wish.callId ?? randomUUID();
    const streamName = wish.toStream === undefined ? (wish.rtmpStream ?? `call-${randomUUID()}`) : parseStreamName(wish.toStream);
    if (this.calls.find(callId) !== undefined) throw new WcsError('OPERATION_E_CONFLICT', 'A call with this id exists already.');
    if (this.#ctx.media.find(streamName)?.state === 'live') throw new WcsError('MEDIA_E_NAME_IN_USE', 'Stream name is already in use');
    if (wish.rtmpUrl !== undefined && [...this.#pushes.values()].some(({ rtmpUrl }) => rtmpUrl === wish.rtmpUrl)) throw new WcsError('OPERATION_E_CONFLICT', 'A call to this rtmpUrl exists already.');
    const registration = account.registerRequired ? await this.#registered(account, callerAddress) : undefined;
    const { callee, hasAudio, hasVideo, visibleName, rtmpUrl } = wish;
    const plan: CallPlan = { callId, incoming: false, account, caller: account.login, callee, calledUser: callee, visibleName, hasAudio, hasVideo, clientId: undefined, token: registration?.plan.token ?? newToken(), callerAddress, codecs: undefined, streamName };
    const call = this.calls.open(plan);
    if (rtmpUrl !== undefined) this.#pushes.set(call, { rtmpUrl, begun: false });
    call.dial();
    return call;
  }

  rtmpUrlOf(call: Call): string | undefined {
    return this.#pushes.get(call)?.rtmpUrl;
  }

  /** Lets the other side have a stream. @throws WcsError MEDIA_E_NOT_FOUND, MEDIA_E_NO_COMMON_CODEC */
  async inject(call: Call, name: string, caller: string | undefined, signal: AbortSignal): Promise<void> {
    const stream: Stream = await this.#ctx.media.resolve(name, { params: {}, caller, signal: AbortSignal.any([signal, call.session.scope.signal]), personal: true });
    if (!call.over) call.play(stream);
  }

  /** The other side hears the client again, or nothing. */
  endInjection(call: Call): void {
    call.play(this.clients.streamOf(call));
  }

  /** What belongs to no session, and is known before the first of them. */
  exportShared(): BoardShared {
    return { dialogs: this.calls.exportDialogs(), clients: this.clients.exportState(), sessions: this.sessions.all };
  }

  importShared({ dialogs, clients, sessions }: BoardShared): void {
    this.sessions.importState(sessions);
    this.calls.importDialogs(dialogs);
    this.clients.importState(clients);
  }

  exportSession(session: PluginSession): BoardSession | undefined {
    const call = this.calls.exportSession(session);
    if (call !== undefined) return { type: 'call', state: call };
    const registration = this.registrar.exportSession(session);
    return registration === undefined ? undefined : { type: 'registration', state: registration };
  }

  importSession(session: PluginSession, data: BoardSession): void {
    if (data.type === 'call') this.calls.importSession(session, data.state);
    else this.registrar.importSession(session, data.state);
  }

  /** Only who knows the Contact of an account is heard: it stands in nobody's directory. */
  #onInvite(request: SrfRequest, response: SrfResponse): void {
    const token = parseSipUri(request.uri)?.user ?? '';
    const account = this.#accountOf(token);
    if (account === undefined) response.send(404);
    else if (request.has('replaces')) this.calls.referrals.receive(token, request, response);
    else this.clients.receive(account, token, request, response);
  }

  #onMessage(request: SrfRequest, response: SrfResponse): void {
    const token = parseSipUri(request.uri)?.user ?? '';
    const account = this.#accountOf(token);
    if (account === undefined) response.send(404);
    else response.send(this.clients.receiveText(account, token, request) ? 200 : 480);
  }

  #accountOf(token: string): TelephoneAccount | undefined {
    return this.registrar.byToken(token)?.plan.account ?? this.clients.localAccount(token);
  }

  /** A call goes on with anybody but ourselves; clients without an exchange are all at our own place. */
  #mayGoTo({ plan: { account } }: Call, { user, host, port }: SipUri): boolean {
    if (this.#stack.isOwnPlace(host, port)) return ![undefined, account.login].includes(this.clients.localAccount(user ?? '')?.login);
    const own = parseSipUri(addressesOf(account).own);
    return own?.user !== user || own?.host !== host || own.port !== port;
  }

  /** The stream of a call goes to an RTMP server as soon as there is one. */
  #push(call: Call): void {
    const push = this.#pushes.get(call);
    if (push === undefined || push.begun) return;
    push.begun = true;
    const pushed = async (): Promise<void> => {
      try {
        const { signal } = call.session.scope;
        await this.#ctx.operations.call('push.startup', { streamName: call.plan.streamName, rtmpUrl: push.rtmpUrl }, { caller: { kind: 'kernel', user: 'sip', role: 'admin', ...(call.plan.callerAddress === undefined ? {} : { address: call.plan.callerAddress }) }, signal });
      } catch (error) {
        call.session.log.warn('The stream of a call could not be pushed', { stream: call.plan.streamName, reason: messageOf(error) });
      }
    };
    call.session.background(pushed());
  }

  #registered(account: TelephoneAccount, callerAddress: string | undefined): Promise<Registration> {
    const registration = this.registrar.register(account, callerAddress);
    if (registration.registered) return Promise.resolve(registration);
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        registration.session.close(reason);
        reject(new WcsError('NET_E_PEER_REFUSED', `The telephone account could not be registered: ${reason}`));
      };
      const cancel = this.#ctx.timers.after(REGISTER_WAIT_MS, () => {
        this.#registering.delete(look);
        fail('no answer');
      });
      const look = (changed: Registration): void => {
        if (changed !== registration) return;
        this.#registering.delete(look);
        cancel();
        if (changed.registered) resolve(changed);
        else fail(changed.failure ?? 'no answer');
      };
      this.#registering.add(look);
    });
  }

  #onRegistration(registration: Registration): void {
    for (const look of [...this.#registering]) look(registration);
    this.clients.onRegistration(registration);
  }

  #release(registration: Registration): void {
    if (!this.clients.wants(registration) && !this.sessions.wants(registration)) registration.session.close('Nobody is here any more');
  }
}
