import { encodeSipMessage } from '../wire/encode-message.ts';
import type { SipRequest } from '../wire/sip-message.ts';
import { NamedTimers, type TimersLeft } from './named-timers.ts';
import type { Target } from './target.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { requestOf } from './transaction-table.ts';

export type OutgoingTimer = 'cancelGiveUp' | 'ringing' | 'again';

/** A request of ours on its way, as plain data. */
export interface OutgoingState {
  readonly id: string;
  readonly owner: 'application' | 'engine';
  readonly dialogId: string;
  readonly request: Uint8Array;
  readonly targets: readonly Target[];
  readonly target: Target;
  readonly transactionKey: string;
  readonly progress: Progress;
  readonly timers: TimersLeft;
}

/** How far a request has come. */
export interface Progress {
  /** A provisional response has come: it may be cancelled. */
  proceeding: boolean;
  cancelled: boolean;
  /** The final response has been handed on. */
  done: boolean;
  /** Tags of those who have answered an INVITE with 2xx. */
  answeredBy: string[];
  /** How often it was sent anew after 491 or 422. */
  retries: number;
  /** What was handed on last, for an application that takes the request over. */
  lastProvisional: Uint8Array | undefined;
}

/** A request of ours from the command to its last response: over several targets, one transaction after the other. */
export class Outgoing {
  readonly id: string;
  readonly owner: 'application' | 'engine';
  /** Of a request inside a dialog; empty otherwise. */
  readonly dialogId: string;
  /** Without Via; From and Contact are as they went out. */
  request: SipRequest;
  /** Where it may still be sent to. */
  targets: readonly Target[];
  target: Target;
  transactionKey: string;
  readonly progress: Progress;
  readonly timers: NamedTimers<OutgoingTimer>;

  constructor(wheel: TimerWheel, onTimer: (outgoing: Outgoing, name: OutgoingTimer) => void, state: Omit<OutgoingState, 'request'> & { readonly request: SipRequest }) {
    this.id = state.id;
    this.owner = state.owner;
    this.dialogId = state.dialogId;
    this.request = state.request;
    this.targets = state.targets;
    this.target = state.target;
    this.transactionKey = state.transactionKey;
    this.progress = state.progress;
    this.timers = new NamedTimers<OutgoingTimer>(wheel, (name) => onTimer(this, name));
    this.timers.restore(state.timers);
  }

  static restored(wheel: TimerWheel, onTimer: (outgoing: Outgoing, name: OutgoingTimer) => void, state: OutgoingState): Outgoing {
    return new Outgoing(wheel, onTimer, { ...state, request: requestOf(state.request) });
  }

  exportState(): OutgoingState {
    const { id, owner, dialogId, targets, target, transactionKey, progress } = this;
    return { id, owner, dialogId, request: encodeSipMessage(this.request), targets, target, transactionKey, progress: { ...progress }, timers: this.timers.left() };
  }
}

export function newProgress(): Progress {
  return { proceeding: false, cancelled: false, done: false, answeredBy: [], retries: 0, lastProvisional: undefined };
}
