import { parseParams } from '../wire/name-addr.ts';
import type { SipHeaders } from '../wire/sip-message.ts';

/** The shortest interval that we take, in seconds. @see RFC 4028 section 5 */
export const MIN_SE_S = 90;
/** The longest that a header may name; beyond it the call would as well have none. */
const SESSION_EXPIRES_MAX_S = 86_400;
/** How long before the end a side that does not refresh gives the call up, at most. @see RFC 4028 section 10 */
const EXPIRE_MARGIN_MAX_S = 32;

/** How a dialog is kept alive. */
export interface SessionTimer {
  readonly intervalS: number;
  readonly refresher: 'us' | 'them';
}

/** `1800;refresher=uac` */
export interface SessionExpires {
  readonly intervalS: number;
  readonly refresher: 'uac' | 'uas' | undefined;
}

/** Parses Session-Expires; undefined when there is none, or nothing that makes sense. */
export function parseSessionExpires(headers: SipHeaders): SessionExpires | undefined {
  const [seconds = '', ...rest] = (headers.get('Session-Expires') ?? '').split(';');
  if (!/^\d{1,6}$/.test(seconds.trim()) || Number(seconds) === 0 || Number(seconds) > SESSION_EXPIRES_MAX_S) return undefined;
  const side = parseParams(rest.map((param) => `;${param.trim()}`).join(''))?.get('refresher')?.toLowerCase();
  return { intervalS: Number(seconds), refresher: side === 'uac' || side === 'uas' ? side : undefined };
}

/** When the dialog is to be refreshed, where that is our part, and when it is over. In milliseconds from the last refresh. */
export function sessionDeadlines({ intervalS, refresher }: SessionTimer): { refreshMs: number | undefined; expireMs: number } {
  const margin = Math.min(EXPIRE_MARGIN_MAX_S, intervalS / 3);
  return { refreshMs: refresher === 'us' ? (intervalS / 2) * 1000 : undefined, expireMs: (intervalS - margin) * 1000 };
}

/** The part of the Min-SE header that counts, in seconds. */
export function minSeOf(headers: SipHeaders): number {
  const [digits] = /^\d{1,5}/.exec(headers.get('Min-SE') ?? '') ?? [];
  return digits === undefined ? 0 : Number(digits);
}
