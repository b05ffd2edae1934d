import { createHash, randomBytes } from 'node:crypto';
import { EMPTY_BODY, SipHeaders, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import type { Application, NewToken, Network } from './application.ts';
import type { DialogTable } from './dialog-table.ts';
import { tagOf, withTag } from './dialog.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Timing } from './timing.ts';
import type { TransactionTable } from './transaction-table.ts';

/** How calls are kept alive, and who we are. */
export interface AgentOptions {
  readonly timing: Timing;
  /** Session-Expires that we offer, in seconds; 0 offers none. */
  readonly sessionExpiresS: number;
  readonly userAgent: string;
}

/** What both sides of the user agent work on. */
export interface AgentCore {
  readonly options: AgentOptions;
  readonly wheel: TimerWheel;
  readonly transactions: TransactionTable;
  readonly dialogs: DialogTable;
  readonly network: Network;
  readonly application: Application;
  readonly newToken: NewToken;
}

/** Methods that we take; any other is answered 405. */
export const ALLOWED_METHODS = ['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'MESSAGE', 'NOTIFY', 'PRACK', 'PUBLISH', 'REFER', 'REGISTER', 'SUBSCRIBE', 'UPDATE'] as const;
/** Extensions that we know. */
export const SUPPORTED = ['100rel', 'timer', 'replaces'] as const;
/** Requests and 2xx that say where their sender is to be reached inside the dialog. @see RFC 3261 section 12.1, RFC 3515, RFC 6665 */
const WITH_CONTACT: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'UPDATE']);
/** Headers that are the engine's own, whatever the application says. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['via', 'max-forwards', 'content-length', 'call-id', 'cseq', 'from', 'to', 'record-route']);

const TOKEN_BYTES = 12;

export function randomToken(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

/** A tag that is the same for each repetition of a request, and that nobody can guess. */
export function statelessTag(secret: string, key: string): string {
  return createHash('sha256').update(`${secret} ${key}`).digest('hex').slice(0, TOKEN_BYTES * 2);
}

export function needsContact(method: string): boolean {
  return WITH_CONTACT.has(method);
}

/** Copies what the application may say; `keep` names headers that are its own here all the same. */
export function addApplicationHeaders(headers: SipHeaders, from: SipHeaders, keep: ReadonlySet<string> = new Set()): void {
  for (const [name, value] of from) {
    const key = name.toLowerCase();
    if (!OWN_HEADERS.has(key) || keep.has(key)) headers.add(name, value);
  }
}

/** A body that says what it is, or session description by its look; undefined when the type is missing. */
export function contentTypeOf({ headers, body }: SipRequest | SipResponse): string | undefined {
  const type = headers.get('Content-Type');
  if (type !== undefined || body.length === 0) return type ?? '';
  return body[0] === 'v'.charCodeAt(0) && body[1] === '='.charCodeAt(0) && body[2] === '0'.charCodeAt(0) ? 'application/sdp' : undefined;
}

/** The response that a request asks for, with the headers that it gives. @see RFC 3261 section 8.2.6.2 */
export function responseTo(request: SipRequest, status: number, reason: string, toTag?: string): { type: 'response'; status: number; reason: string; headers: SipHeaders; body: Uint8Array } {
  const headers = new SipHeaders();
  for (const via of request.headers.all('Via')) headers.add('Via', via);
  headers.add('From', request.headers.get('From') ?? '');
  const to = request.headers.get('To') ?? '';
  headers.add('To', toTag === undefined || tagOf(to) !== '' ? to : withTag(to, toTag));
  headers.add('Call-ID', request.headers.get('Call-ID') ?? '');
  headers.add('CSeq', request.headers.get('CSeq') ?? '');
  return { type: 'response', status, reason, headers, body: EMPTY_BODY };
}

/** A request or response with other headers or another body. */
export function withBody<M extends SipRequest | SipResponse>(message: M, body: Uint8Array): M {
  return { ...message, body };
}
