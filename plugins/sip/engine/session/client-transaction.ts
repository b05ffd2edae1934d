import { encodeSipMessage } from '../wire/encode-message.ts';
import { EMPTY_BODY, parseCSeq, SipHeaders, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { NamedTimers, type TimersLeft } from './named-timers.ts';
import { isReliable, type Target } from './target.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { giveUpMs, timerDMs, type Timing } from './timing.ts';

/** What transactions need of the engine. */
export interface TransactionServices {
  readonly wheel: TimerWheel;
  readonly timing: Timing;
  send(target: Target, bytes: Uint8Array): void;
}

/** Told what becomes of a request. */
export interface ClientUser {
  /** Every response once; each 2xx to an INVITE, also repeated ones. */
  onResponse(transaction: ClientTransaction, response: SipResponse): void;
  onTimeout(transaction: ClientTransaction): void;
  onTerminated(transaction: ClientTransaction): void;
}

type ClientPhase = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';
type ClientTimer = 'repeat' | 'timeout' | 'linger';

/** A client transaction as plain data. */
export interface ClientTransactionState {
  readonly request: Uint8Array;
  readonly target: Target;
  readonly phase: ClientPhase;
  readonly repeatMs: number;
  readonly timers: TimersLeft;
}

/** Sends one request until it is answered. @see RFC 3261 section 17.1, RFC 6026 */
export class ClientTransaction {
  readonly request: SipRequest;
  readonly target: Target;
  readonly key: string;
  readonly #services: TransactionServices;
  readonly #user: ClientUser;
  readonly #timers: NamedTimers<ClientTimer>;
  readonly #bytes: Uint8Array;
  #phase: ClientPhase;
  #repeatMs: number;

  /** @param state of the same transaction in a previous version; without it the request is sent */
  constructor(services: TransactionServices, user: ClientUser, request: SipRequest, target: Target, state?: ClientTransactionState) {
    this.request = request;
    this.target = target;
    this.key = clientKey(request.headers, request.method);
    this.#services = services;
    this.#user = user;
    this.#bytes = encodeSipMessage(request);
    this.#timers = new NamedTimers<ClientTimer>(services.wheel, (name) => this.#onTimer(name));
    this.#phase = state?.phase ?? 'calling';
    this.#repeatMs = state?.repeatMs ?? services.timing.t1Ms;
    if (state !== undefined) this.#timers.restore(state.timers);
  }

  get phase(): ClientPhase {
    return this.#phase;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  start(): void {
    this.#services.send(this.target, this.#bytes);
    if (!isReliable(this.target)) this.#timers.arm('repeat', this.#repeatMs);
    this.#timers.arm('timeout', giveUpMs(this.#services.timing));
  }

  /** A response with this transaction's branch and method. */
  receive(response: SipResponse): void {
    if (this.#phase === 'terminated') return;
    if (this.request.method === 'INVITE') this.#receiveToInvite(response);
    else this.#receiveToOther(response);
  }

  /** The transport lost the request, or nobody waits for its answer. */
  terminate(): void {
    if (this.#phase === 'terminated') return;
    this.#phase = 'terminated';
    this.#timers.disarmAll();
    this.#user.onTerminated(this);
  }

  exportState(): ClientTransactionState {
    return { request: this.#bytes, target: this.target, phase: this.#phase, repeatMs: this.#repeatMs, timers: this.#timers.left() };
  }

  #receiveToInvite(response: SipResponse): void {
    if (response.status < 200) {
      if (this.#phase !== 'calling' && this.#phase !== 'proceeding') return;
      this.#phase = 'proceeding';
      this.#timers.disarmAll();
      return this.#user.onResponse(this, response);
    }
    if (response.status < 300) return this.#accept(response);
    if (this.#phase === 'accepted') return;
    this.#services.send(this.target, encodeSipMessage(ackOf(this.request, response)));
    if (this.#phase === 'completed') return;
    this.#complete(response, isReliable(this.target) ? 0 : timerDMs(this.#services.timing));
  }

  /** Repeated 2xx, and those of other branches of a fork, come in for a while. @see RFC 6026 section 7.2 */
  #accept(response: SipResponse): void {
    if (this.#phase === 'completed') return;
    if (this.#phase !== 'accepted') {
      this.#phase = 'accepted';
      this.#timers.disarmAll();
      this.#timers.arm('linger', giveUpMs(this.#services.timing));
    }
    this.#user.onResponse(this, response);
  }

  #receiveToOther(response: SipResponse): void {
    if (this.#phase === 'completed') return;
    if (response.status >= 200) return this.#complete(response, isReliable(this.target) ? 0 : this.#services.timing.t4Ms);
    this.#phase = 'proceeding';
    if (!isReliable(this.target)) {
      this.#repeatMs = this.#services.timing.t2Ms;
      this.#timers.arm('repeat', this.#repeatMs);
    }
    this.#user.onResponse(this, response);
  }

  #complete(response: SipResponse, lingerMs: number): void {
    this.#phase = 'completed';
    this.#timers.disarmAll();
    if (lingerMs > 0) this.#timers.arm('linger', lingerMs);
    this.#user.onResponse(this, response);
    if (lingerMs === 0) this.terminate();
  }

  #onTimer(name: ClientTimer): void {
    switch (name) {
      case 'repeat':
        this.#services.send(this.target, this.#bytes);
        this.#repeatMs = this.request.method === 'INVITE' ? this.#repeatMs * 2 : Math.min(this.#repeatMs * 2, this.#services.timing.t2Ms);
        return this.#timers.arm('repeat', this.#repeatMs);
      case 'timeout':
        this.#user.onTimeout(this);
        return this.terminate();
      case 'linger':
        return this.terminate();
    }
  }
}

/** Branch of the top Via and method of the CSeq: what a response names its transaction by. @see RFC 3261 section 17.1.3 */
export function clientKey(headers: SipHeaders, method = parseCSeq(headers.get('CSeq'))?.method ?? ''): string {
  const [, branch = ''] = /;branch=([^;,\s]+)/i.exec(headers.get('Via') ?? '') ?? [];
  return `${branch} ${method}`;
}

/** The ACK to a refusal: part of the transaction, with its branch and route. @see RFC 3261 section 17.1.1.3 */
export function ackOf(invite: SipRequest, response: SipResponse): SipRequest {
  return hopByHop(invite, 'ACK', response.headers.get('To') ?? '');
}

/** The CANCEL of a request. @see RFC 3261 section 9.1 */
export function cancelOf(invite: SipRequest): SipRequest {
  return hopByHop(invite, 'CANCEL', invite.headers.get('To') ?? '');
}

function hopByHop({ uri, headers }: SipRequest, method: 'ACK' | 'CANCEL', to: string): SipRequest {
  const own = new SipHeaders();
  own.add('Via', headers.get('Via') ?? '');
  own.add('Max-Forwards', '70');
  for (const route of headers.all('Route')) own.add('Route', route);
  own.add('From', headers.get('From') ?? '');
  own.add('To', to);
  own.add('Call-ID', headers.get('Call-ID') ?? '');
  own.add('CSeq', `${parseCSeq(headers.get('CSeq'))?.number ?? 1} ${method}`);
  return { type: 'request', method, uri, headers: own, body: EMPTY_BODY };
}
