/** One-letter names. @see RFC 3261 section 7.3.3, RFC 6665, RFC 3515, RFC 3892, RFC 3841, RFC 4028 */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'Accept-Contact', b: 'Referred-By', c: 'Content-Type', d: 'Request-Disposition', e: 'Content-Encoding', f: 'From', i: 'Call-ID',
  j: 'Reject-Contact', k: 'Supported', l: 'Content-Length', m: 'Contact', o: 'Event', r: 'Refer-To', s: 'Subject', t: 'To', u: 'Allow-Events',
  v: 'Via', x: 'Session-Expires',
};

const KNOWN = [
  ...Object.values(COMPACT), 'Accept', 'Allow', 'Authorization', 'CSeq', 'Date', 'Expires', 'Max-Forwards', 'Min-Expires', 'Min-SE', 'P-Asserted-Identity',
  'Path', 'Proxy-Authenticate', 'Proxy-Authorization', 'RAck', 'RSeq', 'Reason', 'Record-Route', 'Replaces', 'Require', 'Retry-After', 'Route', 'Server',
  'Service-Route', 'Subscription-State', 'Unsupported', 'User-Agent', 'WWW-Authenticate', 'Warning',
];

const CANONICAL: ReadonlyMap<string, string> = new Map([
  ...KNOWN.map((name): [string, string] => [name.toLowerCase(), name]),
  ...Object.entries(COMPACT),
]);

/** The long form of a header name in its usual spelling; unknown names as they are. */
export function canonicalName(name: string): string {
  return CANONICAL.get(name.toLowerCase()) ?? name;
}

/** Headers that an RFC allows once only. @see RFC 3261 section 7.3.1 and table 2 */
export const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'call-id', 'content-length', 'content-type', 'cseq', 'expires', 'from', 'max-forwards', 'min-expires', 'rack', 'refer-to', 'replaces', 'rseq', 'session-expires', 'to',
]);

/** Headers whose values are addresses, and whether a field may list several. */
export const ADDRESS_HEADERS: ReadonlyMap<string, 'one' | 'list'> = new Map([
  ['from', 'one'], ['to', 'one'], ['refer-to', 'one'], ['referred-by', 'one'], ['contact', 'list'], ['route', 'list'], ['record-route', 'list'], ['path', 'list'],
  ['service-route', 'list'], ['p-asserted-identity', 'list'], ['remote-party-id', 'list'],
]);
