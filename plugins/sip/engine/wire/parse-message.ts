import { ProtocolError } from 'wcs-core';
import { isToken, tidyValue } from './characters.ts';
import { HEADER_CHARS_MAX, HEADERS_MAX, HEAD_BYTES_MAX, MESSAGE_BYTES_MAX, START_LINE_CHARS_MAX } from './limits.ts';
import { SipHeaders, type SipMessage } from './sip-message.ts';

/** What is wrong with a message, as the status that answers it. */
export interface Fault {
  readonly status: number;
  readonly reason: string;
}

/** A message, and what the parser had to say about it. */
export interface ParsedMessage {
  readonly message: SipMessage;
  readonly fault: Fault | undefined;
}

const CR = 13;
const LF = 10;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Position behind the empty line that ends the head, or -1; looks from `from` on. */
export function findHeadEnd(bytes: Uint8Array, from = 0): number {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (at >= 3 && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at + 1;
  }
  return -1;
}

/**
 * Parses one whole message. Faults that can be answered are returned beside it; bytes behind the body are ignored.
 *
 * @throws ProtocolError when it is no SIP at all, or beyond a limit: nothing is answered to that
 * @see RFC 3261 section 7
 */
export function parseSipMessage(bytes: Uint8Array): ParsedMessage {
  if (bytes.length > MESSAGE_BYTES_MAX) throw new ProtocolError(`A message of more than ${MESSAGE_BYTES_MAX} bytes`);
  const headEnd = findHeadEnd(bytes);
  const { lines, fault: foldFault } = unfold(decodeHead(bytes.subarray(0, headEnd === -1 ? bytes.length : headEnd)));
  const { headers, fault: fieldFault } = parseFields(lines);
  const rest = headEnd === -1 ? bytes.subarray(bytes.length) : bytes.subarray(headEnd);
  const length = contentLength(headers);
  const body = typeof length === 'number' ? rest.subarray(0, length) : rest;
  const { message, fault } = parseStartLine(lines[0] ?? '', headers, body);
  const bodyFault = typeof length === 'object' ? length : (length ?? 0) > rest.length ? { status: 400, reason: 'Content-Length Beyond The Message' } : undefined;
  return { message, fault: fault ?? foldFault ?? fieldFault ?? bodyFault };
}

function decodeHead(head: Uint8Array): string {
  if (head.length > HEAD_BYTES_MAX) throw new ProtocolError(`Header fields of more than ${HEAD_BYTES_MAX} bytes`);
  return decoder.decode(head);
}

/** Joins lines that begin with white space to the one before. @see RFC 3261 section 7.3.1 */
function unfold(head: string): { lines: string[]; fault: Fault | undefined } {
  const lines: string[] = [];
  let fault: Fault | undefined = undefined;
  const folded = head.split('\r\n', HEADERS_MAX * 2 + 1);
  for (const line of folded) {
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (lines.length < 2) fault = { status: 400, reason: 'Folded Start Line' };
      else lines.push(`${lines.pop() ?? ''} ${line}`);
    } else if (line !== '') lines.push(line);
  }
  if (folded.length > HEADERS_MAX * 2 || lines.length > HEADERS_MAX + 1) throw new ProtocolError(`More than ${HEADERS_MAX} header fields`);
  return { lines, fault };
}

function parseFields(lines: readonly string[]): { headers: SipHeaders; fault: Fault | undefined } {
  const headers = new SipHeaders();
  let fault: Fault | undefined = undefined;
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trimEnd();
    const value = tidyValue(line.slice(colon + 1));
    if (value.length > HEADER_CHARS_MAX) throw new ProtocolError(`A header field of more than ${HEADER_CHARS_MAX} characters`);
    if (isToken(name)) headers.add(name, value);
    else fault = { status: 400, reason: 'Malformed Header Field' };
  }
  return { headers, fault };
}

/**
 * The value of Content-Length: undefined when there is none, a fault when there are two or it is no number.
 *
 * @see RFC 3261 section 20.14
 */
export function contentLength(headers: SipHeaders): number | Fault | undefined {
  const values = headers.all('Content-Length');
  if (values.length === 0) return undefined;
  if (values.length > 1) return { status: 400, reason: 'Several Content-Length Fields' };
  if (!/^\d{1,9}$/.test(values[0] ?? '')) return { status: 400, reason: 'Malformed Content-Length' };
  return Number(values[0]);
}

function parseStartLine(line: string, headers: SipHeaders, body: Uint8Array): ParsedMessage {
  if (line.length > START_LINE_CHARS_MAX) throw new ProtocolError(`A start line of more than ${START_LINE_CHARS_MAX} characters`);
  return /^SIP\/\d/i.test(line) ? parseStatusLine(line, headers, body) : parseRequestLine(line, headers, body);
}

function parseStatusLine(line: string, headers: SipHeaders, body: Uint8Array): ParsedMessage {
  const [, status, reason = ''] = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/i.exec(line) ?? [];
  if (status === undefined) throw new ProtocolError('A malformed status line');
  return { message: { type: 'response', status: Number(status), reason: tidyValue(reason), headers, body }, fault: undefined };
}

function parseRequestLine(line: string, headers: SipHeaders, body: Uint8Array): ParsedMessage {
  const [first, last] = [line.indexOf(' '), line.trimEnd().lastIndexOf(' ')];
  const version = line.slice(last + 1).trimEnd();
  const method = line.slice(0, Math.max(first, 0));
  if (first <= 0 || last <= first || !isToken(method) || !/^SIP\/\d+\.\d+$/i.test(version)) throw new ProtocolError('No start line of a SIP message');
  const uri = tidyValue(line.slice(first + 1, last));
  return { message: { type: 'request', method, uri, headers, body }, fault: requestLineFault(line, uri, version) };
}

function requestLineFault(line: string, uri: string, version: string): Fault | undefined {
  if (version.toUpperCase() !== 'SIP/2.0') return { status: 505, reason: 'Version Not Supported' };
  if (/[\s<>"]/.test(uri) || uri === '') return { status: 400, reason: 'Malformed Request-URI' };
  if (line.trimEnd() !== line || line.includes('  ') || line.includes('\t')) return { status: 400, reason: 'Malformed Request Line' };
  return undefined;
}
