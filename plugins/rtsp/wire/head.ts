import { ProtocolError } from 'wcs-core';
import { MAX_BODY_BYTES, MAX_HEADERS, MAX_LINE_BYTES } from './limits.ts';
import { allHeadersOf, type RtspHeaders, type RtspRequest, type RtspResponse } from './message.ts';

/** A request or a response whose body has not come yet. */
export type MessageHead = Omit<RtspRequest, 'body'> | Omit<RtspResponse, 'body'>;

const LF = 0x0a;
const CR = 0x0d;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
const VERSION = /^RTSP\/(\d{1,3}\.\d{1,3})$/;
const STATUS = /^\d{3}$/;
const FOLD = /^[ \t]/;

/**
 * Where the head that begins at `from` ends: behind its empty line, lines ending in CR LF or in LF alone.
 *
 * @returns `end` is undefined when more is needed; the next search begins at `resume`
 */
export function findHeadEnd(bytes: Uint8Array, from: number): { readonly end: number | undefined; readonly resume: number } {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    const next = at + (bytes[at + 1] === CR ? 2 : 1);
    if (next >= bytes.length) return { end: undefined, resume: at };
    if (bytes[next] === LF) return { end: next + 1, resume: at };
  }
  return { end: undefined, resume: bytes.length };
}

/**
 * Start line and headers. Lines without a colon are left out, as are spaces around names; folded lines are joined.
 *
 * @throws ProtocolError when the start line is neither a request's nor a response's, or a limit is broken
 */
export function parseHead(bytes: Uint8Array): MessageHead {
  const [startLine = '', ...headerLines] = linesOf(bytes);
  const headers = parseHeaders(headerLines);
  const line = startLine.trimEnd();
  return parseStatusLine(line, headers) ?? parseRequestLine(line, headers);
}

function parseStatusLine(line: string, headers: RtspHeaders): MessageHead | undefined {
  const [first, rest] = cut(line, line.indexOf(' '));
  const [status, reason] = rest.length <= 3 ? [rest, ''] : cut(rest, 3);
  const version = VERSION.exec(first)?.[1];
  if (version === undefined || !STATUS.test(status)) return undefined;
  return { type: 'response', version, status: Number(status), reason, headers };
}

/** The address is all that stands between the method and the version: some peers leave spaces in it. */
function parseRequestLine(line: string, headers: RtspHeaders): MessageHead {
  const [method, rest] = cut(line, line.indexOf(' '));
  const [uri, last] = cut(rest, rest.lastIndexOf(' '));
  const version = VERSION.exec(last)?.[1];
  if (!METHOD.test(method) || uri === '' || version === undefined) {
    throw new ProtocolError('RTSP: a start line that is neither a request nor a response', 0);
  }
  return { type: 'request', method, uri, version, headers };
}

/** What stands before a place and behind it, without the spaces between. */
function cut(text: string, at: number): [before: string, after: string] {
  return at === -1 ? ['', ''] : [text.slice(0, at).trimEnd(), text.slice(at).trimStart()];
}

/**
 * How many bytes of body follow. Several equal lengths are one.
 *
 * @throws ProtocolError when the length is no number, is said twice and differs, or is above `MAX_BODY_BYTES`
 */
export function bodyLengthOf(head: MessageHead): number {
  const lengths = new Set(allHeadersOf(head, 'Content-Length'));
  const [text = '0'] = lengths;
  if (lengths.size > 1 || !/^\d{1,20}$/.test(text)) throw new ProtocolError('RTSP: a Content-Length that is not one number');
  const length = Number(text);
  if (length > MAX_BODY_BYTES) throw new ProtocolError(`RTSP: a body of ${length} bytes; at most ${MAX_BODY_BYTES} are allowed`);
  return length;
}

function linesOf(bytes: Uint8Array): string[] {
  const decoder = new TextDecoder();
  const lines: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const lf = bytes.indexOf(LF, start);
    const end = lf === -1 ? bytes.length : lf;
    if (end - start > MAX_LINE_BYTES) throw new ProtocolError(`RTSP: a line of ${end - start} bytes; at most ${MAX_LINE_BYTES} are allowed`, start);
    const stop = end > start && bytes[end - 1] === CR ? end - 1 : end;
    if (stop > start) lines.push(decoder.decode(bytes.subarray(start, stop)));
    start = end + 1;
  }
  return lines;
}

function parseHeaders(lines: readonly string[]): RtspHeaders {
  const headers: [string, string][] = [];
  for (const line of lines) {
    const last = headers.at(-1);
    if (FOLD.test(line)) {
      if (last !== undefined) last[1] = `${last[1]} ${line.trim()}`.trim();
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    if (headers.length === MAX_HEADERS) throw new ProtocolError(`RTSP: more than ${MAX_HEADERS} headers`);
    headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return headers;
}
