import { ProtocolError } from 'wcs-core';
import { parseCSeq, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { addApplicationHeaders, ALLOWED_METHODS, contentTypeOf, needsContact, responseTo, SUPPORTED, type AgentCore } from './agent-core.ts';
import type { SendCommand, SendOutcome } from './application.ts';
import { isInOrder } from './dialog-table.ts';
import { dialogOfRequest, tagOf, type Dialog } from './dialog.ts';
import { Incoming, type IncomingState } from './incoming.ts';
import { nameUs } from './new-request.ts';
import { refusalOf, type Refusal } from './refusal.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { SessionKeeper } from './session-keeper.ts';
import type { Target } from './target.ts';
import { giveUpMs } from './timing.ts';

/** Longest random wait that a Retry-After asks for, in seconds. @see RFC 3261 section 14.2 */
const RETRY_AFTER_MAX_S = 10;
/** The application's own To carries the tag that it chose. */
const APPLICATION_KEEPS: ReadonlySet<string> = new Set(['record-route']);

/** What the answering side asks of the calling side. */
export interface UasFriends {
  readonly keeper: SessionKeeper;
  hasOpenInvite(dialog: Dialog): boolean;
  /** The dialog that a NOTIFY makes when it overtakes the answer to its SUBSCRIBE. @see RFC 6665 section 4.1.2.4 */
  dialogOfNotify(request: SipRequest): Dialog | undefined;
  /** Ends a call whose answer nobody acknowledged. */
  giveUp(dialog: Dialog, reason: string): void;
}

/** Requests of others. @see RFC 3261 sections 8.2, 9.2, 12.2.2 and 13.3 */
export class Uas {
  readonly #core: AgentCore;
  readonly #friends: UasFriends;
  /** By transaction id. */
  readonly #incoming = new Map<string, Incoming>();
  /** Call-ID, From tag and CSeq of requests outside of dialogs: the same by another way is a merged one. @see RFC 3261 section 8.2.2.2 */
  readonly #merged = new Map<string, string>();

  constructor(core: AgentCore, friends: UasFriends) {
    this.#core = core;
    this.#friends = friends;
  }

  get size(): number {
    return this.#incoming.size;
  }

  /** A request whose headers have been checked. */
  receive(request: SipRequest, source: Target): void {
    if (request.method === 'ACK') return this.#receiveAck(request, source);
    const known = this.#core.transactions.serverOf(request);
    if (known !== undefined) return known.receiveAgain();
    if (request.method === 'CANCEL') return this.#receiveCancel(request, source);
    const hasTag = tagOf(request.headers.get('To')) !== '';
    const dialog = hasTag ? (this.#core.dialogs.ofRequest(request) ?? this.#friends.dialogOfNotify(request)) : undefined;
    const refusal = this.#refusal(request, dialog, hasTag);
    const incoming = this.#open(request, source, dialog);
    if (refusal !== undefined) return this.#refuse(incoming, refusal);
    if (dialog === undefined) this.#receiveNew(incoming, source);
    else this.#receiveInDialog(incoming, dialog, source);
  }

  /** Sends a response for the application, and says what went out. */
  respond({ message, transactionId }: SendCommand & { readonly message: SipResponse }): SendOutcome {
    const incoming = this.#incoming.get(transactionId);
    if (incoming === undefined || incoming.transaction.answered) return { ok: false, reason: 'unable to find the transaction to answer' };
    const response = this.#complete(incoming, message);
    if (contentTypeOf(response) === undefined) return { ok: false, reason: 'A body without a Content-Type' };
    try {
      this.#send(incoming, response);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { ok: false, reason: error.message };
    }
    return { ok: true, sent: { message: response, peer: incoming.transaction.source, transactionId, dialogId: incoming.dialogId } };
  }

  /** 2xx that wait for their ACK are sent again, on every transport. @see RFC 3261 section 13.3.1.4 */
  repeatAnswer(dialog: Dialog): void {
    const { answer } = dialog.facts;
    if (answer === undefined) return;
    this.#core.network.send(answer.target, answer.bytes);
    const repeatMs = Math.min(answer.repeatMs * 2, this.#core.options.timing.t2Ms);
    dialog.facts.answer = { ...answer, repeatMs };
    dialog.timers.arm('answerRepeat', repeatMs);
  }

  onAbandoned({ id, request }: ServerTransaction): void {
    const incoming = this.#incoming.get(id);
    if (incoming !== undefined) this.#refuse(incoming, request.method === 'INVITE' ? { status: 480, reason: 'Temporarily Unavailable' } : { status: 500, reason: 'No Answer Of The Application' });
  }

  onTerminated({ id, request }: ServerTransaction): void {
    this.#incoming.get(id)?.stop();
    this.#incoming.delete(id);
    const key = mergeKey(request);
    if (this.#merged.get(key) === id) this.#merged.delete(key);
  }

  /** Requests that have no final answer yet, for an application that takes over from another. */
  replay(): void {
    for (const { transaction, dialogId } of this.#incoming.values()) {
      if (!transaction.answered) this.#core.application.onRequest({ message: transaction.request, peer: transaction.source, transactionId: transaction.id, dialogId });
    }
  }

  exportState(): IncomingState[] {
    return [...this.#incoming.values()].map((one) => one.exportState());
  }

  importState(states: readonly IncomingState[]): void {
    for (const state of states) {
      const transaction = this.#core.transactions.serverById(state.transactionId);
      if (transaction === undefined) continue;
      this.#incoming.set(transaction.id, new Incoming(this.#core, transaction, state, this.#onUnacknowledged));
      this.#noteMerged(transaction);
    }
  }

  #refusal(request: SipRequest, dialog: Dialog | undefined, hasTag: boolean): Refusal | undefined {
    const { transactions, dialogs } = this.#core;
    if (transactions.isFull || (dialog === undefined && dialogs.isFull)) return { status: 503, reason: 'Service Unavailable', headers: [['Retry-After', String(RETRY_AFTER_MAX_S)]] };
    const refusal = refusalOf(request);
    if (refusal !== undefined) return refusal;
    if (hasTag && (dialog === undefined || dialog.facts.phase === 'ended')) return { status: 481, reason: 'Call/Transaction Does Not Exist' };
    if (!hasTag && this.#merged.has(mergeKey(request))) return { status: 482, reason: 'Loop Detected' };
    const minSe = this.#friends.keeper.tooShort(request);
    if (minSe !== undefined && (request.method === 'INVITE' || request.method === 'UPDATE')) return { status: 422, reason: 'Session Interval Too Small', headers: [['Min-SE', String(minSe)]] };
    return dialog === undefined ? undefined : this.#refusalInDialog(request, dialog);
  }

  #refusalInDialog(request: SipRequest, dialog: Dialog): Refusal | undefined {
    if (!isInOrder(dialog, request)) return { status: 500, reason: 'CSeq Out Of Order' };
    if (request.method !== 'INVITE') return undefined;
    if (this.#friends.hasOpenInvite(dialog)) return { status: 491, reason: 'Request Pending' };
    const open = [...this.#incoming.values()].some(({ dialogId, transaction }) => dialogId === dialog.facts.id && transaction.request.method === 'INVITE' && !transaction.answered);
    return open ? { status: 500, reason: 'Another INVITE Is Open', headers: [['Retry-After', String(Math.floor(Math.random() * (RETRY_AFTER_MAX_S + 1)))]] } : undefined;
  }

  #open(request: SipRequest, source: Target, dialog: Dialog | undefined): Incoming {
    const transaction = this.#core.transactions.startServer(this.#core.newToken(), request, source);
    const toTag = dialog?.facts.localTag ?? this.#core.newToken();
    const incoming = new Incoming(this.#core, transaction, { toTag, dialogId: dialog?.facts.id ?? '' }, this.#onUnacknowledged);
    this.#incoming.set(transaction.id, incoming);
    return incoming;
  }

  #refuse({ transaction, toTag }: Incoming, { status, reason, headers = [] }: Refusal): void {
    const response = responseTo(transaction.request, status, reason, toTag);
    for (const [name, value] of headers) response.headers.add(name, value);
    transaction.respond(response);
  }

  #noteMerged(transaction: ServerTransaction): void {
    if (tagOf(transaction.request.headers.get('To')) === '') this.#merged.set(mergeKey(transaction.request), transaction.id);
  }

  #receiveNew(incoming: Incoming, source: Target): void {
    const { transaction } = incoming;
    const { request } = transaction;
    this.#noteMerged(transaction);
    if (request.method === 'INVITE') transaction.respond(responseTo(request, 100, 'Trying'));
    const taken = this.#core.application.onRequest({ message: request, peer: source, transactionId: transaction.id, dialogId: '' });
    if (!taken) this.#refuse(incoming, { status: 503, reason: 'Service Unavailable' });
  }

  #receiveInDialog({ transaction }: Incoming, dialog: Dialog, source: Target): void {
    const { request } = transaction;
    dialog.facts.remoteSeq = parseCSeq(request.headers.get('CSeq'))?.number;
    if (request.method === 'INVITE') transaction.respond(responseTo(request, 100, 'Trying'));
    if (request.method === 'INVITE' || request.method === 'UPDATE' || request.method === 'SUBSCRIBE') dialog.refreshTarget(request);
    if (request.method === 'PRACK' && !this.#receivePrack(request, dialog)) return this.#refuseById(transaction.id, { status: 481, reason: 'Call/Transaction Does Not Exist' });
    if (request.method === 'BYE') this.#endByPeer(dialog);
    const taken = this.#core.application.onRequest({ message: request, peer: source, transactionId: transaction.id, dialogId: dialog.facts.id });
    if (!taken) this.#refuseById(transaction.id, { status: 501, reason: 'Not Implemented' });
  }

  #refuseById(id: string, refusal: Refusal): void {
    const incoming = this.#incoming.get(id);
    if (incoming !== undefined) this.#refuse(incoming, refusal);
  }

  #receivePrack({ headers }: SipRequest, dialog: Dialog): boolean {
    return [...this.#incoming.values()].some((incoming) => incoming.dialogId === dialog.facts.id && incoming.acknowledge(headers.get('RAck'), incoming.transaction.request.headers.get('CSeq') ?? ''));
  }

  /** A BYE ends the dialog at once; what else is open in it is refused. @see RFC 3261 section 15.1.2 */
  #endByPeer(dialog: Dialog): void {
    this.#core.dialogs.end(dialog);
    for (const incoming of [...this.#incoming.values()]) {
      const { request, answered } = incoming.transaction;
      if (incoming.dialogId === dialog.facts.id && request.method === 'INVITE' && !answered) this.#refuse(incoming, { status: 487, reason: 'Request Terminated' });
    }
  }

  #receiveAck(request: SipRequest, source: Target): void {
    const transaction = this.#core.transactions.serverOf(request);
    if (transaction !== undefined && transaction.lastStatus >= 300) return transaction.receiveAck();
    const dialog = this.#core.dialogs.ofRequest(request);
    if (dialog?.facts.answer === undefined || dialog.facts.answer.seq !== parseCSeq(request.headers.get('CSeq'))?.number) return;
    dialog.facts.answer = undefined;
    dialog.timers.disarm('answerRepeat');
    dialog.timers.disarm('answerGiveUp');
    this.#core.application.onRequest({ message: request, peer: source, transactionId: this.#core.newToken(), dialogId: dialog.facts.id });
  }

  #receiveCancel(request: SipRequest, source: Target): void {
    const invite = this.#core.transactions.serverOf(request, 'INVITE');
    const incoming = this.#open(request, source, undefined);
    if (invite === undefined) return this.#refuse(incoming, { status: 481, reason: 'Call/Transaction Does Not Exist' });
    const cancelled = this.#incoming.get(invite.id);
    incoming.toTag = cancelled?.toTag ?? incoming.toTag;
    this.#refuse(incoming, { status: 200, reason: 'OK' });
    if (cancelled === undefined || invite.answered) return;
    this.#refuse(cancelled, { status: 487, reason: 'Request Terminated' });
    this.#core.application.onRequest({ message: request, peer: source, transactionId: invite.id, dialogId: cancelled.dialogId });
    const dialog = this.#core.dialogs.byId(cancelled.dialogId);
    if (dialog?.facts.phase === 'early') this.#core.dialogs.remove(dialog);
  }

  /** A response of the application with everything that is the engine's part. */
  #complete(incoming: Incoming, given: SipResponse): SipResponse {
    const { request, source } = incoming.transaction;
    const chosenTag = tagOf(given.headers.get('To'));
    if (chosenTag !== '' && incoming.dialogId === '' && incoming.transaction.lastStatus <= 100) incoming.toTag = chosenTag;
    const response = { ...responseTo(request, given.status, given.reason, incoming.toTag), body: given.body };
    const { headers } = response;
    if (given.status > 100 && given.status < 300) for (const route of request.headers.all('Record-Route')) headers.add('Record-Route', route);
    addApplicationHeaders(headers, given.headers, APPLICATION_KEEPS);
    if (given.status > 100 && given.status < 300 && needsContact(request.method) && !headers.has('Contact')) headers.add('Contact', '<sip:localhost>');
    nameUs(headers, this.#core.network.addressTowards(source), source.transport, ['Contact', 'P-Asserted-Identity']);
    const type = contentTypeOf(response);
    if (type !== undefined && type !== '' && !headers.has('Content-Type')) headers.set('Content-Type', type);
    if (given.status < 300 && given.status >= 200) this.#dressAnswer(request, response);
    return response;
  }

  /** @see RFC 3261 sections 11.2 and 13.3.1.4 */
  #dressAnswer(request: SipRequest, response: SipResponse): void {
    const { headers } = response;
    if (request.method !== 'INVITE' && request.method !== 'OPTIONS') return;
    if (!headers.has('Allow')) headers.add('Allow', ALLOWED_METHODS.join(', '));
    if (!headers.has('Supported')) headers.add('Supported', SUPPORTED.join(', '));
    if (request.method === 'INVITE') this.#friends.keeper.answer(request, response);
  }

  #send(incoming: Incoming, response: SipResponse): void {
    const { transaction } = incoming;
    const { method } = transaction.request;
    const { status } = response;
    if (status < 200) {
      if (status > 100 && method === 'INVITE') this.#dialogFor(incoming, response);
      const reliable = status > 100 && method === 'INVITE' && response.headers.tokens('Require').includes('100rel');
      if (reliable) incoming.respondReliably(response);
      else transaction.respond(response);
      return;
    }
    incoming.stop();
    const forms = status < 300 && (method === 'INVITE' || method === 'SUBSCRIBE');
    const dialog = forms ? this.#dialogFor(incoming, response) : undefined;
    if (status < 300 && method === 'UPDATE') this.#keepAlive(incoming, response);
    const referred = status < 300 && method === 'REFER' ? this.#core.dialogs.byId(incoming.dialogId) : undefined;
    if (referred !== undefined) referred.facts.referrals++;
    const bytes = transaction.respond(response);
    if (dialog !== undefined) this.#answered(dialog, incoming, response, bytes);
    else if (status >= 300 && method === 'INVITE') this.#dropEarly(incoming);
  }

  /** An UPDATE may set the session timer anew. */
  #keepAlive({ transaction, dialogId }: Incoming, response: SipResponse): void {
    const dialog = this.#core.dialogs.byId(dialogId);
    if (dialog === undefined) return;
    this.#friends.keeper.answer(transaction.request, response);
    this.#friends.keeper.onAnswered(dialog, response, 'uas');
  }

  #dialogFor(incoming: Incoming, response: SipResponse): Dialog | undefined {
    const { dialogs } = this.#core;
    const { request } = incoming.transaction;
    const known = incoming.dialogId === '' ? undefined : dialogs.byId(incoming.dialogId);
    if (known !== undefined || incoming.dialogId !== '') return known;
    const id = dialogs.freeId(request.headers.get('Call-ID') ?? '', tagOf(request.headers.get('From')), incoming.toTag);
    incoming.dialogId = id;
    return dialogs.add(dialogOfRequest(request, response, id));
  }

  #answered(dialog: Dialog, { transaction }: Incoming, response: SipResponse, bytes: Uint8Array): void {
    const { facts } = dialog;
    facts.phase = 'confirmed';
    facts.contact = response.headers.get('Contact') ?? facts.contact;
    if (response.body.length > 0) facts.localSdp = response.body;
    if (transaction.request.method !== 'INVITE') return;
    const { timing } = this.#core.options;
    const seq = parseCSeq(transaction.request.headers.get('CSeq'))?.number ?? 0;
    facts.answer = { bytes, target: transaction.source, seq, repeatMs: timing.t1Ms };
    dialog.timers.arm('answerRepeat', timing.t1Ms);
    dialog.timers.arm('answerGiveUp', giveUpMs(timing));
    this.#friends.keeper.onAnswered(dialog, response, 'uas');
  }

  #dropEarly({ dialogId }: Incoming): void {
    const dialog = this.#core.dialogs.byId(dialogId);
    if (dialog?.facts.phase === 'early') this.#core.dialogs.remove(dialog);
  }

  readonly #onUnacknowledged = (incoming: Incoming): void => {
    incoming.stop();
    this.#refuse(incoming, { status: 504, reason: 'No PRACK' });
    this.#dropEarly(incoming);
  };
}

function mergeKey({ headers }: SipRequest): string {
  return `${headers.get('Call-ID') ?? ''} ${tagOf(headers.get('From'))} ${headers.get('CSeq') ?? ''}`;
}
