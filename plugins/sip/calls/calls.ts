import { messageOf, WcsError, type CallFacts, type Counter, type PluginContext, type PluginSession, type Rounds } from 'wcs-core';
import type { Agents } from './agents.ts';
import { credentialsOf, withCredentials } from './authenticated.ts';
import type { CallMediaPort } from './call-media.ts';
import { Call } from './call.ts';
import type { CallPlan, CallServices, CallState } from './call-facts.ts';
import { exportDialog, importDialog, type SrfDialogState } from './dialog-state.ts';
import { within, type DialogRequest } from './exchange.ts';
import { Referrals, type ReferralRules, type ReferredCalls } from './referrals.ts';
import type { SrfResponse } from './srf.ts';

/** How often calls are looked after; packets behind a hole that no other follows wait no longer than that beyond their time. */
const TICK_MS = 100;

/** A dialog as plain data, and the name of the place that it is at. */
export interface PlacedDialog {
  readonly place: string;
  readonly state: SrfDialogState;
}

/** What calls are made with. */
export interface CallsOptions {
  readonly agents: () => Agents;
  readonly media: CallMediaPort;
  readonly nowMs: () => number;
  readonly rtpTimeoutMs: number;
  readonly maxCalls: number;
  readonly referrals: ReferralRules;
  /** Those of a client are told to it. */
  readonly events: Pick<CallServices, 'onStatus' | 'onMedia' | 'onText' | 'onTransfer' | 'onPlayEnded'> & {
    /** Another call has its place, under its id. */
    onReplaced(call: Call, successor: Call): void;
    onOver(call: Call): void;
  };
}

/** All calls of this version of the plugin, by the ids that clients have chosen. */
export class Calls implements ReferredCalls {
  readonly referrals: Referrals;
  readonly #ctx: PluginContext;
  readonly #options: CallsOptions;
  readonly #services: CallServices;
  readonly #calls = new Map<string, Call>();
  #rounds: Rounds | undefined;
  readonly #ended: Counter;

