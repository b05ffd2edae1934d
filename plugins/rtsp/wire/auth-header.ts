import { MAX_LIST_ITEMS } from './limits.ts';

/** A scheme and its parameters: one challenge, or credentials. @see RFC 7235 section 2.1 */
export interface AuthHeader {
  /** In lower case. */
  readonly scheme: string;
  /** The bare token of Basic credentials. */
  readonly token?: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const PART = /\s*(?:,\s*)*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]+([A-Za-z0-9\-._~+/]{2,}=*)(?=\s*(?:,|$)))?)/y;

/** Every challenge (or the credentials) of one header value; what cannot be understood ends the list. */
export function parseAuthHeader(value: string): AuthHeader[] {
  const found: { scheme: string; token?: string; parameters: Record<string, string> }[] = [];
  const part = new RegExp(PART);
  for (let match = part.exec(value); match !== null && found.length <= MAX_LIST_ITEMS; match = part.exec(value)) {
    const [, name, quoted, plain, scheme, token] = match;
    const last = found.at(-1);
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: Object.create(null) as Record<string, string>, ...(token === undefined ? {} : { token }) });
    else if (name !== undefined && last !== undefined) last.parameters[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  }
  return found.slice(0, MAX_LIST_ITEMS);
}

/** A quoted string of the header. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
