import { WcsError, type ErrorCode, type ErrorKind } from 'wcs-core';

/** HTTP status of each class of failure. @see wcs-rest-api.md section 1 */
export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  refused: 403,
  notFound: 404,
  conflict: 409,
  busy: 503,
  internal: 500,
};

/** A failure whose status or headers HTTP itself defines. */
export class HttpFailure extends WcsError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly details?: Readonly<Record<string, unknown>> };
}

/** An answer to a failed request, ready to be sent. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
  /** Our own fault: belongs into the log. */
  readonly isFault: boolean;
}

/**
 * How anything thrown is answered. What is no `WcsError` is a fault of ours, whose sentence stays in the log; the router's
 * own refusals (body too large, bad length) keep their 4xx status.
 */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof WcsError) {
    const { status, headers } = error instanceof HttpFailure ? error : { status: STATUS_OF_KIND[error.kind], headers: {} };
    const details = Object.keys(error.details).length === 0 ? {} : { details: error.details };
    return { status, headers, body: { error: { code: error.code, message: error.message, ...details } }, isFault: status === 500 };
  }
  const status = clientStatusOf(error);
  if (status !== undefined && error instanceof Error) {
    return { status, headers: {}, body: { error: { code: status === 413 ? 'PROTOCOL_E_LIMIT' : 'OPERATION_E_INPUT', message: error.message } }, isFault: false };
  }
  return { status: 500, headers: {}, body: { error: { code: 'INTERNAL_E_FAULT', message: 'The server failed to answer this request; its log says why.' } }, isFault: true };
}

function clientStatusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  return error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : undefined;
}
