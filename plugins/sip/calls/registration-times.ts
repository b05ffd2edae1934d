/** When a registration is refreshed, or tried again. @see RFC 3261 section 10.2, RFC 5626 section 4.5 */
const RETRY_FIRST_MS = 30_000;
const RETRY_MAX_MS = 30 * 60_000;
/** Shares of the granted time after which it is asked for again: early enough for several attempts. */
const REFRESH_FROM = 0.5;
const REFRESH_TO = 0.8;
/** Never sooner, whatever an exchange grants. */
const REFRESH_MIN_MS = 5000;
/** Waits are this much shorter or longer, so that an exchange that restarts is not asked by all at once. */
const SPREAD = 0.5;

/** Milliseconds until a registration is refreshed. @param random 0 to 1 */
export function refreshAfterMs(grantedS: number, random: number): number {
  return Math.max(REFRESH_MIN_MS, grantedS * 1000 * (REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * random));
}

/** Milliseconds until it is tried again. @param failures in a row, from 1 @param random 0 to 1 */
export function retryAfterMs(failures: number, random: number): number {
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return waitMs * (1 - SPREAD * random);
}

/** Seconds for which our Contact is registered; the list may have others too. @see RFC 3261 section 10.2.4 */
export function grantedS(contacts: string, expires: string | undefined, token: string, askedS: number): number {
  const own = contacts.split(',').find((contact) => contact.includes(`:${token}@`));
  const text = /;\s*expires\s*=\s*"?(\d{1,9})/i.exec(own ?? '')?.[1] ?? expires ?? '';
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : askedS;
}
