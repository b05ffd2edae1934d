import { messageOf, WcsError, type CallFacts, type CallStatus, type KeyMethod, type PluginSession, type Stream } from 'wcs-core';
import { RESUME_HEADER } from '../engine/session/uac.ts';
import { addressesOf, calleeUri, contactHeader, requestHeaders } from './addresses.ts';
import { credentialsOf, withCredentials } from './authenticated.ts';
import type { CallMedia, CallMediaRequest } from './call-media.ts';
import { mediaRequestOf, type CallPlan, type CallServices, type CallState } from './call-facts.ts';
import { answer, call, within, type CallAttempt, type DialogRequest } from './exchange.ts';
import { Holding } from './holding.ts';
import { FAST_UPDATE_REQUEST, guarded, keyRequest, listenTo, type DialogEvents } from './in-dialog.ts';
import { failed, NORMAL, outcomeOf, type Outcome } from './outcome.ts';
import type { SrfDialog, SrfHeaders, SrfRequest, SrfResponse } from './srf.ts';
import { Transfer, type TransferState } from './transfer.ts';

/** Least time between two requests for a key frame by a message. */
const FAST_UPDATE_MS = 1000;

/** One telephone call, whichever side began it. */
export class Call {
  readonly session: PluginSession;
  readonly #services: CallServices;
  #plan: CallPlan;
  #media: CallMedia | undefined;
  #status: CallStatus = 'PENDING';
  #statusCode: number | undefined;
  #info: string | undefined;
  #dialog: SrfDialog | undefined;
  /** Our INVITE, or the peer's with our answer to it, while it waits for that. */
  #pending: SrfRequest | undefined;
  #ringing: { readonly request: SrfRequest; readonly response: SrfResponse } | undefined;
  #outcome: Outcome | undefined;
  readonly #holding: Holding;
  #transfer: Transfer | undefined;
  /** The peer has hung up, or the stream is gone, while another call is under way to take the place of this one. */
  #left = false;
  /** What must have been answered before the BYE goes out. */
  #lastWords: Promise<void> | undefined;
  #establishedAtMs: number | undefined;
  #fastUpdateDueMs = 0;
  #referrals = 0;

