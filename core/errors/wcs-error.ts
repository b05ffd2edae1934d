import { ERRORS, type ErrorCode, type ErrorKind } from './codes.ts';

/** What a `WcsError` may carry besides its sentence. */
export interface WcsErrorOptions {
  /** The failure underneath, kept for the log. */
  readonly cause?: unknown;
  /** Plain facts for the reader of the error (a port, a name); never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error base of kernel and plugins: a code of the table, a sentence that says what to do, the cause. */
export class WcsError extends Error {
  override readonly name: string = 'WcsError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: WcsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The class of failure that front ends map to a status or an exit code. */
  get kind(): ErrorKind {
    return ERRORS[this.code];
  }
}

/** A peer broke a protocol: ends that peer's session, never anything else. */
export class ProtocolError extends WcsError {
  override readonly name = 'ProtocolError';

  /** @param offset byte position in the input where the parser gave up, when known */
  constructor(message: string, offset?: number) {
    super('PROTOCOL_E_MALFORMED', message, offset === undefined ? {} : { details: { offset } });
  }
}

/** The sentence of anything thrown, for logs and answers. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
