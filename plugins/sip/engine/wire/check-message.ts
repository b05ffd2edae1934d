import { ADDRESS_HEADERS, SINGLE_HEADERS } from './header-names.ts';
import { CALL_ID_CHARS_MAX, CONTENT_TYPE_CHARS_MAX, CSEQ_LIMIT, HOPS_MAX, MULTIPART_BYTES_MAX } from './limits.ts';
import { parseNameAddr } from './name-addr.ts';
import type { Fault } from './parse-message.ts';
import { parseCSeq, type SipHeaders, type SipMessage } from './sip-message.ts';
import { parseSipUri, schemeOf } from './sip-uri.ts';
import { parseVia } from './via.ts';

/** What every message carries. @see RFC 3261 section 8.1.1 */
const MANDATORY = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
const URI_SCHEMES: ReadonlySet<string | undefined> = new Set(['sip', 'sips', 'tel']);

/**
 * What is wrong with the headers of a message that has been parsed; undefined when it may be worked with.
 *
 * @see RFC 3261 sections 8.2 and 16.3
 */
export function checkMessage(message: SipMessage): Fault | undefined {
  return checkFields(message.headers) ?? checkAddresses(message.headers) ?? checkCSeq(message) ?? checkBody(message) ?? (message.type === 'request' ? checkTarget(message.uri) : undefined);
}

function checkFields(headers: SipHeaders): Fault | undefined {
  for (const name of MANDATORY) if (!headers.has(name)) return bad(`Missing ${name}`);
  const seen = new Set<string>();
  for (const [name] of headers) {
    const key = name.toLowerCase();
    if (seen.has(key) && SINGLE_HEADERS.has(key)) return bad(`Several ${name}`);
    seen.add(key);
  }
  const callId = headers.get('Call-ID') ?? '';
  // A bar would split the fields of the control protocol.
  if (callId.length > CALL_ID_CHARS_MAX || !/^[^\s|]+$/.test(callId)) return bad('Malformed Call-ID');
  const maxForwards = headers.get('Max-Forwards') ?? '0';
  return /^\d{1,10}$/.test(maxForwards) && Number(maxForwards) <= 255 ? undefined : bad('Malformed Max-Forwards');
}

function checkAddresses(headers: SipHeaders): Fault | undefined {
  const vias = headers.list('Via');
  if (vias === undefined || vias.some((via) => parseVia(via) === undefined)) return bad('Malformed Via');
  if (vias.length > HOPS_MAX) return bad('Too Many Via');
  for (const [name, shape] of ADDRESS_HEADERS) {
    if (!headers.has(name)) continue;
    const values = shape === 'one' ? headers.all(name) : headers.list(name);
    if (values === undefined || values.some((value) => !(value === '*' && name === 'contact') && parseNameAddr(value) === undefined)) return bad(`Malformed ${name}`);
    if (values.length > HOPS_MAX) return bad(`Too Many ${name}`);
  }
  return undefined;
}

function checkCSeq({ headers, ...message }: SipMessage): Fault | undefined {
  const cseq = parseCSeq(headers.get('CSeq'));
  if (cseq === undefined || cseq.number >= CSEQ_LIMIT) return bad('Malformed CSeq');
  return message.type === 'request' && cseq.method !== message.method ? bad('CSeq Of Another Method') : undefined;
}

function checkBody({ headers, body }: SipMessage): Fault | undefined {
  const contentType = headers.get('Content-Type') ?? '';
  if (contentType.length > CONTENT_TYPE_CHARS_MAX) return bad('Content-Type Too Long');
  if (body.length > MULTIPART_BYTES_MAX && contentType.toLowerCase().startsWith('multipart/')) return { status: 413, reason: 'Request Entity Too Large' };
  return undefined;
}

function checkTarget(uri: string): Fault | undefined {
  const scheme = schemeOf(uri);
  if (!URI_SCHEMES.has(scheme)) return { status: 416, reason: 'Unsupported URI Scheme' };
  return scheme !== 'tel' && parseSipUri(uri) === undefined ? bad('Malformed Request-URI') : undefined;
}

function bad(reason: string): Fault {
  return { status: 400, reason };
}