  constructor(services: CallServices, session: PluginSession, plan: CallPlan) {
    this.session = session;
    this.#plan = plan;
    this.#services = services;
    this.#holding = new Holding({
      session,
      parts: () => (this.#dialog === undefined || this.#media === undefined || this.over ? undefined : { dialog: this.#dialog, media: this.#media }),
      send: (dialog, request) => this.#send(dialog, request),
      onChanged: () => this.#onMediaChanged(),
    });
    session.onGoodbye = (reason) => this.#over({ ...NORMAL, info: reason });
    this.#describe();
  }

  /** Goes on with a call of the previous version, whose dialog drachtio-srf has already. */
  static restore(services: CallServices, session: PluginSession, state: CallState): Call {
    const own = new Call(services, session, state.plan);
    own.#status = state.status;
    own.#statusCode = state.statusCode;
    own.#establishedAtMs = state.establishedAtMs;
    own.#media = services.media.restore(own.#mediaRequest(), state.media);
    [own.#left, own.#referrals] = [state.left, state.referrals];
    if (state.transfer !== undefined) own.#transfer = own.#newTransfer(state.transfer);
    const dialog = state.dialogId === undefined ? undefined : services.agents().findDialog(state.dialogId);
    if (dialog !== undefined) own.#keep(dialog, own.#media);
    else if (state.transactionId !== undefined) own.dial(state.transactionId);
    // It was ended between the two versions.
    else if (!own.#left) session.timers.after(0, () => own.#over(NORMAL));
    own.#describe();
    return own;
  }

  /** Undefined while something is under way that another version could not take. */
  exportState(): CallState | undefined {
    const [dialogId, transactionId] = [this.#dialog?.id, this.#pending?.stackTxnId];
    const media = this.#dialog !== undefined || this.#pending !== undefined || this.#left ? this.#media?.exportState() : undefined;
    if (this.over || media === undefined) return undefined;
    return {
      ...{ plan: this.plan, status: this.#status, statusCode: this.#statusCode, establishedAtMs: this.#establishedAtMs, dialogId, transactionId },
      ...{ left: this.#left, referrals: this.#referrals, transfer: this.#transfer?.exportState(), media },
    };
  }

  get plan(): CallPlan {
    return this.#plan;
  }

  /** A call that rings at several clients is one client's from now on, with the codecs that it has. */
  assign(clientId: string, codecs: CallPlan['codecs']): void {
    this.#plan = { ...this.#plan, clientId, codecs };
    this.#describe();
  }

  get facts(): CallFacts {
    const { callId, incoming, caller, callee, visibleName, hasAudio } = this.plan;
    const hasVideo = this.#establishedAtMs === undefined ? this.plan.hasVideo : this.#media?.hasVideo === true;
    return { callId, incoming, caller, callee, visibleName, hasAudio, hasVideo, status: this.#status, statusCode: this.#statusCode, info: this.#info };
  }

  get dialog(): SrfDialog | undefined {
    return this.#dialog;
  }

  /** The stream that is played to the peer. */
  get playing(): Stream | undefined {
    return this.#media?.playing;
  }

  /** Codecs that are agreed on with the peer. */
  get codecs(): CallMedia['codecs'] {
    return this.#media?.codecs ?? [];
  }

  get over(): boolean {
    return this.#outcome !== undefined;
  }

  /** Calls the callee; what comes of it is told. @param transactionId of an INVITE of the previous version, to be taken over */
  dial(transactionId?: string): void {
    this.session.background(this.#dial(transactionId).catch((error: unknown) => this.#over(failed(messageOf(error)))));
  }

  /** Lets the caller hear that it rings. */
  ring(request: SrfRequest, response: SrfResponse): void {
    this.#ringing = { request, response };
    request.on('cancel', () => this.#over({ ...NORMAL, statusCode: 487 }));
    response.send(180, { headers: contactHeader(this.plan.token) });
    this.#set('RING');
  }

  /** Takes a call that rings. */
  accept(): void {
    const ringing = this.#ringing;
    if (ringing === undefined || this.#outcome !== undefined) return;
    const refuse = (error: unknown): void => {
      ringing.response.send(error instanceof WcsError && error.code === 'MEDIA_E_NO_COMMON_CODEC' ? 488 : 500);
      this.#over(failed(messageOf(error), 'media'));
    };
    this.session.background(this.#accept(ringing).catch(refuse));
  }

  /** Ends the call, however far it is. @param statusCode what a caller is told whose call was not taken */
  hangUp(info = NORMAL.info, statusCode = 486): void {
    if (this.#outcome !== undefined) return;
    if (this.#ringing?.response.finalResponseSent === false) this.#ringing.response.send(statusCode);
    this.#over({ ...NORMAL, info });
  }

  /** Ends the call for a reason on our side. */
  fail(info: string): void {
    this.#over(failed(info, 'media'));
  }

  /** Asks the peer not to send, or to send again. */
  hold(held: boolean): void {
    this.#holding.hold(held);
  }

  /** Presses keys in the way that is wished, or that the peer understands. */
  pressKeys(keys: string, method: KeyMethod): void {
    if (method === 'RFC2833' && this.#media?.press(keys) === true) return;
    const dialog = this.#dialog;
    if (dialog === undefined) return;
    const pressed = async (): Promise<void> => {
      for (const key of keys.toUpperCase().replaceAll(/[^0-9A-D*#]/g, '')) await this.#send(dialog, keyRequest(key, method === 'INFO' ? 'plain' : 'relay'));
    };
    this.session.background(this.#unlessOver(pressed()));
  }

  /** Sends the peer to somebody else. @param referTo a URI, where that is not what people know @throws WcsError OPERATION_E_INPUT, SESSION_E_NOT_FOUND */
  transfer(target: string, referTo?: string): void {
    const dialog = this.#dialog;
    const addresses = addressesOf(this.plan.account);
    const uri = referTo ?? calleeUri(target, addresses);
    if (dialog === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'The call is not established');
    const transfer = this.#newTransfer({ target, status: undefined });
    this.#transfer = transfer;
    this.session.background(this.#unlessOver(transfer.begin(uri, addresses.own, (request) => this.#send(dialog, request))));
  }

  /** @returns how often the peer has sent us to somebody else, this time included */
  countReferral(): number {
    return ++this.#referrals;
  }

  /** Tells the peer something before anything that ends the call. */
  tell(request: DialogRequest): void {
    const dialog = this.#dialog;
    if (dialog === undefined || this.over) return;
    this.#lastWords = this.#unlessOver(this.#send(dialog, request));
    this.session.background(this.#lastWords);
  }

  /** Takes the place of another call: whoever knows that one by its id knows this one from now on. */
  succeed({ plan: { callId, clientId, incoming, caller, callee }, playing }: Call): void {
    const party = this.plan.incoming ? this.plan.caller : this.plan.callee;
    this.#plan = { ...this.plan, succeeds: undefined, callId, clientId, incoming, ...(incoming ? { caller: party, callee } : { caller, callee: party }) };
    this.play(playing);
    this.#describe();
  }

  /** Nobody takes the place of this call. @param outcome of who was to do that */
  goOn(outcome: Outcome): void {
    if (this.#left) this.#over(outcome);
  }

  /** Plays a stream to the peer. @throws WcsError where the peer could take nothing of it, or has no media */
  play(stream: Stream | undefined): void {
    this.#media?.play(stream);
  }

  tick(nowMs: number): void {
    const media = this.#media;
    if (media === undefined || this.#outcome !== undefined) return;
    media.tick(nowMs);
    if (this.#left) return this.#services.isSucceeded(this) ? undefined : this.#over(NORMAL);
    const { rtpTimeoutMs } = this.#services;
    const heardMs = Math.max(media.lastPacketMs ?? 0, this.#establishedAtMs ?? nowMs);
    if (media.held || media.heldByPeer) this.#establishedAtMs &&= nowMs;
    else if (rtpTimeoutMs > 0 && nowMs - heardMs >= rtpTimeoutMs) this.#over(failed('Failed by RTP activity', 'media'));
  }

  async #dial(transactionId?: string): Promise<void> {
    const { account, calledUser, visibleName, token, callerAddress } = this.plan;
    const addresses = addressesOf(account);
    const uri = calleeUri(calledUser, addresses);
    this.#media ??= await this.#services.media.open(this.#mediaRequest());
    const [media, { srf }] = [this.#media, this.#services.agents().of(addresses.own, transactionId)];
    const headers: SrfHeaders = { ...this.plan.headers, ...requestHeaders(account, uri, visibleName, callerAddress), ...contactHeader(token) };
    let resume = transactionId;
    const localSdp = media.offer();
    const attempt = (added: SrfHeaders): Promise<CallAttempt> => {
      const taken: SrfHeaders = resume === undefined ? {} : { [RESUME_HEADER]: resume };
      resume = undefined;
      const options = { localSdp, headers: { ...headers, ...added, ...taken }, ...(addresses.proxy === undefined ? {} : { proxy: addresses.proxy }) };
      return call(srf, uri, options, { onSent: (request) => this.#onSent(request), onProvisional: (response) => this.#onProvisional(response, media), onDialog: (dialog) => this.#onAnswered(dialog, media) });
    };
    const { response, dialog } = await withCredentials('INVITE', credentialsOf(account), attempt);
    if (dialog === undefined) this.#over(outcomeOf(response.status, response.reason));
  }

  #onSent(request: SrfRequest): void {
    this.#pending = request;
    // It was hung up before it had gone out.
    if (this.#outcome !== undefined) request.cancel();
    else if (this.#status === 'PENDING') this.#set('TRYING');
  }

  #onProvisional(response: SrfResponse, media: CallMedia): void {
    if (this.#outcome !== undefined || response.status === 100) return;
    this.#statusCode = response.status;
    // The stream is another call's until there is an answer.
    const hasEarlyMedia = response.body !== '' && this.plan.succeeds === undefined && this.#agree(() => media.accept(response.body));
    if (hasEarlyMedia) this.#services.onMedia(this);
    if (hasEarlyMedia || this.#status !== 'RING_MEDIA') this.#set(hasEarlyMedia ? 'RING_MEDIA' : 'RING');
  }

  #onAnswered(dialog: SrfDialog, media: CallMedia): void {
    this.#pending = undefined;
    this.#keep(dialog, media);
    if (this.#outcome !== undefined) return this.#bye(dialog);
    if (!this.#agree(() => media.accept(dialog.remote.sdp))) return this.#over(failed('No common codecs', 'media'));
    this.#established();
  }

  async #accept({ request, response }: { readonly request: SrfRequest; readonly response: SrfResponse }): Promise<void> {
    const media = (this.#media ??= await this.#services.media.open(this.#mediaRequest()));
    if (this.#isOver()) return;
    const sdp = request.body === '' ? media.offer() : media.answer(request.body);
    const dialog = await answer(request, response, sdp, contactHeader(this.plan.token), (made) => this.#keep(made, media));
    this.#ringing = undefined;
    // The caller may have given up meanwhile.
    if (this.#isOver()) this.#bye(dialog);
    else this.#established();
  }

  #established(): void {
    this.#statusCode = 200;
    this.#establishedAtMs = this.#services.nowMs();
    this.#services.onEstablished(this);
    if (this.over) return;
    this.#services.onMedia(this);
    this.#set('ESTABLISHED');
  }

  #keep(dialog: SrfDialog, media: CallMedia): void {
    this.#dialog = dialog;
    const events: DialogEvents = {
      onMedia: () => this.#onMediaChanged(),
      onKey: () => this.#services.onKey(),
      onRefer: (request, response) => this.#services.onRefer(this, request, response),
      onNotify: (statusCode, isLast) => this.#transfer?.onNotify(statusCode, isLast),
      onBye: () => {
        this.#dialog = undefined;
        this.#left = this.#services.isSucceeded(this);
        if (!this.#left) this.#over(NORMAL);
      },
      onText: (request, response) => response.send(this.#services.onText(this, request) ? 200 : 480),
      onRefused: this.#onRefused,
    };
    listenTo(dialog, media, events);
  }

  #onMediaChanged(): void {
    if (this.over) return;
    this.#services.onMedia(this);
    const status = this.#media?.held === true || this.#media?.heldByPeer === true ? 'HOLD' : 'ESTABLISHED';
    if (status !== this.#status) this.#set(status);
  }

  /** Sends a request in the dialog, with credentials where they are asked for. */
  async #send(dialog: SrfDialog, request: DialogRequest): Promise<SrfResponse> {
    const attempt = (added: SrfHeaders): ReturnType<typeof within> => within(dialog, { ...request, headers: { ...request.headers, ...added } });
    return (await withCredentials(request.method, credentialsOf(this.plan.account), attempt)).response;
  }

  #newTransfer(state: TransferState): Transfer {
    return new Transfer(state, (target, status) => {
      if (this.over) return;
      this.#services.onTransfer(this, target, status);
      // The peer talks to somebody else. @see RFC 5589 section 6.1
      if (status === 'COMPLETED') this.hangUp();
    });
  }

  /** False where the descriptions don't fit together. */
  #agree(work: () => void): boolean {
    return guarded(this.#onRefused, () => (work(), true)) === true;
  }

  readonly #onRefused = (reason: string): void => this.session.log.debug('A description of the other side is refused', { reason });

  /** A request that fails because the call is over is no fault. */
  async #unlessOver(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.session.log.debug('A request in a call failed', { reason: messageOf(error) });
    }
  }

  #requestKeyFrame(): void {
    const [dialog, nowMs] = [this.#dialog, this.#services.nowMs()];
    if (dialog === undefined || nowMs < this.#fastUpdateDueMs) return;
    this.#fastUpdateDueMs = nowMs + FAST_UPDATE_MS;
    this.session.background(this.#unlessOver(this.#send(dialog, FAST_UPDATE_REQUEST)));
  }

  #bye(dialog: SrfDialog): void {
    this.#dialog = undefined;
    dialog.removeAllListeners();
    // Whatever becomes of the BYE: the call is over.
    const bye = (): Promise<void> => dialog.destroy().then(() => undefined, () => undefined);
    this.#services.ctx.background(this.#lastWords?.then(bye) ?? bye());
  }

  #over(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    if (this.#dialog !== undefined) this.#bye(this.#dialog);
    else this.#pending?.cancel();
    this.#media?.end(outcome.info);
    this.#statusCode = outcome.statusCode ?? this.#statusCode;
    this.#info = outcome.info;
    this.#set(outcome.status);
    this.#services.onOver(this, outcome);
    this.session.onGoodbye = undefined;
    this.session.close(outcome.info);
  }

  /** Asked after waits in which it may have ended. */
  #isOver(): boolean {
    return this.#outcome !== undefined;
  }

  #set(status: CallStatus): void {
    this.#status = status;
    this.#describe();
    this.#services.onStatus(this);
  }

  #describe(): void {
    const { incoming, caller, callee, streamName, clientId } = this.plan;
    const bytes = { bytesIn: () => this.#media?.bytesIn ?? 0, bytesOut: () => this.#media?.bytesOut ?? 0 };
    this.session.entry.update({ role: 'publish+play', state: this.#status, user: caller, streamName, info: { callee, incoming, clientId }, ...bytes });
  }

  #mediaRequest(): CallMediaRequest {
    return mediaRequestOf(this.session, this.plan, {
      onKey: () => this.#services.onKey(),
      onKeyFrameWanted: () => this.#requestKeyFrame(),
      onPlayEnded: () => this.#services.onPlayEnded(this),
      onFailed: (info) => this.fail(info),
      onTerminated: (reason) => {
        this.#left = this.#services.isSucceeded(this);
        if (!this.#left) this.hangUp(reason);
      },
    });
  }
}
