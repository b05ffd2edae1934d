import { createHash } from 'node:crypto';
import { WcsError, type TelephoneAccount } from 'wcs-core';
import { CALLER_HEADER } from '../engine/session/uac.ts';
import { parseNameAddr } from '../engine/wire/name-addr.ts';
import { formatHostPort, parseHostPort, parseSipUri } from '../engine/wire/sip-uri.ts';
import type { SrfHeaders, SrfMessage } from './srf.ts';

const DEFAULT_PORT = 5060;
const NAME_MAX = 256;
/** Characters of a user part that need no escape. @see RFC 3261 section 25.1 */
const USER_SAFE = /[^\w\-.!~*'()&=+$,;?/]/g;

/** The addresses that an account makes requests with. */
export interface AccountAddresses {
  /** `sip:user@domain`: who we are. */
  readonly own: string;
  /** The registrar. */
  readonly registrar: string;
  /** Where everything is sent; undefined: where its address leads. */
  readonly proxy: string | undefined;
  /** Host that we talk to. */
  readonly host: string;
}

/** @throws WcsError OPERATION_E_INPUT for an account that makes no sense */
export function addressesOf({ login, domain, outboundProxy, port }: TelephoneAccount): AccountAddresses {
  const place = parseHostPort(domain);
  if (login === '' || login.length > NAME_MAX || place === undefined) throw new WcsError('OPERATION_E_INPUT', 'The telephone account has no login, or no domain that is one');
  const [hop = '', transport] = outboundProxy.split(';', 2);
  const named = outboundProxy === '' ? place : parseHostPort(hop);
  const isPlain = transport === undefined || /^transport=(?:udp|tcp|tls)$/i.test(transport);
  if (named === undefined || !isPlain) throw new WcsError('OPERATION_E_INPUT', 'The outbound proxy is no host');
  const proxyPort = named.port ?? (port === DEFAULT_PORT || port === 0 ? undefined : port);
  // Without a port and a proxy the domain's own records say where. @see RFC 3263
  const needsProxy = outboundProxy !== '' || (proxyPort !== undefined && place.port === undefined);
  const host = formatHostPort(place.host, place.port);
  return {
    own: `sip:${escapeUser(login)}@${host}`,
    registrar: `sip:${host}`,
    proxy: needsProxy ? `sip:${formatHostPort(named.host, proxyPort)}${transport === undefined ? '' : `;${transport.toLowerCase()}`}` : undefined,
    host: named.host,
  };
}

/** The address of somebody to call: a whole one, or a number of the account's domain. @throws WcsError OPERATION_E_INPUT */
export function calleeUri(callee: string, { registrar }: AccountAddresses): string {
  const whole = /^sips?:/i.test(callee) ? callee : callee.includes('@') ? `sip:${callee}` : `sip:${escapeUser(callee.trim())}@${registrar.slice('sip:'.length)}`;
  const uri = parseSipUri(whole);
  if (callee.length > NAME_MAX || uri?.user === undefined || uri.headers !== undefined) throw new WcsError('OPERATION_E_INPUT', 'The callee is no number and no SIP address');
  return whole;
}

/** The user of an address, for people. */
export function userOf(uri: string): string {
  const user = parseSipUri(uri)?.user ?? '';
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}

/** Who calls, and the name for people. */
export function callerOf(request: Pick<SrfMessage, 'get'>): { readonly caller: string; readonly visibleName: string } {
  const from = parseNameAddr(request.get('from') ?? '');
  const caller = userOf(from?.uri ?? '');
  return { caller, visibleName: (from?.display ?? '').replaceAll('"', '') || caller };
}

/** The id of a call that comes in: the same for the same INVITE, whichever version takes it; of no use to who reads it. */
export function callIdOf(request: Pick<SrfMessage, 'get'>): string {
  return createHash('sha256').update(request.get('call-id') ?? '').digest('hex').slice(0, 32);
}

/** From, with a name for people where there is one. */
export function fromHeader(visibleName: string, uri: string): string {
  const display = visibleName.replaceAll(/[\p{Cc}"\\]/gu, '').slice(0, NAME_MAX);
  return display === '' ? `<${uri}>` : `"${display}" <${uri}>`;
}

/** What every request outside of dialogs says of us, and of whoever has us make it. */
export function requestHeaders(account: TelephoneAccount, uri: string, visibleName: string, callerAddress: string | undefined): SrfHeaders {
  return { from: fromHeader(visibleName, addressesOf(account).own), To: `<${uri}>`, ...(callerAddress === undefined ? {} : { [CALLER_HEADER]: callerAddress }) };
}

/** A Contact that nobody guesses, so that what comes to it is meant for us. @param instance URN that a registrar knows it by */
export function contactHeader(token: string, instance?: string): SrfHeaders {
  return { Contact: `<sip:${token}@localhost>${instance === undefined ? '' : `;+sip.instance="<${instance}>"`}` };
}

function escapeUser(user: string): string {
  return user.replaceAll(USER_SAFE, (character) => [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
}
