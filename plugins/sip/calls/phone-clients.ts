import { randomUUID } from 'node:crypto';
import { messageOf, OFFER_ANSWER, WcsError, type CallWish, type KeyMethod, type MediaSessionEvent, type MediaSessionListener, type OfferAnswer, type PluginContext, type Stream, type Telephony, type TelephonyClient, type TelephonyEvent, type TelephonyListener } from 'wcs-core';
import { codecsIn } from '../media/wire/formats.ts';
import { readSdp } from '../media/wire/read-sdp.ts';
import { addressesOf, calleeUri } from './addresses.ts';
import type { Call } from './call.ts';
import type { Calls } from './calls.ts';
import { newToken, type Registrar } from './registrar.ts';
import type { Registration } from './registration.ts';

/** Capability through which the media side of clients tells what happens. */
export const TELEPHONY_MEDIA = 'telephony-media';

const NO_MEDIA = 'WebRTC is not enabled on this server';

/** The client's side of a call; plain data. */
interface Line {
  readonly callId: string;
  readonly clientId: string;
  /** The client's offer. */
  readonly sdp: string;
  /** Stream that the client's media becomes. */
  readonly streamName: string;
  /** The client's offer has been answered, or is being so. */
  readonly answered: boolean;
}

/** Plain data of `PhoneClients`. */
export interface PhoneClientsState {
  readonly clients: readonly TelephonyClient[];
  readonly lines: readonly Line[];
}

/** What clients are served with. */
export interface PhoneClientsOptions {
  readonly ctx: PluginContext;
  readonly calls: Calls;
  readonly registrar: Registrar;
}

/** The clients that telephone, by the signalling of other plugins: their accounts, and their side of calls. */
export class PhoneClients implements Telephony, MediaSessionListener {
  readonly #options: PhoneClientsOptions;
  readonly #clients = new Map<string, TelephonyClient>();
  readonly #lines = new Map<string, Line>();
  /** What a client is told of a call waits for the answer to its offer. */
  readonly #answers = new Map<string, Promise<void>>();

  constructor(options: PhoneClientsOptions) {
    this.#options = options;
  }

