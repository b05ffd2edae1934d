import { parseNameAddr } from '../engine/wire/name-addr.ts';
import { parseSipUri, withHostPort, type SipUri } from '../engine/wire/sip-uri.ts';
import type { SrfMessage } from './srf.ts';

/** Longest identification of a dialog that is to be replaced. */
const REPLACES_CHARS_MAX = 512;
/** @see RFC 3891 section 6.1 */
const REPLACES = /^([^\s;,<>"|]+)((?:;[\w-]+(?:=[^\s;,<>"|]+)?)+)$/;

/** Whom a REFER sends us to. @see RFC 3515 section 2.1 */
export interface Referral {
  /** Without headers. */
  readonly uri: string;
  /** Value of the Replaces header that the new call is to have. */
  readonly replaces: string | undefined;
  readonly referredBy: string | undefined;
}

/** A dialog as Replaces names it, from the side of whoever has it. @see RFC 3891 section 3 */
export interface ReplacedDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** It is meant only while it rings. */
  readonly earlyOnly: boolean;
}

/**
 * Reads a REFER: a call to a SIP address, and nothing else that an address may ask for.
 *
 * @param isAllowed whether such an address may be called
 * @returns the status to refuse it with where it is no such thing
 */
export function readReferral(request: Pick<SrfMessage, 'get'>, isAllowed: (uri: SipUri) => boolean): Referral | number {
  const text = parseNameAddr(request.get('refer-to') ?? '')?.uri;
  if (text === undefined) return 400;
  const uri = parseSipUri(text);
  if (uri?.user === undefined) return 416;
  if ((uri.params.get('method') ?? 'INVITE').toUpperCase() !== 'INVITE' || !isAllowed(uri)) return 603;
  const given = headerOf(uri.headers ?? '', 'replaces');
  const replaces = given === undefined ? undefined : parseReplaces(given);
  if (given !== undefined && replaces === undefined) return 400;
  const params = new Map([...uri.params].filter(([name]) => name !== 'method'));
  const referrer = parseNameAddr(request.get('referred-by') ?? '')?.uri;
  return { uri: withHostPort({ ...uri, params, headers: undefined }, uri.host, uri.port), replaces: given, referredBy: referrer === undefined ? undefined : `<${referrer}>` };
}

/** Parses the value of a Replaces header; undefined when it is none. */
export function parseReplaces(value: string): ReplacedDialog | undefined {
  const [, callId, rest = ''] = value.length > REPLACES_CHARS_MAX ? [] : (REPLACES.exec(value) ?? []);
  const params = new Map(rest.split(';').map((param) => param.split('=', 2) as [string, string | undefined]));
  const [localTag, remoteTag] = [params.get('to-tag'), params.get('from-tag')];
  if (callId === undefined || localTag === undefined || remoteTag === undefined) return undefined;
  return { callId, localTag, remoteTag, earlyOnly: params.has('early-only') };
}

/** The value of a header that a URI asks for; an empty one where it can't be read. @see RFC 3261 section 19.1.1 */
function headerOf(headers: string, name: string): string | undefined {
  const found = headers.split('&').find((header) => header.toLowerCase().startsWith(`${name}=`));
  if (found === undefined) return undefined;
  try {
    return decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return '';
  }
}
