/** What a request says of the page that sent it. */
export interface RequestOrigin {
  /** The `Origin` header; absent from programs that are no browser. */
  readonly origin: string | undefined;
  /** The `Host` header. */
  readonly host: string | undefined;
  /** `Sec-Fetch-Site`, which a page cannot forge. */
  readonly fetchSite: string | undefined;
}

/**
 * Whether a request that changes something may be obeyed. A browser sends the password it remembers along with a foreign
 * page's request too, so that a foreign origin is refused unless it is listed in `allowed` (`*` lists all).
 *
 * @see RFC 6454 section 7
 */
export function mayWrite({ origin, host, fetchSite }: RequestOrigin, allowed: readonly string[]): boolean {
  if (origin === undefined) return fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none';
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  const originHost = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
  return originHost !== undefined && originHost.toLowerCase() === host?.toLowerCase();
}
