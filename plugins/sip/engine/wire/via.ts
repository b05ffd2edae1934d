import { isToken } from './characters.ts';
import { parseParams, formatParams } from './name-addr.ts';
import { formatHostPort, parseHostPort } from './sip-uri.ts';

/** Branches of today's transactions begin so. @see RFC 3261 section 8.1.1.7 */
export const BRANCH_COOKIE = 'z9hG4bK';

/** One hop of a message. @see RFC 3261 section 20.42 */
export interface Via {
  /** Upper case: UDP, TCP, TLS, WS … */
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: ReadonlyMap<string, string>;
}

const SENT_PROTOCOL = /^SIP ?\/ ?2\.0 ?\/ ?([^\s/;,]+) ([^;]+)(;.*)?$/i;

/** Parses one value of a Via header; undefined when it is none. */
export function parseVia(text: string): Via | undefined {
  const [, transport = '', sentBy = '', rest = ''] = SENT_PROTOCOL.exec(text) ?? [];
  const target = parseHostPort(sentBy.replaceAll(' ', ''));
  const params = parseParams(rest.trim());
  if (!isToken(transport) || target === undefined || params === undefined) return undefined;
  return { transport: transport.toUpperCase(), ...target, params };
}

export function formatVia({ transport, host, port, params }: Via): string {
  return `SIP/2.0/${transport} ${formatHostPort(host, port)}${formatParams(params)}`;
}

/** `host:port` as the sender wrote it: with the branch it names the transaction. @see RFC 3261 section 17.2.3 */
export function sentByOf({ host, port }: Via): string {
  return formatHostPort(host, port);
}
