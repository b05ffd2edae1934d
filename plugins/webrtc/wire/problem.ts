import { WcsError, type ErrorKind, type WebAnswer } from 'wcs-core';

/** A failure with the status of HTTP that it is answered with. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}

const STATUS: Readonly<Record<ErrorKind, number>> = { invalid: 400, unauthenticated: 401, refused: 403, notFound: 404, conflict: 409, busy: 503, internal: 500 };
const TITLE: Readonly<Partial<Record<number, string>>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  503: 'Service Unavailable',
};
const RETRY_AFTER_S = '5';

/** The answer to a failure, or undefined for one that is our own fault. @see RFC 9457 */
export function problemOf(error: unknown): WebAnswer | undefined {
  if (error instanceof HttpProblem) return problem(error.status, error.message, error.headers);
  if (!(error instanceof WcsError) || error.kind === 'internal') return undefined;
  const { code, kind, message } = error;
  // The offer is understood, and yet it can't be served.
  const status = code === 'MEDIA_E_NO_COMMON_CODEC' ? 422 : code === 'PROTOCOL_E_LIMIT' ? 413 : STATUS[kind];
  return problem(status, message, kind === 'busy' ? { 'Retry-After': RETRY_AFTER_S } : {}, code);
}

function problem(status: number, detail: string, headers: Readonly<Record<string, string>>, code?: string): WebAnswer {
  const body = { type: 'about:blank', title: TITLE[status] ?? 'Error', status, detail, ...(code === undefined ? {} : { code }) };
  return { status, headers: { ...headers, 'Content-Type': 'application/problem+json' }, body: JSON.stringify(body) };
}
