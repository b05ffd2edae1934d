import { randomUUID } from 'node:crypto';
import { messageOf, OFFER_ANSWER, WcsError, type CallWish, type KeyMethod, type MediaSessionEvent, type MediaSessionListener, type MessageStatus, type OfferAnswer, type PluginContext, type Stream, type StreamMeta, type TelephoneAccount, type Telephony, type TelephonyClient, type TelephonyEvent, type TelephonyListener, type TextMessage, type TransferStatus } from 'wcs-core';
import { codecsIn } from '../media/wire/formats.ts';
import { readSdp } from '../media/wire/read-sdp.ts';
import { addressesOf, calleeUri, callerOf, callIdOf } from './addresses.ts';
import type { Agents } from './agents.ts';
import type { Call } from './call.ts';
import type { Calls } from './calls.ts';
import { checkText, receivedText, sendText } from './messages.ts';
import { offeredMedia, type OfferedMedia } from './offered-media.ts';
import { NORMAL } from './outcome.ts';
import { newToken, type Registrar } from './registrar.ts';
import type { Registration } from './registration.ts';
import type { SrfRequest, SrfResponse } from './srf.ts';
import { replacing } from './transfer.ts';

/** Capability through which the media side of clients tells what happens. */
export const TELEPHONY_MEDIA = 'telephony-media';

const NO_MEDIA = 'WebRTC is not enabled on this server';

/** A client's side of a call; plain data. */
interface Line {
  /** Of its media session, and of the line. */
  readonly mediaId: string;
  readonly callId: string;
  readonly clientId: string;
  /** The client's offer, or its answer to ours; empty before that. */
  readonly sdp: string;
  /** Stream that the client's media becomes. */
  readonly streamName: string;
  /** Its media has been agreed on, or is being so. */
  readonly answered: boolean;
}

/** Plain data of `PhoneClients`. */
export interface PhoneClientsState {
  readonly clients: readonly TelephonyClient[];
  readonly lines: readonly Line[];
  readonly localTokens: readonly (readonly [string, string])[];
}

/** What clients are served with. */
export interface PhoneClientsOptions {
  readonly ctx: PluginContext;
  readonly agents: () => Agents;
  readonly calls: Calls;
  readonly registrar: Registrar;
  /** Where calls among clients without an exchange go; undefined: there are none. */
  readonly localPlace: (() => string) | undefined;
  /** Ends a registration unless somebody wants it. */
  release(registration: Registration): void;
}

/** The clients that telephone, by the signalling of other plugins: their accounts, and their side of calls. */
export class PhoneClients implements Telephony, MediaSessionListener {
  readonly #options: PhoneClientsOptions;
  readonly #clients = new Map<string, TelephonyClient>();
  /** What logins without an exchange are called by. */
  readonly #localTokens = new Map<string, string>();
  /** By `mediaId`. */
  readonly #lines = new Map<string, Line>();
  /** The next version has everything: what happens here concerns nobody any more. */
  #moved = false;
  /** What a client is told of a call waits for the answer to its offer. */
  readonly #answers = new Map<string, Promise<void>>();

  constructor(options: PhoneClientsOptions) {
    this.#options = options;
  }

