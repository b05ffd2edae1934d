import { messageOf, TELEPHONY, WcsError, type AccessDecision, type AccessRequest, type CallFacts, type KeyMethod, type PluginContext, type PluginSession, type TelephoneAccount, type Telephony, type TelephonyEvent, type TextMessage } from 'wcs-core';
import type { ClientSession, Effect } from '../session/client-session.ts';
import type { CallEventName, CallFacts as CallObject, ServerMessage } from '../wire/server-message.ts';
import { paramsOf } from './params.ts';
import type { WebSocketSettings } from './settings.ts';

/** Capability through which the telephony tells what happens. */
export const PHONE_LISTENER = 'websocket-phone';

const NO_CALLS = 'Telephone calls are not enabled on this server';
const KEY_METHODS: readonly KeyMethod[] = ['RFC2833', 'INFO', 'INFO_RELAY'];
/** The message that tells a status; one handler of the SDK takes them all. */
const STATUS_MESSAGES: Readonly<Record<CallFacts['status'], CallEventName>> = {
  PENDING: 'notifyTryingResponse',
  TRYING: 'notifyTryingResponse',
  RING: 'ring',
  RING_MEDIA: 'ring',
  ESTABLISHED: 'talk',
  HOLD: 'hold',
  FINISH: 'finish',
  BUSY: 'finish',
  FAILED: 'finish',
};

/** What a desk needs of its peer. */
export interface PhoneHost {
  readonly ctx: PluginContext<WebSocketSettings>;
  readonly session: PluginSession;
  readonly machine: ClientSession;
  readonly peer: { readonly address: string; readonly port: number };
  deliver(message: ServerMessage): void;
}

type CallRequest = Extract<Effect, { type: 'call' }>;

/** The telephone of one client: its account and calls, by whoever provides telephony. @see WebSocket signalling section 9 */
export class PhoneDesk {
  readonly #host: PhoneHost;
  #underWay = 0;

  constructor(host: PhoneHost) {
    this.#host = host;
  }

  /** True while an answer is awaited. */
  get pending(): boolean {
    return this.#underWay > 0;
  }

  /** Brings the client's account, and registers it where it wants that. */
  connect(account: TelephoneAccount): void {
    const { ctx, session, peer } = this.#host;
    try {
      const telephony = this.#telephony();
      if (telephony === undefined) return this.#fail('ConnectionStatusEvent', NO_CALLS);
      telephony.connect({ id: session.id, listener: PHONE_LISTENER, account, peer });
    } catch (error) {
      ctx.log.debug('A telephone account was refused', { reason: messageOf(error) });
      this.#fail('ConnectionStatusEvent', messageOf(error));
    }
  }

