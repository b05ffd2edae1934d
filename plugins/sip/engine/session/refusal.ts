import type { SipRequest } from '../wire/sip-message.ts';
import { ALLOWED_METHODS, SUPPORTED } from './agent-core.ts';

/** A status that ends a request, with headers that say why. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

const ALLOWED: ReadonlySet<string> = new Set(ALLOWED_METHODS);
const KNOWN: ReadonlySet<string> = new Set(SUPPORTED);

/** Why a well-formed request is refused whoever sent it; undefined when it is not. @see RFC 3261 section 8.2 */
export function refusalOf({ method, headers }: SipRequest): Refusal | undefined {
  if (!ALLOWED.has(method)) return { status: 405, reason: 'Method Not Allowed', headers: [['Allow', ALLOWED_METHODS.join(', ')]] };
  // OPTIONS may still be answered by whom it reached. @see RFC 3261 section 11.2
  if (headers.get('Max-Forwards') === '0' && method !== 'OPTIONS') return { status: 483, reason: 'Too Many Hops' };
  const unknown = headers.tokens('Require').filter((extension) => !KNOWN.has(extension));
  if (unknown.length > 0) return { status: 420, reason: 'Bad Extension', headers: [['Unsupported', unknown.join(', ')]] };
  const encoding = headers.get('Content-Encoding')?.toLowerCase() ?? 'identity';
  return encoding === 'identity' ? undefined : { status: 415, reason: 'Unsupported Media Type', headers: [['Accept-Encoding', 'identity']] };
}
