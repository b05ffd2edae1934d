import { randomUUID } from 'node:crypto';
import type { SipUri } from '../engine/wire/sip-uri.ts';
import { callerOf, userOf } from './addresses.ts';
import type { CallPlan, Succession } from './call-facts.ts';
import type { Call } from './call.ts';
import type { DialogRequest } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import { parseReplaces, readReferral } from './referral.ts';
import type { SrfRequest, SrfResponse } from './srf.ts';

/** How long a peer may expect to hear of the call that it has begun. */
const EXPIRES_S = 180;
const SIPFRAG = 'message/sipfrag;version=2.0';
/** @see RFC 3261 section 21 */
const PHRASES: Readonly<Record<number, string>> = { 100: 'Trying', 180: 'Ringing', 183: 'Session Progress', 200: 'OK', 404: 'Not Found', 408: 'Request Timeout', 480: 'Temporarily Unavailable', 486: 'Busy Here', 487: 'Request Terminated', 488: 'Not Acceptable Here', 603: 'Decline' };

/** What referrals need of all calls. */
export interface ReferredCalls {
  readonly all: readonly Call[];
  find(callId: string): Call | undefined;
  /** Undefined, and refused, where there is no room for another call. */
  openFor(response: SrfResponse, plan: CallPlan): Call | undefined;
  /** What names the dialog of a call, also when the call is over. */
  dialogOf(call: Call): { readonly place: string; readonly dialogId: string } | undefined;
  /** Tells the peer something in a dialog whose call is over. */
  tellLate(call: Call, dialog: { readonly place: string; readonly dialogId: string }, request: DialogRequest): void;
  /** A call is known by the id of another from now on. */
  replace(call: Call, successor: Call): void;
}

/** Whom calls may be sent to. */
export interface ReferralRules {
  /** A REFER of the other side is obeyed. */
  readonly isObeyed: boolean;
  /** Whether a call may go on with who is at that address. */
  isAllowed(call: Call, uri: SipUri): boolean;
}

/** Calls that take the place of others, as peers wish: by REFER, and by INVITE with Replaces. @see RFC 3515, RFC 3891, RFC 5589 */
export class Referrals {
  readonly #calls: ReferredCalls;
  readonly #rules: ReferralRules;

  constructor(calls: ReferredCalls, rules: ReferralRules) {
    this.#calls = calls;
    this.#rules = rules;
  }

  /** The peer of a call sends us to somebody else. */
  onRefer(call: Call, request: SrfRequest, response: SrfResponse): void {
    if (!this.#rules.isObeyed || this.isSucceeded(call)) return response.send(603);
    const referral = readReferral(request, (uri) => this.#rules.isAllowed(call, uri));
    if (typeof referral === 'number') return response.send(referral);
    const { uri, replaces, referredBy } = referral;
    const { account } = call.plan;
    const id = call.countReferral() === 1 ? '' : `;id=${Number.parseInt(request.get('cseq') ?? '', 10)}`;
    const dialog = this.#calls.dialogOf(call);
    const successor = this.#calls.openFor(response, {
      ...inPlaceOf(call, dialog === undefined ? undefined : { event: `refer${id}`, ...dialog }),
      ...{ incoming: false, caller: account.login, callee: userOf(uri), calledUser: uri, visibleName: account.visibleName || account.login, callerAddress: request.source_address },
      headers: { ...(replaces === undefined ? {} : { Replaces: replaces, Require: 'replaces' }), ...(referredBy === undefined ? {} : { 'Referred-By': referredBy }) },
    });
    if (successor === undefined) return;
    response.send(202);
    this.#notify(successor, 100, false);
    successor.dial();
  }

  /** Somebody wants the place of the other side of a call. @param token that the INVITE came to */
  receive(token: string, request: SrfRequest, response: SrfResponse): void {
    const wanted = parseReplaces(request.get('replaces') ?? '');
    if (wanted === undefined) return response.send(400);
    const call = this.#calls.all.find(({ plan, dialog }) => plan.token === token && dialog?.sip.callId === wanted.callId && dialog.sip.localTag === wanted.localTag && dialog.sip.remoteTag === wanted.remoteTag);
    if (call === undefined) return response.send(481);
    if (wanted.earlyOnly || this.isSucceeded(call)) return response.send(486);
    const successor = this.#calls.openFor(response, { ...inPlaceOf(call, undefined), incoming: true, ...callerOf(request), callee: call.plan.account.login, calledUser: call.plan.account.login, callerAddress: call.plan.callerAddress });
    successor?.ring(request, response);
    successor?.accept();
  }

  /** Whether another call is under way to take the place of this one. */
  isSucceeded({ plan: { callId } }: Call): boolean {
    return this.#calls.all.some(({ plan }) => plan.succeeds?.callId === callId);
  }

  onStatus(call: Call): void {
    const { status, statusCode = 180 } = call.facts;
    if (status === 'RING' && !call.plan.incoming) this.#notify(call, statusCode, false);
  }

  /** A call has been answered, and takes the place that it was made for. */
  onEstablished(successor: Call): void {
    const { succeeds } = successor.plan;
    if (succeeds === undefined) return;
    const call = this.#calls.find(succeeds.callId);
    if (call === undefined) return successor.hangUp();
    this.#notify(successor, 200, true);
    this.#calls.replace(call, successor);
    call.hangUp();
  }

  onOver(call: Call, outcome: Outcome): void {
    const { succeeds, callId } = call.plan;
    for (const other of this.#calls.all) if (other.plan.succeeds?.callId === callId) other.hangUp();
    if (succeeds === undefined) return;
    this.#notify(call, outcome.statusCode ?? (outcome.cause === 'media' ? 488 : 500), true);
    this.#calls.find(succeeds.callId)?.goOn(outcome);
  }

  /** Tells the peer that has sent us how far we are. @see RFC 3515 section 2.4.5 */
  #notify(successor: Call, statusCode: number, isLast: boolean): void {
    const { succeeds } = successor.plan;
    if (succeeds?.told === undefined) return;
    const { event, ...dialog } = succeeds.told;
    const request: DialogRequest = {
      method: 'NOTIFY',
      headers: { Event: event, 'Subscription-State': isLast ? 'terminated;reason=noresource' : `active;expires=${EXPIRES_S}`, 'Content-Type': SIPFRAG },
      body: `SIP/2.0 ${statusCode} ${PHRASES[statusCode] ?? 'Failed'}\r\n`,
    };
    const call = this.#calls.find(succeeds.callId);
    // The subscription outlives the call that it was made in. @see RFC 3515 section 2.4.7
    if (call?.dialog === undefined) this.#calls.tellLate(successor, dialog, request);
    else call.tell(request);
  }
}

/** What a call has of the one whose place it is to take: its account, its stream, and the codecs that its client has. */
function inPlaceOf({ plan: { account, token, streamName, hasAudio, callId }, facts: { hasVideo }, codecs }: Call, told: Succession['told']): Pick<CallPlan, 'callId' | 'account' | 'token' | 'streamName' | 'hasAudio' | 'hasVideo' | 'codecs' | 'clientId' | 'succeeds'> {
  return { callId: randomUUID(), account, token, streamName, hasAudio, hasVideo, codecs, clientId: undefined, succeeds: { callId, told } };
}
