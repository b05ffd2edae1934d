import { encodeSipMessage } from '../wire/encode-message.ts';
import { parseCSeq, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseNameAddr } from '../wire/name-addr.ts';
import { BRANCH_COOKIE, parseVia, sentByOf } from '../wire/via.ts';
import type { TransactionServices } from './client-transaction.ts';
import { NamedTimers, type TimersLeft } from './named-timers.ts';
import { isReliable, type Target } from './target.ts';
import { giveUpMs } from './timing.ts';

/** How long the application may take for its first answer. */
export const APP_ANSWER_MS = 64_000;
/** How long a call may ring. */
export const RINGING_MS = 600_000;

/** Told what becomes of a response. */
export interface ServerUser {
  /** No ACK came for a refusal, or the application never answered. */
  onAbandoned(transaction: ServerTransaction): void;
  onTerminated(transaction: ServerTransaction): void;
}

type ServerPhase = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';
type ServerTimer = 'repeat' | 'giveUp' | 'linger' | 'abandon';

/** A server transaction as plain data. */
export interface ServerTransactionState {
  readonly id: string;
  readonly request: Uint8Array;
  readonly source: Target;
  readonly phase: ServerPhase;
  readonly last: Uint8Array | undefined;
  readonly lastStatus: number;
  readonly repeatMs: number;
  readonly timers: TimersLeft;
}

/** Answers one request, and its repetitions. @see RFC 3261 section 17.2, RFC 6026 */
export class ServerTransaction {
  /** What the application knows it by. */
  readonly id: string;
  readonly request: SipRequest;
  /** Where the request came from, and its answers go. */
  readonly source: Target;
  readonly key: string;
  readonly #services: TransactionServices;
  readonly #user: ServerUser;
  readonly #timers: NamedTimers<ServerTimer>;
  #phase: ServerPhase;
  #last: Uint8Array | undefined;
  #lastStatus: number;
  #repeatMs: number;

  /** @param state of the same transaction in a previous version */
  constructor(services: TransactionServices, user: ServerUser, id: string, request: SipRequest, source: Target, state?: ServerTransactionState) {
    this.id = id;
    this.request = request;
    this.source = source;
    this.key = serverKey(request);
    this.#services = services;
    this.#user = user;
    this.#timers = new NamedTimers<ServerTimer>(services.wheel, (name) => this.#onTimer(name));
    this.#phase = state?.phase ?? 'proceeding';
    this.#last = state?.last;
    this.#lastStatus = state?.lastStatus ?? 0;
    this.#repeatMs = state?.repeatMs ?? services.timing.t1Ms;
    if (state === undefined) this.#timers.arm('abandon', APP_ANSWER_MS);
    else this.#timers.restore(state.timers);
  }

  /** Whether a final response has been given. */
  get answered(): boolean {
    return this.#lastStatus >= 200;
  }

  /** The status that was given last; 0 for none. */
  get lastStatus(): number {
    return this.#lastStatus;
  }

  /** The same request once more. */
  receiveAgain(): void {
    if (this.#last !== undefined && (this.#phase === 'proceeding' || this.#phase === 'completed')) this.#services.send(this.source, this.#last);
  }

  /** An ACK with this transaction's branch: of a refusal. */
  receiveAck(): void {
    if (this.#phase !== 'completed') return;
    this.#phase = 'confirmed';
    this.#timers.disarmAll();
    this.#lingerOrEnd(this.#services.timing.t4Ms);
  }

  /** Sends a response; a second final one is sent for nothing but a repeated 2xx. @returns the bytes that went out */
  respond(response: SipResponse): Uint8Array {
    const bytes = encodeSipMessage(response);
    if (this.#phase !== 'proceeding') return bytes;
    this.#last = bytes;
    this.#lastStatus = response.status;
    this.#services.send(this.source, bytes);
    if (response.status < 200) this.#timers.arm('abandon', response.status === 100 ? APP_ANSWER_MS : RINGING_MS);
    else this.#finish(response.status);
    return bytes;
  }

  terminate(): void {
    if (this.#phase === 'terminated') return;
    this.#phase = 'terminated';
    this.#timers.disarmAll();
    this.#user.onTerminated(this);
  }

  exportState(): ServerTransactionState {
    return {
      id: this.id, request: encodeSipMessage(this.request), source: this.source, phase: this.#phase, last: this.#last, lastStatus: this.#lastStatus,
      repeatMs: this.#repeatMs, timers: this.#timers.left(),
    };
  }

  #finish(status: number): void {
    const { timing } = this.#services;
    this.#timers.disarmAll();
    if (this.request.method !== 'INVITE') {
      this.#phase = 'completed';
      return this.#lingerOrEnd(giveUpMs(timing));
    }
    if (status < 300) {
      this.#phase = 'accepted';
      return this.#timers.arm('linger', giveUpMs(timing));
    }
    this.#phase = 'completed';
    if (!isReliable(this.source)) this.#timers.arm('repeat', this.#repeatMs);
    this.#timers.arm('giveUp', giveUpMs(timing));
  }

  #lingerOrEnd(lingerMs: number): void {
    if (isReliable(this.source)) this.terminate();
    else this.#timers.arm('linger', lingerMs);
  }

  #onTimer(name: ServerTimer): void {
    switch (name) {
      case 'repeat':
        if (this.#last !== undefined) this.#services.send(this.source, this.#last);
        this.#repeatMs = Math.min(this.#repeatMs * 2, this.#services.timing.t2Ms);
        return this.#timers.arm('repeat', this.#repeatMs);
      case 'abandon':
        return this.#user.onAbandoned(this);
      case 'giveUp':
      case 'linger':
        return this.terminate();
    }
  }
}

/**
 * What a request names its transaction by; an ACK and a CANCEL have that of their INVITE apart from the method.
 *
 * @see RFC 3261 section 17.2.3
 */
export function serverKey({ headers, method, uri }: SipRequest, ofMethod = method === 'ACK' ? 'INVITE' : method): string {
  const via = parseVia(headers.list('Via')?.[0] ?? '');
  const branch = via?.params.get('branch') ?? '';
  const sentBy = via === undefined ? '' : sentByOf(via);
  if (branch.startsWith(BRANCH_COOKIE) && branch.length > BRANCH_COOKIE.length) return `${branch} ${sentBy} ${ofMethod}`;
  const fromTag = parseNameAddr(headers.get('From') ?? '')?.params.get('tag') ?? '';
  return ['2543', uri, headers.get('Call-ID') ?? '', fromTag, parseCSeq(headers.get('CSeq'))?.number ?? 0, sentBy, branch, ofMethod].join(' ');
}
