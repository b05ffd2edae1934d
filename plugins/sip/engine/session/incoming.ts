import { encodeSipMessage } from '../wire/encode-message.ts';
import { parseSipMessage } from '../wire/parse-message.ts';
import type { SipResponse } from '../wire/sip-message.ts';
import type { AgentCore } from './agent-core.ts';
import { NamedTimers, type TimersLeft } from './named-timers.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { giveUpMs } from './timing.ts';

type IncomingTimer = 'prackRepeat' | 'prackGiveUp';

/** A provisional response that waits for its PRACK. */
interface Unacknowledged {
  readonly rseq: number;
  readonly bytes: Uint8Array;
}

/** What is kept of a request beside its transaction, as plain data. */
export interface IncomingState {
  readonly transactionId: string;
  readonly toTag: string;
  readonly dialogId: string;
  readonly rseq: number;
  readonly waiting: Unacknowledged | undefined;
  readonly queued: readonly Uint8Array[];
  readonly repeatMs: number;
  readonly timers: TimersLeft;
}

/** A request that came in: its tag, its dialog, and its reliable provisional responses. @see RFC 3262 */
export class Incoming {
  readonly transaction: ServerTransaction;
  /** Our tag in its responses. */
  toTag: string;
  /** Empty outside of dialogs, and until a response makes one. */
  dialogId: string;
  readonly #core: AgentCore;
  readonly #timers: NamedTimers<IncomingTimer>;
  readonly #onUnacknowledged: (incoming: Incoming) => void;
  #rseq: number;
  #waiting: Unacknowledged | undefined;
  /** Reliable responses leave one at a time. */
  #queued: Uint8Array[];
  #repeatMs: number;

  constructor(core: AgentCore, transaction: ServerTransaction, state: Pick<IncomingState, 'toTag' | 'dialogId'> & Partial<IncomingState>, onUnacknowledged: (incoming: Incoming) => void) {
    this.#core = core;
    this.transaction = transaction;
    this.#onUnacknowledged = onUnacknowledged;
    this.toTag = state.toTag;
    this.dialogId = state.dialogId;
    this.#rseq = state.rseq ?? 1 + Math.floor(Math.random() * 0xffff);
    this.#waiting = state.waiting;
    this.#queued = [...(state.queued ?? [])];
    this.#repeatMs = state.repeatMs ?? core.options.timing.t1Ms;
    this.#timers = new NamedTimers<IncomingTimer>(core.wheel, (name) => this.#onTimer(name));
    this.#timers.restore(state.timers ?? []);
  }

  exportState(): IncomingState {
    return {
      transactionId: this.transaction.id, toTag: this.toTag, dialogId: this.dialogId, rseq: this.#rseq, waiting: this.#waiting, queued: this.#queued,
      repeatMs: this.#repeatMs, timers: this.#timers.left(),
    };
  }

  /** Numbers a provisional response, and sends it until its PRACK comes. */
  respondReliably(response: SipResponse): void {
    response.headers.set('RSeq', String(++this.#rseq));
    const bytes = encodeSipMessage(response);
    if (this.#waiting !== undefined) this.#queued.push(bytes);
    else this.#send(bytes, this.#rseq);
  }

  /** @returns whether a PRACK names the response that waits. @see RFC 3262 section 3 */
  acknowledge(rack: string | undefined, inviteSeq: string): boolean {
    if (this.#waiting === undefined || rack !== `${this.#waiting.rseq} ${inviteSeq}`) return false;
    this.stop();
    const next = this.#queued.shift();
    const rseq = next === undefined ? 0 : Number(parseSipMessage(next).message.headers.get('RSeq'));
    if (next !== undefined) this.#send(next, rseq);
    return true;
  }

  stop(): void {
    this.#waiting = undefined;
    this.#timers.disarmAll();
  }

  #send(bytes: Uint8Array, rseq: number): void {
    this.#waiting = { bytes, rseq };
    this.#repeatMs = this.#core.options.timing.t1Ms;
    const { message } = parseSipMessage(bytes);
    if (message.type === 'response') this.transaction.respond(message);
    this.#timers.arm('prackRepeat', this.#repeatMs);
    this.#timers.arm('prackGiveUp', giveUpMs(this.#core.options.timing));
  }

  #onTimer(name: IncomingTimer): void {
    if (this.#waiting === undefined || this.transaction.answered) return this.stop();
    if (name === 'prackGiveUp') return this.#onUnacknowledged(this);
    this.#core.network.send(this.transaction.source, this.#waiting.bytes);
    this.#repeatMs *= 2;
    this.#timers.arm('prackRepeat', this.#repeatMs);
  }
}
