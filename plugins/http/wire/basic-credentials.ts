/** What a client presents itself with. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A longer header is no user and password. */
const MAX_HEADER_CHARS = 1024;
/** `Basic` and base64, with or without its padding. */
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/** User and password of an `Authorization: Basic` header, UTF-8; undefined when it is none. @see RFC 7617 section 2 */
export function parseBasicCredentials(header: string | undefined): Credentials | undefined {
  if (header === undefined || header.length > MAX_HEADER_CHARS) return undefined;
  const encoded = BASIC.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon <= 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
