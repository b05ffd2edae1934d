import { parseCSeq, type SipRequest } from '../wire/sip-message.ts';
import { Dialog, dialogKey, tagOf, type DialogFacts, type DialogState, type DialogTimer } from './dialog.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** Dialogs at one time, beyond which new calls are refused. */
export const DIALOGS_MAX = 10_000;

/** How long a call that is over is kept for what a REFER in it has begun. */
const REFERRAL_MS = 240_000;

/** Every dialog, by what messages and what the application name it by. */
export class DialogTable {
  readonly #wheel: TimerWheel;
  readonly #onTimer: (dialog: Dialog, name: DialogTimer) => void;
  readonly #byId = new Map<string, Dialog>();
  readonly #byKey = new Map<string, Dialog>();
  readonly #byCall = new Map<string, Set<Dialog>>();

  constructor(wheel: TimerWheel, onTimer: (dialog: Dialog, name: DialogTimer) => void) {
    this.#wheel = wheel;
    this.#onTimer = onTimer;
  }

  get size(): number {
    return this.#byId.size;
  }

  get isFull(): boolean {
    return this.size >= DIALOGS_MAX;
  }

  byId(id: string): Dialog | undefined {
    return this.#byId.get(id);
  }

  byTags(callId: string, localTag: string, remoteTag: string): Dialog | undefined {
    return this.#byKey.get(dialogKey(callId, localTag, remoteTag));
  }

  /** The dialog that a request from outside names. */
  ofRequest({ headers }: SipRequest): Dialog | undefined {
    return this.byTags(headers.get('Call-ID') ?? '', tagOf(headers.get('To')), tagOf(headers.get('From')));
  }

  add(facts: DialogFacts): Dialog {
    const dialog = new Dialog(this.#wheel, facts, this.#onTimer);
    this.#byId.set(facts.id, dialog);
    this.#byKey.set(dialog.key, dialog);
    const ofCall = this.#byCall.get(facts.callId) ?? new Set();
    this.#byCall.set(facts.callId, ofCall.add(dialog));
    return dialog;
  }

  remove(dialog: Dialog): void {
    dialog.timers.disarmAll();
    if (this.#byId.get(dialog.facts.id) === dialog) this.#byId.delete(dialog.facts.id);
    if (this.#byKey.get(dialog.key) === dialog) this.#byKey.delete(dialog.key);
    const ofCall = this.#byCall.get(dialog.facts.callId);
    if (ofCall?.delete(dialog) === true && ofCall.size === 0) this.#byCall.delete(dialog.facts.callId);
  }

  /** The call is over; the dialog is kept while there is something to be told in it. */
  end(dialog: Dialog): void {
    if (dialog.facts.referrals === 0) return this.remove(dialog);
    dialog.facts.phase = 'ended';
    dialog.timers.disarmAll();
    dialog.timers.arm('referral', REFERRAL_MS);
  }

  /** The last NOTIFY of what a REFER has begun ends that. @see RFC 3515 section 2.4.5, RFC 6665 section 4.1.3 */
  onSent(dialog: Dialog, { method, headers }: SipRequest): void {
    if (method !== 'NOTIFY' || !/^refer\b/i.test(headers.get('Event') ?? '') || !/^terminated\b/i.test(headers.get('Subscription-State') ?? '')) return;
    dialog.facts.referrals = Math.max(0, dialog.facts.referrals - 1);
    if (dialog.facts.referrals === 0 && dialog.facts.phase === 'ended') this.remove(dialog);
  }

  /** The dialogs of a Call-ID: several with a fork, or when a call comes back to us. */
  ofCall(callId: string): Dialog[] {
    return [...(this.#byCall.get(callId) ?? [])];
  }

  /** An id that no dialog has: Call-ID and the caller's tag, as drachtio-srf expects it, and more of a fork's further branches. */
  freeId(callId: string, callerTag: string, remoteTag: string): string {
    const id = `${callId};from-tag=${callerTag}`;
    return this.#byId.has(id) ? `${id};to-tag=${remoteTag}` : id;
  }

  all(): IterableIterator<Dialog> {
    return this.#byId.values();
  }

  clear(): void {
    for (const dialog of [...this.#byId.values()]) this.remove(dialog);
  }

  exportState(): DialogState[] {
    return [...this.#byId.values()].map((dialog) => dialog.exportState());
  }

  importState(states: readonly DialogState[]): void {
    for (const { facts, timers } of states) this.add(facts).timers.restore(timers);
  }
}

/** Whether a request comes after everything that its dialog has had. @see RFC 3261 section 12.2.2 */
export function isInOrder({ facts }: Dialog, { headers }: SipRequest): boolean {
  return facts.remoteSeq === undefined || (parseCSeq(headers.get('CSeq'))?.number ?? 0) > facts.remoteSeq;
}