  exportState(): PhoneClientsState {
    return { clients: [...this.#clients.values()], lines: [...this.#lines.values()] };
  }

  importState({ clients, lines }: PhoneClientsState): void {
    for (const client of clients) this.#clients.set(client.id, client);
    for (const line of lines) this.#lines.set(line.callId, line);
  }

  connect(client: TelephonyClient): void {
    const { account, peer } = client;
    addressesOf(account);
    this.#clients.set(client.id, client);
    if (!account.registerRequired) return;
    const registration = this.#options.registrar.register(account, peer.address);
    if (registration.registered) this.#tell(client.id, { type: 'registered' });
  }

  disconnect(clientId: string): void {
    const client = this.#clients.get(clientId);
    this.#clients.delete(clientId);
    for (const call of this.#options.calls.all) if (call.plan.clientId === clientId) call.hangUp();
    const registration = client === undefined ? undefined : this.#options.registrar.find(client.account);
    const isWanted = registration === undefined || [...this.#clients.values()].some(({ account }) => account.registerRequired && this.#options.registrar.find(account) === registration);
    if (!isWanted) registration.session.close('Nobody is here any more');
  }

  call(clientId: string, { callId, callee, visibleName, hasAudio, hasVideo, sdp }: CallWish): void {
    const { account, peer } = this.#client(clientId);
    const { calls, registrar } = this.#options;
    calleeUri(callee, addressesOf(account));
    const token = registrar.find(account)?.plan.token ?? newToken();
    const call = calls.open({
      ...{ callId, incoming: false, account, callee, hasAudio, hasVideo, clientId, token },
      caller: account.login,
      visibleName: visibleName || account.visibleName || account.login,
      callerAddress: peer.address,
      codecs: codecsIn(readSdp(sdp)),
      streamName: `call-${randomUUID()}`,
    });
    this.#lines.set(callId, { callId, clientId, sdp, streamName: `call-${randomUUID()}`, answered: false });
    call.dial();
  }

  answer(clientId: string, callId: string, _sdp: string): void {
    this.#call(clientId, callId).accept();
  }

  hangUp(clientId: string, callId: string): void {
    this.#call(clientId, callId).hangUp();
  }

  hold(clientId: string, callId: string, held: boolean): void {
    this.#call(clientId, callId).hold(held);
  }

  pressKeys(clientId: string, callId: string, keys: string, method: KeyMethod): void {
    this.#call(clientId, callId).pressKeys(keys, method);
  }

  transfer(clientId: string, callId: string, target: string): void {
    this.#call(clientId, callId).transfer(target);
  }

  /** The media of a client says what happens. */
  onMediaEvent(callId: string, event: MediaSessionEvent): void {
    if (event.type === 'ended') this.#options.calls.find(callId)?.hangUp(event.info);
  }

  /** The stream of the client's own media; undefined where there is none (yet). */
  streamOf(call: Call): Stream | undefined {
    const line = this.#lines.get(call.plan.callId);
    return line === undefined ? undefined : this.#options.ctx.media.find(line.streamName);
  }

  onRegistration(registration: Registration): void {
    for (const { id, account } of this.#clients.values()) {
      if (!account.registerRequired || this.#options.registrar.find(account) !== registration) continue;
      this.#tell(id, registration.registered ? { type: 'registered' } : { type: 'registrationFailed', info: `Registration failed: ${registration.failure ?? 'no answer'}` });
    }
  }

  /** Media is agreed on with the other side: the client's offer can be answered so that nothing needs to be converted. */
  onMedia(call: Call): void {
    const line = this.#lines.get(call.plan.callId);
    if (line === undefined || line.answered) return;
    this.#lines.set(line.callId, { ...line, answered: true });
    const answered = this.#answerClient(call, line);
    this.#answers.set(line.callId, answered);
    call.session.background(answered);
  }

  onStatus(call: Call): void {
    const { clientId, callId } = call.plan;
    if (clientId === undefined) return;
    const { facts } = call;
    const answer = this.#answers.get(callId);
    const tell = (): void => this.#tell(clientId, { type: 'status', call: facts });
    // Nobody waits for the end of a call.
    if (answer === undefined || call.over) tell();
    else this.#options.ctx.background(answer.then(() => (call.over ? undefined : tell())));
  }

  onTransfer(call: Call, target: string, status: 'TRYING' | 'COMPLETED' | 'FAILED'): void {
    const { clientId, callId } = call.plan;
    if (clientId !== undefined) this.#tell(clientId, { type: 'transfer', callId, target, status });
  }

  /** What was played instead of the client has ended. */
  onPlayEnded(call: Call): void {
    const own = this.streamOf(call);
    if (own !== undefined && !call.over) call.play(own);
  }

  onOver(call: Call): void {
    const { callId } = call.plan;
    if (!this.#lines.delete(callId)) return;
    this.#answers.delete(callId);
    this.#media()?.close(callId, 'Stopped by user');
  }

  async #answerClient(call: Call, { callId, clientId, sdp: offer, streamName }: Line): Promise<void> {
    const media = this.#media();
    const client = this.#clients.get(clientId);
    if (media === undefined || client === undefined) {
      call.hangUp(NO_MEDIA);
      return;
    }
    try {
      const meta = { plugin: 'sip', protocol: 'webrtc', sessionId: call.session.id, peer: client.peer, params: {}, login: client.account.login };
      const { sdp } = await media.answer({ id: callId, sdp: offer, direction: 'both', name: streamName, plays: call.plan.streamName, codecs: call.codecs, owner: `call:${callId}`, listener: TELEPHONY_MEDIA, meta });
      if (call.over) {
        media.close(callId, 'Stopped by user');
        return;
      }
      this.#tell(clientId, { type: 'description', callId, sdp });
      call.play(this.streamOf(call));
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      call.session.log.debug('The offer of a client was refused', { reason: messageOf(error) });
      call.fail(error.code === 'MEDIA_E_NO_COMMON_CODEC' ? 'No common codecs' : 'Failed by session creation');
    }
  }

  #tell(clientId: string, event: TelephonyEvent): void {
    const listener = this.#clients.get(clientId)?.listener;
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
    if (call?.plan.clientId !== clientId) throw new WcsError('SESSION_E_NOT_FOUND', 'Call not found');
    return call;
  }

  #media(): OfferAnswer | undefined {
    const { capabilities } = this.#options.ctx;
    return capabilities.has(OFFER_ANSWER) ? capabilities.get<OfferAnswer>(OFFER_ANSWER) : undefined;
  }
}