  disconnect(): void {
    if (this.#host.machine.request?.account !== undefined) this.#telephony()?.disconnect(this.#host.session.id);
  }

  receive(request: CallRequest): void {
    const telephony = this.#telephony();
    if (telephony === undefined || this.#host.machine.request?.account === undefined) {
      // A `fail` alone would leave the call hanging in the SDK.
      if (request.name === 'call') this.#finish(request.callId, NO_CALLS);
      return this.#fail(request.name, NO_CALLS, request.callId);
    }
    try {
      if (request.name === 'call') this.#host.session.background(this.#call(telephony, request));
      else this.#act(telephony, request);
    } catch (error) {
      this.#fail(request.name, messageOf(error), request.callId);
    }
  }

  /** Sends a text, if the access chain lets it go. */
  send(message: Omit<TextMessage, 'from'>): void {
    const sent = async (): Promise<void> => {
      this.#underWay++;
      try {
        const telephony = this.#telephony();
        if (telephony === undefined) throw new WcsError('PLUGIN_E_REQUIRES', NO_CALLS);
        const decision = await this.#ask('message', { to: message.to });
        if (this.#host.session.closed) return;
        if (!decision.allowed) throw new WcsError('ACCESS_E_REFUSED', decision.reason);
        telephony.sendMessage(this.#host.session.id, message);
      } catch (error) {
        this.#host.deliver({ type: 'notifyMessage', message: { ...message, from: '' }, status: 'FAILED', info: messageOf(error) });
      } finally {
        this.#underWay--;
      }
    };
    this.#host.session.background(sent());
  }

  onEvent(event: TelephonyEvent): void {
    switch (event.type) {
      case 'registered':
        return this.#host.deliver({ type: 'registered', user: { ...this.#host.machine.request?.echo, status: 'REGISTERED' } });
      case 'registrationFailed':
        return this.#fail('ConnectionStatusEvent', event.info);
      case 'description':
        return this.#host.deliver({ type: 'setRemoteSDP', id: event.callId, sdp: event.sdp });
      case 'incoming':
        return this.#host.deliver({ type: 'call', name: 'notifyIncomingCall', call: callObject(event.call) });
      case 'status':
        return this.#host.deliver({ type: 'call', name: STATUS_MESSAGES[event.call.status], call: callObject(event.call) });
      case 'transfer':
        return this.#onTransfer(event);
      case 'message': {
        const { message, status, statusCode: sipStatus, info } = event;
        return this.#host.deliver({ type: 'notifyMessage', message, status, sipStatus, info });
      }
    }
  }

  /**
   * Tells only how it ends. Any other status makes the SDK put the media of the call aside for whichever call comes next,
   * until the transfer is COMPLETED; it never hears of one that FAILED but by a warning.
   */
  #onTransfer({ callId, target, status }: Extract<TelephonyEvent, { type: 'transfer' }>): void {
    if (status === 'COMPLETED') this.#host.deliver({ type: 'call', name: 'notifyTransferEvent', call: { callId, incoming: false, status, target } });
    else if (status === 'FAILED') this.#fail('TransferStatusEvent', `The call could not be transferred to ${target}`, callId);
  }

  async #call(telephony: Telephony, { callId, call }: CallRequest): Promise<void> {
    const { session } = this.#host;
    const [callee, sdp] = [textOf(call['callee']), textOf(call['sdp'])];
    this.#underWay++;
    try {
      const decision = await this.#ask('call', { ...paramsOf(call['custom']), callee });
      if (session.closed) return;
      if (!decision.allowed) {
        this.#finish(callId, decision.reason);
        return;
      }
      const visibleName = textOf(call['visibleName']);
      telephony.call(session.id, { callId, callee, visibleName, sdp, hasAudio: call['hasAudio'] !== false, hasVideo: call['hasVideo'] === true });
    } catch (error) {
      this.#finish(callId, messageOf(error));
    } finally {
      this.#underWay--;
    }
  }

  #act(telephony: Telephony, { name, callId, call }: CallRequest): void {
    const { id } = this.#host.session;
    switch (name) {
      case 'answer':
        return telephony.answer(id, callId, textOf(call['sdp']));
      case 'hangup':
        return telephony.hangUp(id, callId);
      case 'hold':
      case 'unhold':
        return telephony.hold(id, callId, name === 'hold');
      case 'sendDtmf':
        return telephony.pressKeys(id, callId, textOf(call['dtmf']), KEY_METHODS.find((method) => method === call['type']) ?? 'RFC2833');
      case 'transfer':
        return telephony.transfer(id, callId, textOf(call['target']));
      case 'call':
    }
  }

  #ask(action: AccessRequest['action'], params: AccessRequest['params']): Promise<AccessDecision> {
    const { ctx, session, machine, peer } = this.#host;
    return ctx.access.authorise({ action, protocol: 'websocket', app: machine.request?.appKey ?? '', params, peer, sessionId: session.id }, session.scope.signal);
  }

  #telephony(): Telephony | undefined {
    const { capabilities } = this.#host.ctx;
    return capabilities.has(TELEPHONY) ? capabilities.get<Telephony>(TELEPHONY) : undefined;
  }

  #finish(callId: string, info: string): void {
    this.#host.deliver({ type: 'call', name: 'finish', call: { callId, status: 'FAILED', info } });
  }

  #fail(apiMethod: string, info: string, id?: string): void {
    this.#host.deliver({ type: 'fail', apiMethod, info, ...(id === undefined ? {} : { id }) });
  }
}

/** The call object. @see WebSocket signalling section 9.2 */
function callObject({ statusCode, info, ...facts }: CallFacts): CallObject {
  return { ...facts, mediaProvider: 'WebRTC', ...(statusCode === undefined ? {} : { sipStatus: statusCode }), ...(info === undefined ? {} : { info }) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
