import { isToken, quotedEnd, splitOutsideQuotes } from './characters.ts';
import { ADDRESS_CHARS_MAX } from './limits.ts';

/** An address with its parameters, as in From and Contact. @see RFC 3261 section 20.10 */
export interface NameAddr {
  /** As it stands, with its quotes; empty when there is none. */
  readonly display: string;
  readonly uri: string;
  /** Names in lower case; an empty value for a parameter without one. */
  readonly params: ReadonlyMap<string, string>;
}

/** Parses one address; undefined when it is none. */
export function parseNameAddr(text: string): NameAddr | undefined {
  if (text.length > ADDRESS_CHARS_MAX) return undefined;
  const value = text.trim();
  const displayEnd = value.startsWith('"') ? quotedEnd(value, 0) : 0;
  if (displayEnd < 0) return undefined;
  const open = value.indexOf('<', displayEnd);
  return open === -1 ? parseAddrSpec(value) : parseBracketed(value, displayEnd, open);
}

function parseBracketed(value: string, quotedUntil: number, open: number): NameAddr | undefined {
  const close = value.indexOf('>', open);
  const display = value.slice(0, open).trim();
  if (close === -1 || (quotedUntil > 0 ? value.slice(quotedUntil, open).trim() !== '' : !isPlainDisplay(display))) return undefined;
  const uri = value.slice(open + 1, close);
  const params = parseParams(value.slice(close + 1).trim());
  return params === undefined || !isUriText(uri) ? undefined : { display, uri, params };
}

/** Without brackets a semicolon begins the header's parameters. */
function parseAddrSpec(value: string): NameAddr | undefined {
  const at = value.indexOf(';');
  const uri = (at === -1 ? value : value.slice(0, at)).trim();
  const params = at === -1 ? new Map<string, string>() : parseParams(value.slice(at));
  return params === undefined || !isUriText(uri) || uri.includes(',') || uri.includes('?') ? undefined : { display: '', uri, params };
}

/** A display name without quotes is a row of tokens. */
function isPlainDisplay(display: string): boolean {
  return display === '' || display.split(' ').every((word) => word === '' || isToken(word) || !/[\x21-\x7e]/.test(word));
}

function isUriText(uri: string): boolean {
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s<>"]+$/.test(uri);
}

/** Parses `;name=value;name`; undefined when it is anything else. */
export function parseParams(text: string): ReadonlyMap<string, string> | undefined {
  const params = new Map<string, string>();
  if (text === '') return params;
  if (!text.startsWith(';')) return undefined;
  for (const part of splitOutsideQuotes(text.slice(1), ';') ?? ['=']) {
    const at = part.indexOf('=');
    const name = (at === -1 ? part : part.slice(0, at)).trim().toLowerCase();
    const value = at === -1 ? '' : part.slice(at + 1).trim();
    if (!isToken(name) || (at !== -1 && !isParamValue(value))) return undefined;
    if (!params.has(name)) params.set(name, value);
  }
  return params;
}

/** A token, a host (IPv6 in brackets), or a whole quoted string. */
function isParamValue(value: string): boolean {
  return value.startsWith('"') ? quotedEnd(value, 0) === value.length : /^[^\s"<>,;]+$/.test(value);
}

/** `;name=value;name`. */
export function formatParams(params: ReadonlyMap<string, string>): string {
  let text = '';
  for (const [name, value] of params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return text;
}

/** The address with brackets around its URI, so that parameters cannot be taken for the URI's. */
export function formatNameAddr({ display, uri, params }: NameAddr): string {
  return `${display === '' ? '' : `${display} `}<${uri}>${formatParams(params)}`;
}
