import { ProtocolError } from 'wcs-core';
import { encodeSipMessage } from '../wire/encode-message.ts';
import { parseSipMessage } from '../wire/parse-message.ts';
import { parseCSeq, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { BRANCH_COOKIE, formatVia } from '../wire/via.ts';
import { addApplicationHeaders, contentTypeOf, needsContact, responseTo, type AgentCore } from './agent-core.ts';
import type { SendCommand, SendOutcome } from './application.ts';
import { dialogOfAnswer, dropOtherForks } from './forks.ts';
import { cancelOf, type ClientTransaction } from './client-transaction.ts';
import { credentialsOf, tagOf, type Dialog } from './dialog.ts';
import { nameUs, newRequest, nextHopOf } from './new-request.ts';
import { newProgress, Outgoing, type OutgoingState, type OutgoingTimer } from './outgoing.ts';
import type { SessionKeeper } from './session-keeper.ts';
import { minSeOf } from './session-timer.ts';
import { targetKey, type Target } from './target.ts';
import { giveUpMs } from './timing.ts';

/** How long a call of ours may ring. */
const RINGING_MAX_MS = 600_000;
/** How often a request is sent anew because the other side asks for it. */
const RETRIES_MAX = 3;
/** Header by which an application takes over an INVITE that a previous one has sent; its value is the transaction id. */
export const RESUME_HEADER = 'X-Resume-Transaction';
/** Header with the address of the peer for whom the application asks, so that the target is judged; it does not go out. */
export const CALLER_HEADER = 'X-Caller-Address';

type Done = (outcome: SendOutcome) => void;

/** Requests of ours. @see RFC 3261 sections 8.1, 9.1, 12.2.1 and 13.2 */
export class Uac {
  readonly #core: AgentCore;
  readonly #keeper: SessionKeeper;
  readonly #onDialogOver: (dialog: Dialog, reason: string) => void;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #byKey = new Map<string, Outgoing>();

  constructor(core: AgentCore, keeper: SessionKeeper, onDialogOver: (dialog: Dialog, reason: string) => void) {
    this.#core = core;
    this.#keeper = keeper;
    this.#onDialogOver = onDialogOver;
  }

  get size(): number {
    return this.#outgoing.size;
  }

  /** Sends a request for the application, and says what went out. */
  send(command: SendCommand & { readonly message: SipRequest }, done: Done): void {
    const { message, transactionId, dialogId } = command;
    try {
      if (message.method === 'CANCEL') done(this.#cancel(transactionId));
      else if (dialogId !== '') this.#sendInDialog(command, done);
      else if (message.headers.has(RESUME_HEADER)) done(this.#resume(message.headers.get(RESUME_HEADER) ?? ''));
      else this.#sendNew(command, done);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      done({ ok: false, reason: error.message });
    }
  }

  /** Sends a request inside a dialog on the engine's own account; its answer goes to nobody. */
  sendOwn(dialog: Dialog, request: SipRequest): void {
    this.#locate(nextHopOf(request), (targets) => {
      if (targets.length > 0) this.#launch(this.#create(request, targets, dialog.facts.id, 'engine'));
    });
  }

  /** Acknowledges a 2xx and ends the call that it began. */
  hangUp(dialog: Dialog): void {
    this.#sendAck(dialog, dialog.request('ACK'), () => undefined);
    this.sendOwn(dialog, dialog.request('BYE'));
    this.#core.dialogs.remove(dialog);
  }

  onResponse(transaction: ClientTransaction, response: SipResponse): void {
    const outgoing = this.#byKey.get(transaction.key);
    if (outgoing === undefined) return;
    if (response.status < 200) this.#onProvisional(outgoing, response);
    else if (response.status < 300 && outgoing.request.method === 'INVITE') this.#onAnswer(outgoing, response);
    else this.#onFinal(outgoing, response);
  }

  onTimeout(transaction: ClientTransaction): void {
    const outgoing = this.#byKey.get(transaction.key);
    if (outgoing === undefined) return;
    this.#core.network.markBad(transaction.target);
    this.#failOver(outgoing, 408, 'Request Timeout');
  }

  onTerminated(transaction: ClientTransaction): void {
    const outgoing = this.#byKey.get(transaction.key);
    this.#byKey.delete(transaction.key);
    if (outgoing?.transactionKey === transaction.key && outgoing.progress.done) this.#forget(outgoing);
  }

  /** A connection broke, or a datagram was refused: what waits for an answer from there need not wait any longer. */
  onTargetFailed(target: Target): void {
    for (const transaction of [...this.#core.transactions.clients()]) {
      const outgoing = this.#byKey.get(transaction.key);
      if (targetKey(transaction.target) !== targetKey(target) || outgoing === undefined || outgoing.progress.done) continue;
      this.#core.network.markBad(target);
      this.#failOver(outgoing, 503, 'Service Unavailable');
      transaction.terminate();
    }
  }

  /** The SUBSCRIBE of ours outside of dialogs that a NOTIFY belongs to. */
  openSubscribe(callId: string, localTag: string): SipRequest | undefined {
    const found = [...this.#outgoing.values()].find(({ request: { method, headers }, dialogId }) => method === 'SUBSCRIBE' && dialogId === '' && headers.get('Call-ID') === callId && tagOf(headers.get('From')) === localTag);
    return found?.request;
  }

  /** Whether an INVITE of ours inside this dialog waits for its answer. */
  hasOpenInvite(dialog: Dialog): boolean {
    return [...this.#outgoing.values()].some(({ dialogId, request, progress }) => dialogId === dialog.facts.id && request.method === 'INVITE' && !progress.done);
  }

  exportState(): OutgoingState[] {
    return [...this.#outgoing.values()].map((one) => one.exportState());
  }

  importState(states: readonly OutgoingState[]): void {
    for (const state of states) this.#remember(Outgoing.restored(this.#core.wheel, this.#onTimer, state));
  }

  clear(): void {
    for (const outgoing of [...this.#outgoing.values()]) this.#forget(outgoing);
  }

  #sendNew({ message, route }: SendCommand & { readonly message: SipRequest }, done: Done): void {
    const caller = message.headers.get(CALLER_HEADER);
    message.headers.delete(CALLER_HEADER);
    const request = newRequest(message, this.#core.options, this.#core.newToken);
    if (contentTypeOf(request) === undefined) return done({ ok: false, reason: 'A body without a Content-Type' });
    this.#locate(route === '' ? nextHopOf(request) : route, (targets) => {
      const [first] = targets;
      if (first === undefined) return done({ ok: false, reason: 'No route to the host' });
      nameUs(request.headers, this.#core.network.addressTowards(first), first.transport);
      this.#launchFor(this.#create(request, targets, '', 'application'), done);
    }, caller);
  }

  #sendInDialog({ message, dialogId }: SendCommand & { readonly message: SipRequest }, done: Done): void {
    const dialog = this.#core.dialogs.byId(dialogId);
    if (dialog === undefined) return done({ ok: false, reason: 'unable to find dialog' });
    const { method } = message;
    if (dialog.facts.phase === 'ended' && method !== 'NOTIFY') return done({ ok: false, reason: 'unable to find dialog' });
    if (method === 'INVITE' && this.hasOpenInvite(dialog)) return done({ ok: false, reason: 'Another INVITE is open in the dialog' });
    const request = { ...dialog.request(method), body: message.body };
    addApplicationHeaders(request.headers, message.headers);
    if (needsContact(method) && !request.headers.has('Contact')) request.headers.add('Contact', dialog.facts.contact);
    const type = contentTypeOf({ ...request, headers: message.headers });
    if (type === undefined) return done({ ok: false, reason: 'A body without a Content-Type' });
    if (type !== '') request.headers.set('Content-Type', type);
    if (method === 'ACK') return this.#sendAck(dialog, request, done);
    if (method === 'INVITE' || method === 'UPDATE') this.#keeper.beforeRefresh(dialog, request);
    if (method === 'INVITE') this.#noteInvite(dialog, request);
    this.#locate(nextHopOf(request), (targets) => {
      if (targets.length === 0) return done({ ok: false, reason: 'No route to the host' });
      this.#launchFor(this.#create(request, targets, dialogId, 'application'), done);
      this.#core.dialogs.onSent(dialog, request);
    });
  }

  #noteInvite({ facts }: Dialog, request: SipRequest): void {
    facts.inviteSeq = facts.localSeq;
    facts.ack = undefined;
    facts.credentials = credentialsOf(request);
    if (request.body.length > 0) facts.localSdp = request.body;
  }

  /** The ACK to a 2xx is no transaction: it is kept, and sent again whenever the 2xx comes again. @see RFC 3261 section 13.2.2.4 */
  #sendAck(dialog: Dialog, request: SipRequest, done: Done): void {
    for (const [name, value] of dialog.facts.credentials) if (!request.headers.has(name)) request.headers.add(name, value);
    this.#locate(nextHopOf(request), ([target]) => {
      if (target === undefined) return done({ ok: false, reason: 'No route to the host' });
      this.#addVia(request, target);
      const bytes = encodeSipMessage(request);
      dialog.facts.ack = { bytes, target };
      this.#core.network.send(target, bytes);
      done({ ok: true, sent: { message: request, peer: target, transactionId: this.#core.newToken(), dialogId: dialog.facts.id } });
    });
  }

  #cancel(transactionId: string): SendOutcome {
    const outgoing = this.#outgoing.get(transactionId);
    if (outgoing === undefined || outgoing.progress.done) return { ok: false, reason: 'unable to find the transaction to cancel' };
    const { progress } = outgoing;
    if (!progress.cancelled) {
      progress.cancelled = true;
      outgoing.timers.arm('cancelGiveUp', giveUpMs(this.#core.options.timing));
      if (progress.proceeding) this.#sendCancel(outgoing);
    }
    return { ok: true, sent: { message: cancelOf(this.#sentRequest(outgoing)), peer: outgoing.target, transactionId: this.#core.newToken(), dialogId: '' } };
  }

  #sendCancel(outgoing: Outgoing): void {
    this.#core.transactions.startClient(cancelOf(this.#sentRequest(outgoing)), outgoing.target);
  }

  /** The request with the Via of its transaction. */
  #sentRequest(outgoing: Outgoing): SipRequest {
    const [branch = ''] = outgoing.transactionKey.split(' ');
    return this.#withVia(outgoing.request, outgoing.target, branch);
  }

  /** An application that took over from another asks for what is known of an INVITE. */
  #resume(transactionId: string): SendOutcome {
    const outgoing = this.#outgoing.get(transactionId);
    if (outgoing === undefined || outgoing.progress.done) return { ok: false, reason: 'unable to find the transaction to resume' };
    const { lastProvisional } = outgoing.progress;
    if (lastProvisional !== undefined) {
      const { message } = parseSipMessage(lastProvisional);
      if (message.type === 'response') this.#core.wheel.after(0, () => this.#handOn(outgoing, message));
    }
    return { ok: true, sent: { message: outgoing.request, peer: outgoing.target, transactionId: outgoing.id, dialogId: '' } };
  }

  #create(request: SipRequest, found: readonly Target[], dialogId: string, owner: Outgoing['owner']): Outgoing {
    const [target, ...targets] = this.#core.network.forSize(found, encodeSipMessage(request).length);
    if (target === undefined) throw new ProtocolError('No route to the host');
    const id = this.#core.newToken();
    return new Outgoing(this.#core.wheel, this.#onTimer, { id, owner, dialogId, request, targets, target, transactionKey: '', progress: newProgress(), timers: [] });
  }

  #launchFor(outgoing: Outgoing, done: Done): void {
    const sent = this.#launch(outgoing);
    done({ ok: true, sent: { message: sent, peer: outgoing.target, transactionId: outgoing.id, dialogId: outgoing.dialogId } });
  }

  #launch(outgoing: Outgoing): SipRequest {
    const sent = this.#withVia(outgoing.request, outgoing.target, BRANCH_COOKIE + this.#core.newToken());
    outgoing.transactionKey = '';
    const transaction = this.#core.transactions.startClient(sent, outgoing.target);
    outgoing.transactionKey = transaction.key;
    this.#remember(outgoing);
    return sent;
  }

  #remember(outgoing: Outgoing): void {
    this.#outgoing.set(outgoing.id, outgoing);
    this.#byKey.set(outgoing.transactionKey, outgoing);
  }

  #forget(outgoing: Outgoing): void {
    outgoing.timers.disarmAll();
    this.#outgoing.delete(outgoing.id);
    if (this.#byKey.get(outgoing.transactionKey) === outgoing) this.#byKey.delete(outgoing.transactionKey);
  }

  #withVia(request: SipRequest, target: Target, branch: string): SipRequest {
    const headers = request.headers.copy();
    const { host, port } = this.#core.network.addressTowards(target);
    const params = new Map([['branch', branch], ['rport', '']]);
    headers.prepend('Via', formatVia({ transport: target.transport.toUpperCase(), host, port, params }));
    return { ...request, headers };
  }

  #addVia(request: SipRequest, target: Target): void {
    const [via] = this.#withVia(request, target, BRANCH_COOKIE + this.#core.newToken()).headers.all('Via');
    request.headers.prepend('Via', via ?? '');
  }

  #locate(uri: string, done: (targets: readonly Target[]) => void, caller?: string): void {
    this.#core.network.locate(uri, done, caller);
  }

  #onProvisional(outgoing: Outgoing, response: SipResponse): void {
    const { progress } = outgoing;
    if (!progress.proceeding) {
      progress.proceeding = true;
      outgoing.timers.arm('ringing', RINGING_MAX_MS);
      if (progress.cancelled) this.#sendCancel(outgoing);
    }
    if (response.status === 100 || progress.cancelled) return;
    progress.lastProvisional = encodeSipMessage(response);
    this.#handOn(outgoing, response);
  }

  /** Gives a response to the application, with the dialog that it made. */
  #handOn(outgoing: Outgoing, response: SipResponse): void {
    if (outgoing.owner === 'engine') return;
    const dialog = dialogOfAnswer(this.#core.dialogs, outgoing, response);
    this.#core.application.onResponse({ message: response, peer: outgoing.target, transactionId: outgoing.id, dialogId: dialog?.facts.id ?? outgoing.dialogId });
  }

  /** A 2xx to an INVITE: the first of each answering side counts. @see RFC 3261 section 13.2.2.4 */
  #onAnswer(outgoing: Outgoing, response: SipResponse): void {
    const { progress } = outgoing;
    const tag = tagOf(response.headers.get('To'));
    const dialog = dialogOfAnswer(this.#core.dialogs, outgoing, response);
    if (progress.answeredBy.includes(tag)) {
      if (dialog?.facts.ack !== undefined) this.#core.network.send(dialog.facts.ack.target, dialog.facts.ack.bytes);
      return;
    }
    const first = progress.answeredBy.length === 0;
    progress.answeredBy.push(tag);
    progress.done = true;
    outgoing.timers.disarmAll();
    if (dialog === undefined) return this.#handOn(outgoing, response);
    if (first) dropOtherForks(this.#core.dialogs, outgoing, dialog);
    if (outgoing.dialogId !== '') dialog.refreshTarget(response);
    if (!first || progress.cancelled) {
      this.hangUp(dialog);
      if (first) this.#handOn(outgoing, responseTo(outgoing.request, 487, 'Request Terminated'));
      return;
    }
    this.#keeper.onAnswered(dialog, response, 'uac');
    if (outgoing.owner === 'engine') this.#sendAck(dialog, dialog.request('ACK'), () => undefined);
    else this.#handOn(outgoing, response);
  }

  #onFinal(outgoing: Outgoing, response: SipResponse): void {
    const { progress, request } = outgoing;
    if (progress.done) return;
    if (response.status === 503 && !progress.cancelled && outgoing.targets.length > 0) {
      this.#core.network.markBad(outgoing.target);
      return this.#failOver(outgoing, 503, response.reason);
    }
    if (response.status === 422 && this.#retryLonger(outgoing, response)) return;
    if (response.status === 491 && outgoing.dialogId !== '' && this.#retryLater(outgoing)) return;
    this.#finish(outgoing, response);
    const dialog = outgoing.dialogId === '' ? undefined : this.#core.dialogs.byId(outgoing.dialogId);
    if (dialog === undefined) return;
    if (request.method === 'BYE') this.#core.dialogs.remove(dialog);
    else if (response.status === 481 || response.status === 408) this.#onDialogOver(dialog, `${response.status} to ${request.method}`);
    else if (response.status < 300 && request.method === 'UPDATE') {
      dialog.refreshTarget(response);
      this.#keeper.onAnswered(dialog, response, 'uac');
    }
  }

  #finish(outgoing: Outgoing, response: SipResponse): void {
    outgoing.progress.done = true;
    outgoing.timers.disarmAll();
    if (outgoing.request.method === 'INVITE') dropOtherForks(this.#core.dialogs, outgoing, undefined);
    this.#handOn(outgoing, response);
    if (!this.#core.transactions.hasClient(outgoing.transactionKey)) this.#forget(outgoing);
  }

  /** The next target with a new branch, or the end. @see RFC 3263 section 4.3 */
  #failOver(outgoing: Outgoing, status: number, reason: string): void {
    const [next, ...rest] = outgoing.targets;
    if (next === undefined || outgoing.progress.cancelled || outgoing.progress.done) {
      const failed = outgoing.progress.cancelled ? responseTo(outgoing.request, 487, 'Request Terminated') : responseTo(outgoing.request, status, reason);
      return outgoing.progress.done ? undefined : this.#onFinal(outgoing, failed);
    }
    this.#byKey.delete(outgoing.transactionKey);
    outgoing.target = next;
    outgoing.targets = rest;
    outgoing.progress.proceeding = false;
    this.#launch(outgoing);
  }

  /** 422: the session interval was too short for somebody on the way. @see RFC 4028 section 7.3 */
  #retryLonger(outgoing: Outgoing, response: SipResponse): boolean {
    const minSe = minSeOf(response.headers);
    if (minSe === 0 || outgoing.dialogId !== '' || outgoing.progress.retries >= RETRIES_MAX) return false;
    outgoing.request.headers.set('Session-Expires', String(Math.max(minSe, this.#core.options.sessionExpiresS)));
    outgoing.request.headers.set('Min-SE', String(minSe));
    this.#sendAgain(outgoing);
    return true;
  }

  /** 491: both sides have sent an INVITE at once. @see RFC 3261 section 14.1 */
  #retryLater(outgoing: Outgoing): boolean {
    const dialog = this.#core.dialogs.byId(outgoing.dialogId);
    if (dialog === undefined || outgoing.progress.retries >= RETRIES_MAX) return false;
    const [fromMs, spreadMs] = dialog.facts.role === 'uac' ? [2100, 1900] : [0, 2000];
    outgoing.timers.arm('again', fromMs + Math.random() * spreadMs);
    return true;
  }

  #sendAgain(outgoing: Outgoing): void {
    const { progress, request } = outgoing;
    progress.retries++;
    progress.proceeding = false;
    this.#byKey.delete(outgoing.transactionKey);
    const dialog = outgoing.dialogId === '' ? undefined : this.#core.dialogs.byId(outgoing.dialogId);
    const seq = dialog === undefined ? (parseCSeq(request.headers.get('CSeq'))?.number ?? 0) + 1 : ++dialog.facts.localSeq;
    request.headers.set('CSeq', `${seq} ${request.method}`);
    if (dialog !== undefined && request.method === 'INVITE') this.#noteInvite(dialog, request);
    this.#launch(outgoing);
  }

  readonly #onTimer = (outgoing: Outgoing, name: OutgoingTimer): void => {
    switch (name) {
      case 'again':
        return this.#sendAgain(outgoing);
      case 'ringing':
        this.#cancel(outgoing.id);
        return;
      case 'cancelGiveUp': {
        const key = outgoing.transactionKey;
        this.#finish(outgoing, responseTo(outgoing.request, 487, 'Request Terminated'));
        this.#core.transactions.endClient(key);
      }
    }
  };
}
