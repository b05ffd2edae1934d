import type { CallStatus } from 'wcs-core';

/** How a call ended. */
export interface Outcome {
  readonly status: Extract<CallStatus, 'FINISH' | 'BUSY' | 'FAILED'>;
  readonly statusCode?: number | undefined;
  readonly info: string;
  /** For metrics: few words. */
  readonly cause: 'normal' | 'busy' | 'declined' | 'noAnswer' | 'unknown' | 'refused' | 'media' | 'server' | 'error';
}

/** Said of calls that somebody has ended. */
export const NORMAL: Outcome = { status: 'FINISH', info: 'Normal call clearing', cause: 'normal' };

/** What a final answer other than 2xx means. @see RFC 3261 section 21 */
export function outcomeOf(statusCode: number, reason: string): Outcome {
  const cause = causeOf(statusCode);
  if (statusCode === 487) return { ...NORMAL, statusCode };
  const text = reason.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200);
  return { status: cause === 'busy' ? 'BUSY' : 'FAILED', statusCode, info: cause === 'media' ? 'No common codecs' : `${statusCode} ${text}`.trim(), cause };
}

/** Something went wrong on our side of the line. */
export function failed(info: string, cause: Outcome['cause'] = 'error'): Outcome {
  return { status: 'FAILED', info, cause };
}

function causeOf(statusCode: number): Outcome['cause'] {
  switch (statusCode) {
    case 486:
    case 600:
      return 'busy';
    case 603:
      return 'declined';
    case 408:
    case 480:
      return 'noAnswer';
    case 404:
    case 484:
    case 604:
      return 'unknown';
    case 401:
    case 403:
    case 407:
      return 'refused';
    case 415:
    case 488:
    case 606:
      return 'media';
    default:
      return statusCode >= 500 ? 'server' : 'error';
  }
}
