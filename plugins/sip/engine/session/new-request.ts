import { formatNameAddr, parseNameAddr } from '../wire/name-addr.ts';
import { parseCSeq, SipHeaders, type SipRequest } from '../wire/sip-message.ts';
import { parseSipUri, withHostPort, type SipUri } from '../wire/sip-uri.ts';
import { addApplicationHeaders, contentTypeOf, needsContact, SUPPORTED, type AgentOptions } from './agent-core.ts';
import type { NewToken } from './application.ts';
import { tagOf, withTag } from './dialog.ts';
import { MIN_SE_S } from './session-timer.ts';
import type { Transport } from './target.ts';

/** Headers in which the application writes `localhost` for an address that it does not know. */
const LOCALHOST_HEADERS: readonly string[] = ['From', 'To', 'Contact', 'P-Asserted-Identity'];
const APPLICATION_KEEPS: ReadonlySet<string> = new Set(['record-route']);

/** Completes a request outside of dialogs as the application gave it: without Via, and with `localhost` where it wrote it. */
export function newRequest({ method, uri, headers: given, body }: SipRequest, options: AgentOptions, newToken: NewToken): SipRequest {
  const headers = new SipHeaders();
  headers.add('Max-Forwards', '70');
  const from = given.get('From') ?? '<sip:localhost>';
  headers.add('From', tagOf(from) === '' ? withTag(from, newToken()) : from);
  headers.add('To', given.get('To') ?? `<${uri}>`);
  headers.add('Call-ID', given.get('Call-ID') ?? newToken());
  headers.add('CSeq', `${parseCSeq(given.get('CSeq'))?.number ?? 1} ${method}`);
  addApplicationHeaders(headers, given, APPLICATION_KEEPS);
  if (needsContact(method) && !headers.has('Contact')) headers.add('Contact', `<${contactOf(headers)}>`);
  if (!headers.has('User-Agent')) headers.add('User-Agent', options.userAgent);
  if (method === 'INVITE') addSessionTimer(headers, options);
  const type = contentTypeOf({ type: 'request', method, uri, headers, body });
  if (type !== undefined && type !== '' && !headers.has('Content-Type')) headers.add('Content-Type', type);
  return { type: 'request', method, uri, headers, body };
}

/** Our Contact has the user of the From address. */
function contactOf(headers: SipHeaders): string {
  const from = parseSipUri(parseNameAddr(headers.get('From') ?? '')?.uri ?? '');
  return from?.user === undefined ? 'sip:localhost' : `sip:${from.user}@localhost`;
}

function addSessionTimer(headers: SipHeaders, { sessionExpiresS }: AgentOptions): void {
  const supported = new Set([...headers.tokens('Supported'), ...SUPPORTED.filter((extension) => extension !== '100rel')]);
  headers.set('Supported', [...supported].join(', '));
  if (sessionExpiresS === 0 || headers.has('Session-Expires')) return;
  headers.add('Session-Expires', String(sessionExpiresS));
  headers.add('Min-SE', String(MIN_SE_S));
}

/** Puts our address in the place of `localhost`. */
export function nameUs(headers: SipHeaders, { host, port }: { readonly host: string; readonly port: number }, transport: Transport, names = LOCALHOST_HEADERS): void {
  for (const name of names) {
    const values = headers.list(name);
    if (values?.some((value) => value.includes('localhost')) !== true) continue;
    headers.set(name, values.map((value) => named(value, name === 'Contact' ? transport : 'udp', host, port)).join(', '));
  }
}

function named(value: string, transport: Transport, host: string, port: number): string {
  const address = parseNameAddr(value);
  const uri = parseSipUri(address?.uri ?? '');
  if (address === undefined || uri?.host !== 'localhost') return value;
  return formatNameAddr({ ...address, uri: withTransport(withHostPort(uri, host, port), uri, transport) });
}

function withTransport(text: string, uri: SipUri, transport: Transport): string {
  return transport === 'udp' || uri.params.has('transport') ? text : `${text};transport=${transport}`;
}

/** Where a request goes: its first Route when that is a loose one, else its URI. @see RFC 3261 section 8.1.2 */
export function nextHopOf({ uri, headers }: SipRequest): string {
  const route = parseNameAddr(headers.list('Route')?.[0] ?? '')?.uri;
  return route !== undefined && parseSipUri(route)?.params.has('lr') === true ? route : uri;
}
