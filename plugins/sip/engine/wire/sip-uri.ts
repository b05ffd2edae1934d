import { isToken } from './characters.ts';

/** A `sip:` or `sips:` URI. @see RFC 3261 section 19.1 */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  /** User part as it stands, escapes included; with a password, if there is one. */
  readonly user: string | undefined;
  /** Lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Names in lower case; an empty value for a parameter without one. */
  readonly params: ReadonlyMap<string, string>;
  /** What follows the question mark. */
  readonly headers: string | undefined;
}

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;
/** User parts: unreserved, escaped and user-unreserved characters, and the colon of a password. */
const USER = /^(?:[\w\-.!~*'()&=+$,;?/:]|%[0-9a-fA-F]{2})+$/;
const HOST_NAME = /^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_.])?$/;
const IPV6 = /^[0-9a-fA-F:.]{2,45}$/;

/** The scheme of a URI in lower case; undefined when it has none. */
export function schemeOf(uri: string): string | undefined {
  return SCHEME.exec(uri)?.[1]?.toLowerCase();
}

/** Parses a `sip:` or `sips:` URI; undefined for anything else. */
export function parseSipUri(uri: string): SipUri | undefined {
  const scheme = schemeOf(uri);
  if (scheme !== 'sip' && scheme !== 'sips') return undefined;
  const rest = uri.slice(scheme.length + 1);
  // An at sign may stand, unescaped, in nothing but the user part's end.
  const at = rest.indexOf('@');
  const user = at === -1 ? undefined : rest.slice(0, at);
  if (user !== undefined && !USER.test(user)) return undefined;
  const [place, headers] = splitOnce(rest.slice(at + 1), '?');
  const [hostPort = '', ...parameters] = place.split(';');
  const target = parseHostPort(hostPort);
  if (target === undefined) return undefined;
  return { scheme, user, ...target, params: parametersOf(parameters), headers };
}

/** Parses `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; undefined when it is none of them. */
export function parseHostPort(text: string): { host: string; port: number | undefined } | undefined {
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1;
  const [host, portText] = bracket === -1 ? splitOnce(text, ':') : [text.slice(1, bracket), text.slice(bracket + 1).slice(1) || undefined];
  const fits = bracket === -1 ? HOST_NAME.test(host) : IPV6.test(host) && (text.length === bracket + 1 || text[bracket + 1] === ':');
  if (!fits) return undefined;
  if (portText === undefined) return { host: host.toLowerCase(), port: undefined };
  if (!/^\d{1,5}$/.test(portText) || Number(portText) > 0xffff || Number(portText) === 0) return undefined;
  return { host: host.toLowerCase(), port: Number(portText) };
}

/** Whether a host is an address and no name. */
export function isNumericHost(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || (host.includes(':') && IPV6.test(host));
}

/** `host:port`, with brackets around an IPv6 address; the port may be left out. */
export function formatHostPort(host: string, port?: number): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}

/** The URI with another host and port; everything else stays. */
export function withHostPort(uri: SipUri, host: string, port: number | undefined): string {
  const user = uri.user === undefined ? '' : `${uri.user}@`;
  const params = [...uri.params].map(([name, value]) => (value === '' ? `;${name}` : `;${name}=${value}`)).join('');
  return `${uri.scheme}:${user}${formatHostPort(host, port)}${params}${uri.headers === undefined ? '' : `?${uri.headers}`}`;
}

function parametersOf(parameters: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const parameter of parameters) {
    const [name, value = ''] = splitOnce(parameter, '=');
    if (isToken(name) && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), value);
  }
  return found;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
