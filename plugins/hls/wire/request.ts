import { parseStreamName } from 'wcs-core';
import { parseHlsQuery, type HlsQuery } from './directives.ts';
import { parseRequestPath, playlistPath, type HlsResource } from './request-path.ts';

/** An answer without media: a sentence and what goes with it. */
export interface Reply {
  readonly type: 'reply';
  readonly status: number;
  readonly sentence: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request for something of a stream. */
export interface StreamRequest {
  readonly type: 'stream';
  readonly resource: Exclude<HlsResource, { type: 'redirect' }>;
  readonly query: HlsQuery;
}

const METHODS = 'GET, HEAD, OPTIONS';

/** An answer that refuses, redirects or explains. */
export function reply(status: number, sentence: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { type: 'reply', status, sentence, headers: status === 503 ? { 'Retry-After': '1', ...headers } : headers };
}

/** Reads method and URL of a request; never throws. */
export function readRequest(method: string | undefined, url: string): StreamRequest | Reply {
  if (method !== 'GET' && method !== 'HEAD') return reply(405, `Only ${METHODS} are served.`, { Allow: METHODS });
  const mark = url.indexOf('?');
  const [path, queryText] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
  const resource = parseRequestPath(path);
  if (resource === undefined) return reply(404, 'There is no such resource.');
  const query = parseHlsQuery(queryText);
  if (typeof query === 'string') return reply(400, query);
  if (resource.type === 'redirect') return redirect(resource.location, queryText);
  if (!isStreamName(resource.name)) return reply(404, 'There is no such stream.');
  if (resource.type === 'playlist' && query.container !== undefined && query.container !== resource.container) {
    return redirect(playlistPath(resource.name, query.container), withoutType(queryText));
  }
  return { type: 'stream', resource, query };
}

function redirect(location: string, query: string): Reply {
  return reply(302, 'The playlist is elsewhere.', { Location: query === '' ? location : `${location}?${query}` });
}

function withoutType(query: string): string {
  return query
    .split('&')
    .filter((pair) => !/^type(?:=|$)/.test(pair))
    .join('&');
}

function isStreamName(name: string): boolean {
  try {
    return parseStreamName(name) === name;
  } catch {
    return false;
  }
}
