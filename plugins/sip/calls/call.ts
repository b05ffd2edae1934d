import { messageOf, ProtocolError, WcsError, type CallFacts, type CallStatus, type KeyMethod, type PluginSession, type Stream } from 'wcs-core';
import { CALLER_HEADER, RESUME_HEADER } from '../engine/session/uac.ts';
import { addressesOf, calleeUri, contactHeader, fromHeader } from './addresses.ts';
import { withCredentials } from './authenticated.ts';
import type { CallMedia, CallMediaRequest } from './call-media.ts';
import type { CallPlan, CallServices, CallState } from './call-facts.ts';
import { answer, call, type CallAttempt } from './exchange.ts';
import { listenTo, sendFastUpdate, sendKey, type DialogEvents } from './in-dialog.ts';
import { failed, NORMAL, outcomeOf, type Outcome } from './outcome.ts';
import type { SrfDialog, SrfHeaders, SrfRequest, SrfResponse } from './srf.ts';

/** Least time between two requests for a key frame by a message. */
const FAST_UPDATE_MS = 1000;
/** How often a change of the media is tried anew while the other side changes it as well. @see RFC 3261 section 14.1 */
const MODIFY_ATTEMPTS = 3;
const GLARE_OWNER_MS = [2100, 4000] as const;
const GLARE_OTHER_MS = [0, 2000] as const;

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
  #transferTarget = '';
  #establishedAtMs: number | undefined;
  #fastUpdateDueMs = 0;

  constructor(services: CallServices, session: PluginSession, plan: CallPlan) {
    this.session = session;
    this.#plan = plan;
    this.#services = services;
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
    const dialog = state.dialogId === undefined ? undefined : services.srf().findDialogById(state.dialogId);
    if (dialog !== undefined) own.#keep(dialog, own.#media);
    else if (state.transactionId !== undefined) own.dial(state.transactionId);
    // It was ended between the two versions.
    else session.timers.after(0, () => own.#over(NORMAL));
    own.#describe();
    return own;
  }

  /** Undefined while something is under way that another version could not take. */
  exportState(): CallState | undefined {
    const media = this.#media?.exportState();
    if (media === undefined || this.#outcome !== undefined || (this.#dialog === undefined && this.#pending === undefined)) return undefined;
    return { plan: this.plan, status: this.#status, statusCode: this.#statusCode, dialogId: this.#dialog?.id, transactionId: this.#pending?.stackTxnId, establishedAtMs: this.#establishedAtMs, media };
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

  /** Codecs that are agreed on with the peer. */
  get codecs(): CallMedia['codecs'] {
    return this.#media?.codecs ?? [];
  }

  get over(): boolean {
    return this.#outcome !== undefined;
  }

  /** Calls the callee; what comes of it is told. @param transactionId of an INVITE of the previous version, to be taken over */
  dial(transactionId?: string): void {
    const dialled = async (): Promise<void> => {
      try {
        await this.#dial(transactionId);
      } catch (error) {
        this.#over(failed(messageOf(error)));
      }
    };
    this.session.background(dialled());
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
    const accepted = async (): Promise<void> => {
      try {
        await this.#accept(ringing);
      } catch (error) {
        ringing.response.send(error instanceof WcsError && error.code === 'MEDIA_E_NO_COMMON_CODEC' ? 488 : 500);
        this.#over(failed(messageOf(error), 'media'));
      }
    };
    this.session.background(accepted());
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
    this.session.background(this.#hold(held, MODIFY_ATTEMPTS));
  }

  /** Presses keys in the way that is wished, or that the peer understands. */
  pressKeys(keys: string, method: KeyMethod): void {
    if (method === 'RFC2833' && this.#media?.press(keys) === true) return;
    const dialog = this.#dialog;
    if (dialog === undefined) return;
    const pressed = async (): Promise<void> => {
      for (const key of keys.toUpperCase().replaceAll(/[^0-9A-D*#]/g, '')) await sendKey(dialog, key, method === 'INFO' ? 'plain' : 'relay');
    };
    this.session.background(this.#unlessOver(pressed()));
  }

  /** Sends the peer to somebody else. @see RFC 3515 @throws WcsError OPERATION_E_INPUT */
  transfer(target: string): void {
    const dialog = this.#dialog;
    const addresses = addressesOf(this.plan.account);
    const uri = calleeUri(target, addresses);
    if (dialog === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'The call is not established');
    this.#transferTarget = target;
    const referred = async (): Promise<void> => {
      const { status } = await dialog.request({ method: 'REFER', headers: { 'Refer-To': `<${uri}>`, 'Referred-By': `<${addresses.own}>` } });
      this.#services.onTransfer(this, target, status < 300 ? 'TRYING' : 'FAILED');
    };
    this.session.background(this.#unlessOver(referred()));
  }

  /** Plays a stream to the peer. @throws WcsError where the peer could take nothing of it, or has no media */
  play(stream: Stream | undefined): void {
    this.#media?.play(stream);
  }

  tick(nowMs: number): void {
    const media = this.#media;
    if (media === undefined || this.#outcome !== undefined) return;
    media.tick(nowMs);
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
    const media = this.#media;
    const headers: SrfHeaders = { from: fromHeader(visibleName, addresses.own), To: `<${uri}>`, ...contactHeader(token), ...(callerAddress === undefined ? {} : { [CALLER_HEADER]: callerAddress }) };
    let resume = transactionId;
    const localSdp = media.offer();
    const attempt = (added: SrfHeaders): Promise<CallAttempt> => {
      const taken: SrfHeaders = resume === undefined ? {} : { [RESUME_HEADER]: resume };
      resume = undefined;
      const options = { localSdp, headers: { ...headers, ...added, ...taken }, ...(addresses.proxy === undefined ? {} : { proxy: addresses.proxy }) };
      return call(this.#services.srf(), uri, options, { onSent: (request) => this.#onSent(request), onProvisional: (response) => this.#onProvisional(response, media), onDialog: (dialog) => this.#onAnswered(dialog, media) });
    };
    const credentials = { username: account.authenticationName || account.login, password: account.password };
    const { response, dialog } = await withCredentials('INVITE', uri, credentials, attempt);
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
    const hasEarlyMedia = response.body !== '' && this.#agree(() => media.accept(response.body));
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
    const dialog = await answer(this.#services.srf(), request, response, sdp, contactHeader(this.plan.token), (made) => this.#keep(made, media));
    this.#ringing = undefined;
    // The caller may have given up meanwhile.
    if (this.#isOver()) this.#bye(dialog);
    else this.#established();
  }

  #established(): void {
    this.#statusCode = 200;
    this.#establishedAtMs = this.#services.nowMs();
    this.#services.onMedia(this);
    this.#set('ESTABLISHED');
  }

  #keep(dialog: SrfDialog, media: CallMedia): void {
    this.#dialog = dialog;
    const events: DialogEvents = {
      onMedia: () => this.#onMediaChanged(),
      onKey: () => this.#services.onKey(),
      onRefer: (_request, response) => response.send(603),
      onNotify: (statusCode) => {
        if (statusCode >= 200) this.#services.onTransfer(this, this.#transferTarget, statusCode < 300 ? 'COMPLETED' : 'FAILED');
      },
      onBye: () => {
        this.#dialog = undefined;
        this.#over(NORMAL);
      },
      onRefused: (reason) => this.session.log.debug('A description of the other side is refused', { reason }),
    };
    listenTo(dialog, media, events);
  }

  #onMediaChanged(): void {
    if (this.over) return;
    this.#services.onMedia(this);
    const status = this.#media?.held === true || this.#media?.heldByPeer === true ? 'HOLD' : 'ESTABLISHED';
    if (status !== this.#status) this.#set(status);
  }

  async #hold(held: boolean, attemptsLeft: number): Promise<void> {
    const [dialog, media] = [this.#dialog, this.#media];
    if (dialog === undefined || media === undefined || media.held === held) return;
    try {
      media.accept(await dialog.modify(media.offer(held)));
      this.#onMediaChanged();
    } catch (error) {
      media.offer(!held);
      // drachtio-srf counts a change that was refused as one that is under way, and holds all later ones back.
      dialog._reinvitesInProgress.count = 0;
      const isGlare = typeof error === 'object' && error !== null && 'status' in error && error.status === 491;
      if (!isGlare || attemptsLeft <= 1 || this.over) {
        this.session.log.debug('The media could not be changed', { reason: messageOf(error) });
        return;
      }
      const [fromMs, toMs] = this.plan.incoming ? GLARE_OTHER_MS : GLARE_OWNER_MS;
      this.session.timers.after(fromMs + Math.random() * (toMs - fromMs), () => this.session.background(this.#hold(held, attemptsLeft - 1)));
    }
  }

  /** False where the descriptions don't fit together. */
  #agree(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof WcsError)) throw error;
      this.session.log.debug('A description of the other side is refused', { reason: messageOf(error) });
      return false;
    }
  }

  /** A request that fails because the call is over is no fault. */
  async #unlessOver(work: Promise<void>): Promise<void> {
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
    this.session.background(this.#unlessOver(sendFastUpdate(dialog)));
  }

  #bye(dialog: SrfDialog): void {
    this.#dialog = undefined;
    dialog.removeAllListeners();
    // Whatever becomes of the BYE: the call is over.
    this.#services.ctx.background(dialog.destroy().then(() => undefined, () => undefined));
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
    this.session.entry.update({
      role: 'publish+play',
      state: this.#status,
      user: caller,
      streamName,
      info: { callee, incoming, clientId },
      bytesIn: () => this.#media?.bytesIn ?? 0,
      bytesOut: () => this.#media?.bytesOut ?? 0,
    });
  }

  #mediaRequest(): CallMediaRequest {
    const { hasAudio, hasVideo, codecs, account, streamName, callId, callerAddress } = this.plan;
    return {
      session: this.session,
      audio: hasAudio,
      video: hasVideo,
      ...(codecs === undefined ? {} : { codecs }),
      peerHost: addressesOf(account).host,
      streamName,
      callerAddress,
      owner: `call:${callId}`,
      meta: { plugin: 'sip', protocol: 'sip', sessionId: this.session.id, params: {} },
      sink: {
        onKey: () => this.#services.onKey(),
        onKeyFrameWanted: () => this.#requestKeyFrame(),
        onPlayEnded: () => this.#services.onPlayEnded(this),
        onTerminated: (reason) => this.hangUp(reason),
        onFailed: (info) => this.fail(info),
      },
    };
  }
}