  constructor(ctx: PluginContext, options: CallsOptions) {
    const { agents, media, nowMs, rtpTimeoutMs, events } = options;
    this.#ctx = ctx;
    this.#options = options;
    this.referrals = new Referrals(this, options.referrals);
    this.#ended = ctx.metrics.counter({ name: 'sip_calls_ended', group: 'sip_stats', help: 'Calls that have ended, by cause.', labelNames: ['cause'] });
    const keys = ctx.metrics.counter({ name: 'sip_keys_received', group: 'sip_stats', help: 'Keys that other sides of calls have pressed.' });
    this.#services = {
      ...{ ctx, agents, media, nowMs, rtpTimeoutMs },
      onStatus: (call) => {
        this.referrals.onStatus(call);
        if (this.#isKnown(call)) events.onStatus(call);
      },
      onMedia: (call) => events.onMedia(call),
      onKey: () => keys.inc(),
      onText: (call, request) => events.onText(call, request),
      onTransfer: (call, target, status) => events.onTransfer(call, target, status),
      onRefer: (call, request, response) => this.referrals.onRefer(call, request, response),
      onEstablished: (call) => this.referrals.onEstablished(call),
      isSucceeded: (call) => this.referrals.isSucceeded(call),
      onPlayEnded: (call) => events.onPlayEnded(call),
      onOver: (call, outcome) => {
        const { cause, statusCode } = outcome;
        this.#ended.inc(1, { cause });
        call.session.log.info('A call has ended', { callId: call.plan.callId, callee: call.plan.callee, cause, statusCode });
        if (!this.#isKnown(call)) return;
        this.#calls.delete(call.plan.callId);
        this.referrals.onOver(call, outcome);
        events.onOver(call);
      },
    };
  }

  start(): void {
    this.#rounds = this.#ctx.timers.rounds(() => {
      const nowMs = this.#options.nowMs();
      for (const call of [...this.#calls.values()]) call.tick(nowMs);
      return this.#calls.size === 0 ? undefined : TICK_MS;
    });
    if (this.#calls.size > 0) this.#rounds.begin();
  }

  get all(): readonly Call[] {
    return [...this.#calls.values()];
  }

  find(callId: string): Call | undefined {
    return this.#calls.get(callId);
  }

  /** The call of that id. @throws WcsError SESSION_E_NOT_FOUND */
  get(callId: string): Call {
    const call = this.#calls.get(callId);
    if (call === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'Call not found');
    return call;
  }

  /** Those that match every fact given. */
  matching(wanted: Partial<Pick<CallFacts, 'callId' | 'callee' | 'status'>>): readonly Call[] {
    return this.all.filter(({ facts }) => (wanted.callId ?? facts.callId) === facts.callId && (wanted.callee ?? facts.callee) === facts.callee && (wanted.status ?? facts.status) === facts.status);
  }

  /** Makes a call that nothing has happened to yet. @throws WcsError OPERATION_E_CONFLICT, PROTOCOL_E_LIMIT */
  open(plan: CallPlan): Call {
    const { maxCalls } = this.#options;
    if (this.#calls.has(plan.callId)) throw new WcsError('OPERATION_E_CONFLICT', 'A call with this id exists already.');
    if (this.#calls.size >= maxCalls) throw new WcsError('PROTOCOL_E_LIMIT', `${maxCalls} calls are going on; raise plugins.sip.maxCalls.`);
    const session = this.#ctx.sessions.open({ protocol: 'sip', kind: plan.clientId === undefined ? 'internal' : 'client' });
    const call = new Call(this.#services, session, plan);
    this.#calls.set(plan.callId, call);
    this.#rounds?.begin();
    return call;
  }

  openFor(response: SrfResponse, plan: CallPlan): Call | undefined {
    try {
      return this.open(plan);
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      response.send(error.code === 'OPERATION_E_CONFLICT' ? 482 : 503);
      return undefined;
    }
  }

  dialogOf({ dialog }: Call): { readonly place: string; readonly dialogId: string } | undefined {
    return dialog === undefined ? undefined : { place: this.#options.agents().nameOf(dialog), dialogId: dialog.id };
  }

  tellLate({ plan: { account }, session }: Call, { place, dialogId }: { readonly place: string; readonly dialogId: string }, request: DialogRequest): void {
    const srf = this.#options.agents().named(place)?.srf;
    if (srf === undefined) return;
    const told = withCredentials(request.method, credentialsOf(account), (added) => within({ srf, id: dialogId }, { ...request, headers: { ...request.headers, ...added } }));
    this.#ctx.background(told.then(() => undefined, (error: unknown) => session.log.debug('Nobody hears how a call goes on', { reason: messageOf(error) })));
  }

  replace(call: Call, successor: Call): void {
    this.#calls.delete(successor.plan.callId);
    successor.succeed(call);
    this.#calls.set(successor.plan.callId, successor);
    this.#options.events.onReplaced(call, successor);
  }

  /** All dialogs, to be known before the first of their requests comes to the next version. */
  exportDialogs(): readonly PlacedDialog[] {
    const agents = this.#options.agents();
    return this.all.flatMap(({ dialog }) => {
      const state = dialog === undefined ? undefined : exportDialog(dialog);
      return dialog === undefined || state === undefined ? [] : [{ place: agents.nameOf(dialog), state }];
    });
  }

  /** Those of a place that is not there any more are over. */
  importDialogs(dialogs: readonly PlacedDialog[]): void {
    for (const { place, state } of dialogs) {
      const agent = this.#options.agents().named(place);
      if (agent !== undefined) importDialog(agent.srf, state);
    }
  }

  exportSession(session: PluginSession): CallState | undefined {
    return this.all.find((call) => call.session === session)?.exportState();
  }

  importSession(session: PluginSession, state: CallState): void {
    const call = Call.restore(this.#services, session, state);
    this.#calls.set(state.plan.callId, call);
    this.#rounds?.begin();
  }

  /** False for a call whose place another has taken. */
  #isKnown(call: Call): boolean {
    return this.#calls.get(call.plan.callId) === call;
  }
}
