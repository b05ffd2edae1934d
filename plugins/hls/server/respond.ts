import type { HttpExchange } from 'wcs-core';
import { parseByteRange } from '../wire/byte-range.ts';
import { reply, type Reply } from '../wire/request.ts';

/** What goes out with a body. */
export interface Resource {
  readonly contentType: string;
  readonly cacheControl: string;
  /** The body in pieces that are shared with other answers. */
  readonly pieces: readonly Buffer[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Content types of what is served. @see RFC 8216bis section 10, RFC 4337 */
export const CONTENT_TYPES = { m3u8: 'application/vnd.apple.mpegurl', m4s: 'video/iso.segment', mp4: 'video/mp4', ts: 'video/mp2t' } as const;
/** Errors may be stale for a second at most. */
const ERROR_CACHE = 'max-age=1';
const PREFLIGHT_AGE_S = 86_400;

/** Headers that every answer carries, so that pages of any allowed origin can read it, errors too. */
export function setCorsHeaders(exchange: HttpExchange, origin: string): void {
  const { response } = exchange;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', 'Content-Length, Content-Range, Date');
  if (origin !== '*') response.setHeader('Vary', 'Origin');
}

/** Answers an OPTIONS request. */
export function sendPreflight({ response }: HttpExchange): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'Range, Authorization, Content-Type');
  response.setHeader('Access-Control-Max-Age', String(PREFLIGHT_AGE_S));
  response.statusCode = 204;
  response.end();
}

/** Answers with a sentence instead of media. */
export function sendReply({ request, response }: HttpExchange, { status, sentence, headers }: Reply): void {
  const body = Buffer.from(`${sentence}\n`);
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', ERROR_CACHE);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('Content-Length', String(body.length));
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/**
 * Answers with a resource or the range of it that was asked for: 200, 206 or 416.
 *
 * @param ranges false for bodies that differ from one answer to the next
 * @returns bytes of the body
 */
export function sendResource(exchange: HttpExchange, resource: Resource, ranges: boolean): number {
  const { request, response } = exchange;
  const totalBytes = byteLength(resource.pieces);
  setResourceHeaders(exchange, resource);
  const range = ranges ? parseByteRange(request.headers.range, totalBytes) : 'whole';
  if (range === 'unsatisfiable') {
    sendReply(exchange, reply(416, 'The range is outside the resource.', { 'Content-Range': `bytes */${totalBytes}` }));
    return 0;
  }
  if (ranges) response.setHeader('Accept-Ranges', 'bytes');
  const { start, end } = range === 'whole' ? { start: 0, end: totalBytes } : range;
  response.statusCode = range === 'whole' ? 200 : 206;
  if (range !== 'whole') response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${totalBytes}`);
  response.setHeader('Content-Length', String(end - start));
  if (request.method === 'HEAD') {
    response.end();
    return 0;
  }
  const out: NodeJS.WritableStream = response;
  for (const piece of slice(resource.pieces, start, end)) out.write(piece);
  out.end();
  return end - start;
}

/** Type, caching and further headers of a resource. */
export function setResourceHeaders({ response }: HttpExchange, resource: Resource): void {
  response.setHeader('Content-Type', resource.contentType);
  response.setHeader('Cache-Control', resource.cacheControl);
  for (const [name, value] of Object.entries(resource.headers ?? {})) response.setHeader(name, value);
}

/** Length of a body in pieces. */
export function byteLength(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** The pieces of `[start, end)`, without copying. */
function* slice(pieces: readonly Buffer[], start: number, end: number): Iterable<Buffer> {
  let at = 0;
  for (const piece of pieces) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, piece.length);
    if (from < to) yield piece.subarray(from, to);
    at += piece.length;
  }
}