  exportState(): PhoneClientsState {
    this.#moved = true;
    return { clients: [...this.#clients.values()], lines: [...this.#lines.values()], localTokens: [...this.#localTokens] };
  }

  importState({ clients, lines, localTokens }: PhoneClientsState): void {
    for (const [login, token] of localTokens) this.#localTokens.set(login, token);
    for (const client of clients) this.#clients.set(client.id, client);
    for (const line of lines) this.#lines.set(line.mediaId, line);
  }

  connect({ account: given, ...client }: TelephonyClient): void {
    const { peer } = client;
    const isLocal = given.domain === '' && this.#options.localPlace !== undefined;
    const account = isLocal ? { ...given, domain: this.#options.localPlace(), outboundProxy: '', port: 0, registerRequired: false } : given;
    addressesOf(account);
    this.#clients.set(client.id, { ...client, account });
    if (isLocal) {
      if (!this.#localTokens.has(account.login)) this.#localTokens.set(account.login, newToken());
      return this.#tell(client.id, { type: 'registered' });
    }
    if (!account.registerRequired) return;
    const registration = this.#options.registrar.register(account, peer.address);
    if (registration.registered) this.#tell(client.id, { type: 'registered' });
  }

  disconnect(clientId: string): void {
    const client = this.#clients.get(clientId);
    this.#clients.delete(clientId);
    for (const { callId, clientId: owner } of [...this.#lines.values()]) if (owner === clientId) this.hangUp(clientId, callId);
    if (client !== undefined && this.#localClients(client.account.login).length === 0) this.#localTokens.delete(client.account.login);
    const registration = client === undefined ? undefined : this.#options.registrar.find(client.account);
    if (registration !== undefined) this.#options.release(registration);
  }

  call(clientId: string, { callId, callee, visibleName, hasAudio, hasVideo, sdp }: CallWish): void {
    const { account, peer } = this.#client(clientId);
    const { calls, registrar } = this.#options;
    const isLocal = this.#isLocal(account);
    const called = isLocal ? this.#localNumber(callee) : callee;
    calleeUri(called, addressesOf(account));
    const token = registrar.find(account)?.plan.token ?? newToken();
    const call = calls.open({
      ...{ callId, incoming: false, account, callee, calledUser: called, hasAudio, hasVideo, clientId, token },
      caller: account.login,
      visibleName: visibleName || account.visibleName || account.login,
      // A call to ourselves is nobody's way to another host.
      callerAddress: isLocal ? undefined : peer.address,
      codecs: codecsIn(readSdp(sdp)),
      streamName: `call-${randomUUID()}`,
    });
    this.#lines.set(callId, { mediaId: callId, callId, clientId, sdp, streamName: `call-${randomUUID()}`, answered: false });
    call.dial();
  }

  /** Somebody calls an account: it rings at all clients that have it. */
  receive(account: TelephoneAccount, token: string, request: SrfRequest, response: SrfResponse): void {
    const clients = this.#clientsOf(account, token);
    if (clients.length === 0) return response.send(480);
    const offered = offeredMedia(request.body);
    if (offered === undefined) return response.send(488);
    const call = this.#options.calls.openFor(response, {
      ...{ callId: callIdOf(request), incoming: true, account, ...callerOf(request), callee: account.login, calledUser: account.login, clientId: undefined, token, callerAddress: this.#options.registrar.byToken(token)?.plan.callerAddress },
      ...{ hasAudio: true, hasVideo: offered.kinds.includes('video'), codecs: offered.codecs, streamName: `call-${randomUUID()}` },
    });
    if (call === undefined) return;
    const rings = this.#linesOf(call).length > 0;
    call.ring(request, response);
    // It rang already when the version before was exchanged.
    if (!rings) for (const client of clients) this.#ring(call, client, offered);
  }

  /** A text for an account; false when nobody has it. */
  receiveText(account: TelephoneAccount, token: string, request: SrfRequest): boolean {
    const message = receivedText(request, account);
    const clients = this.#clientsOf(account, token);
    for (const { id } of clients) this.#tell(id, { type: 'message', message, status: 'RECEIVED' });
    return clients.length > 0;
  }

  /** A text within a call; false when the call is no client's. */
  onText({ plan: { clientId, account } }: Call, request: SrfRequest): boolean {
    if (clientId !== undefined) this.#tell(clientId, { type: 'message', message: receivedText(request, account), status: 'RECEIVED' });
    return clientId !== undefined;
  }

  /** The account that a token of a local call stands for. */
  localAccount(token: string): TelephoneAccount | undefined {
    const login = [...this.#localTokens].find(([, known]) => known === token)?.[0];
    return login === undefined ? undefined : this.#localClients(login)[0]?.account;
  }

  /** Those that have the account which is called by that token. */
  #clientsOf({ login }: TelephoneAccount, token: string): readonly TelephonyClient[] {
    const { registrar } = this.#options;
    const registration = registrar.byToken(token);
    return registration === undefined ? this.#localClients(login) : this.#registered(registration);
  }

  /** Whether a client has that registration. */
  wants(registration: Registration): boolean {
    return this.#registered(registration).length > 0;
  }

  #registered(registration: Registration): readonly TelephonyClient[] {
    return [...this.#clients.values()].filter(({ account }) => account.registerRequired && this.#options.registrar.find(account) === registration);
  }

  #localClients(login: string): readonly TelephonyClient[] {
    return [...this.#clients.values()].filter(({ account }) => account.login === login && this.#isLocal(account));
  }

  /** What a client without an exchange is called by. @throws WcsError SESSION_E_NOT_FOUND */
  #localNumber(login: string): string {
    const token = this.#localTokens.get(login);
    if (token === undefined) throw new WcsError('SESSION_E_NOT_FOUND', `Nobody of the name ${login} is here`);
    return token;
  }

  #isLocal({ domain }: TelephoneAccount): boolean {
    return domain === this.#options.localPlace?.();
  }

  answer(clientId: string, callId: string, sdp: string): void {
    const call = this.#call(clientId, callId);
    const own = this.#linesOf(call).find((line) => line.clientId === clientId);
    if (own === undefined || call.plan.clientId !== undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'Call not found');
    call.assign(clientId, codecsIn(readSdp(sdp)));
    this.#lines.set(own.mediaId, { ...own, sdp });
    for (const line of this.#linesOf(call)) if (line.clientId !== clientId) this.#drop(call, line, 'Answered by another');
    call.accept();
  }

  hangUp(clientId: string, callId: string): void {
    const call = this.#call(clientId, callId);
    const others = this.#linesOf(call).filter((line) => line.clientId !== clientId);
    const own = this.#linesOf(call).find((line) => line.clientId === clientId);
    // The others may want it still.
    if (call.plan.clientId === undefined && others.length > 0 && own !== undefined) this.#drop(call, own, NORMAL.info);
    else call.hangUp();
  }

  hold(clientId: string, callId: string, held: boolean): void {
    this.#call(clientId, callId).hold(held);
  }

  pressKeys(clientId: string, callId: string, keys: string, method: KeyMethod): void {
    this.#call(clientId, callId).pressKeys(keys, method);
  }

  transfer(clientId: string, callId: string, target: string): void {
    const call = this.#call(clientId, callId);
    const other = [...this.#lines.values()].flatMap((line) => (line.clientId === clientId ? (this.#options.calls.find(line.callId) ?? []) : [])).find((one) => one !== call && otherSideOf(one) === target && one.dialog !== undefined);
    if (other?.dialog !== undefined) return call.transfer(target, replacing(other.dialog));
    const { account } = call.plan;
    call.transfer(target, this.#isLocal(account) ? calleeUri(this.#localNumber(target), addressesOf(account)) : undefined);
  }

  sendMessage(clientId: string, wish: Omit<TextMessage, 'from'>): void {
    const { account, peer } = this.#client(clientId);
    const isLocal = this.#isLocal(account);
    const uri = calleeUri(isLocal ? this.#localNumber(wish.to) : wish.to, addressesOf(account));
    checkText(wish);
    const message: TextMessage = { ...wish, from: account.login };
    const tell = (status: MessageStatus, statusCode?: number, info?: string): void => this.#tell(clientId, { type: 'message', message, status, statusCode, info });
    tell('SENT');
    const sent = sendText(this.#options.agents(), account, uri, message, isLocal ? undefined : peer.address);
    this.#options.ctx.background(sent.then(({ status, reason }) => tell(status < 300 ? 'ACCEPTED' : 'FAILED', status, `${status} ${reason}`), (error: unknown) => tell('FAILED', undefined, messageOf(error))));
  }

  /** The media of a client says what happens. */
  onMediaEvent(mediaId: string, event: MediaSessionEvent): void {
    const line = this.#lines.get(mediaId);
    if (event.type === 'ended' && line !== undefined) this.#options.calls.find(line.callId)?.hangUp(event.info);
  }

  /** The stream of the client's own media; undefined where there is none (yet). */
  streamOf(call: Call): Stream | undefined {
    const line = this.#lineOf(call);
    return line === undefined ? undefined : this.#options.ctx.media.find(line.streamName);
  }

  onRegistration(registration: Registration): void {
    const event: TelephonyEvent = registration.registered ? { type: 'registered' } : { type: 'registrationFailed', info: `Registration failed: ${registration.failure ?? 'no answer'}` };
    for (const { id } of this.#registered(registration)) this.#tell(id, event);
  }

  /** Media is agreed on with the other side: the client's offer can be answered so that nothing needs to be converted. */
  onMedia(call: Call): void {
    const line = this.#lineOf(call);
    if (line === undefined || line.answered) return;
    this.#lines.set(line.mediaId, { ...line, answered: true });
    const answered = this.#agreeWith(call, line);
    this.#answers.set(line.callId, answered);
    call.session.background(answered);
  }

  onStatus(call: Call): void {
    const { facts } = call;
    const answer = this.#answers.get(facts.callId);
    const tell = (): void => {
      for (const { clientId } of this.#linesOf(call)) this.#tell(clientId, { type: 'status', call: facts });
    };
    // Nobody waits for the end of a call.
    if (answer === undefined || call.over) tell();
    else this.#options.ctx.background(answer.then(() => (call.over ? undefined : tell())));
  }

  onTransfer(call: Call, target: string, status: TransferStatus): void {
    const { clientId, callId } = call.plan;
    if (clientId !== undefined) this.#tell(clientId, { type: 'transfer', callId, target, status });
  }

  /** What was played instead of the client has ended. */
  onPlayEnded(call: Call): void {
    const own = this.streamOf(call);
    if (own !== undefined && !call.over) call.play(own);
  }

  onOver(call: Call): void {
    this.#answers.delete(call.plan.callId);
    for (const { mediaId } of this.#linesOf(call)) {
      this.#lines.delete(mediaId);
      if (!this.#moved) this.#media()?.close(mediaId, 'Stopped by user');
    }
  }

  #ring(call: Call, client: TelephonyClient, { kinds, codecs }: OfferedMedia): void {
    const { callId } = call.plan;
    const line: Line = { mediaId: randomUUID(), callId, clientId: client.id, sdp: '', streamName: `call-${randomUUID()}`, answered: false };
    this.#lines.set(line.mediaId, line);
    const rung = async (): Promise<void> => {
      try {
        const media = this.#media();
        if (media === undefined) throw new WcsError('PLUGIN_E_REQUIRES', NO_MEDIA);
        const { mediaId, streamName } = line;
        const { sdp } = await media.offer({ id: mediaId, kinds, codecs, name: streamName, plays: call.plan.streamName, owner: `call:${callId}`, listener: TELEPHONY_MEDIA, meta: this.#metaOf(call, client) });
        if (call.over || !this.#lines.has(mediaId)) {
          media.close(mediaId, 'Stopped by user');
          return;
        }
        // The SDK can't take them in another order.
        this.#tell(client.id, { type: 'description', callId, sdp });
        this.#tell(client.id, { type: 'incoming', call: call.facts });
        this.#tell(client.id, { type: 'status', call: call.facts });
      } catch (error) {
        if (!(error instanceof WcsError)) throw error;
        this.#lines.delete(line.mediaId);
        if (this.#linesOf(call).length === 0) call.hangUp(error.message, 480);
      }
    };
    call.session.background(rung());
  }

  /** One of the clients that a call rings at has nothing to do with it any more. */
  #drop(call: Call, { mediaId, clientId }: Line, info: string): void {
    this.#lines.delete(mediaId);
    this.#media()?.close(mediaId, 'Stopped by user');
    this.#tell(clientId, { type: 'status', call: { ...call.facts, status: 'FINISH', info } });
  }

  #linesOf(call: Call): readonly Line[] {
    return [...this.#lines.values()].filter(({ callId }) => callId === call.plan.callId);
  }

  /** That of the client whose call it is. */
  #lineOf(call: Call): Line | undefined {
    return this.#linesOf(call).find(({ clientId }) => clientId === call.plan.clientId);
  }

  #metaOf(call: Call, { peer, account }: TelephonyClient): StreamMeta {
    return { plugin: 'sip', protocol: 'webrtc', sessionId: call.session.id, peer, params: {}, login: account.login };
  }

  async #agreeWith(call: Call, { mediaId, callId, clientId, sdp: given, streamName }: Line): Promise<void> {
    const media = this.#media();
    const client = this.#clients.get(clientId);
    if (media === undefined || client === undefined) {
      call.hangUp(NO_MEDIA);
      return;
    }
    try {
      let sdp = '';
      if (call.plan.incoming) await media.accept(mediaId, given, call.codecs);
      else ({ sdp } = await media.answer({ id: mediaId, sdp: given, direction: 'both', name: streamName, plays: call.plan.streamName, codecs: call.codecs, owner: `call:${callId}`, listener: TELEPHONY_MEDIA, meta: this.#metaOf(call, client) }));
      if (call.over) {
        media.close(mediaId, 'Stopped by user');
        return;
      }
      if (sdp !== '') this.#tell(clientId, { type: 'description', callId, sdp });
      call.play(this.streamOf(call));
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      call.session.log.debug('The offer of a client was refused', { reason: messageOf(error) });
      call.fail(error.code === 'MEDIA_E_NO_COMMON_CODEC' ? 'No common codecs' : 'Failed by session creation');
    }
  }

  #tell(clientId: string, event: TelephonyEvent): void {
    const listener = this.#moved ? undefined : this.#clients.get(clientId)?.listener;
    const { capabilities } = this.#options.ctx;
    if (listener !== undefined && capabilities.has(listener)) capabilities.get<TelephonyListener>(listener).onTelephonyEvent(clientId, event);
  }

  #client(clientId: string): TelephonyClient {
    const client = this.#clients.get(clientId);
    if (client === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'The client has no telephone account');
    return client;
  }

  /** A call of that client's. */
  #call(clientId: string, callId: string): Call {
    const call = this.#options.calls.find(callId);
    if (call === undefined || !this.#linesOf(call).some((line) => line.clientId === clientId)) throw new WcsError('SESSION_E_NOT_FOUND', 'Call not found');
    return call;
  }

  #media(): OfferAnswer | undefined {
    const { capabilities } = this.#options.ctx;
    return capabilities.has(OFFER_ANSWER) ? capabilities.get<OfferAnswer>(OFFER_ANSWER) : undefined;
  }
}

function otherSideOf({ plan: { incoming, caller, callee } }: Call): string {
  return incoming ? caller : callee;
}
