import { cancelOf } from '../../engine/session/client-transaction.ts';
import { responseTo } from '../../engine/session/agent-core.ts';
import { applicationText } from '../../engine/wire/application-text.ts';
import type { ControlMessage } from '../../engine/wire/control-frame.ts';
import { EMPTY_BODY, SipHeaders, type SipMessage, type SipRequest } from '../../engine/wire/sip-message.ts';

/** Requests of one side that may wait for an answer; the oldest is forgotten first. */
const WAITING_MAX = 10_000;

/** A request of ours as it went out, with what the server said of it. */
export interface SentRequest {
  readonly request: SipRequest;
  readonly fields: readonly string[];
}

/** What is open at a server, as plain data. */
export interface ExchangesState {
  readonly asked: readonly ControlMessage[];
  readonly sent: readonly { readonly transactionId: string; readonly fields: readonly string[]; readonly text: string }[];
  readonly dialogs: readonly (readonly [id: string, callId: string])[];
}

/** What is open between an application and a server: requests without an answer, both ways, and dialogs. */
export class Exchanges {
  /** As the application was told of them, by transaction. */
  readonly #asked = new Map<string, { readonly told: ControlMessage; readonly request: SipRequest }>();
  readonly #sent = new Map<string, SentRequest>();
  /** Call-IDs by dialog. */
  readonly #dialogs = new Map<string, string>();

  get dialogs(): readonly string[] {
    return [...this.#dialogs.keys()];
  }

  get transactions(): number {
    return this.#asked.size + this.#sent.size;
  }

  sent(transactionId: string): SentRequest | undefined {
    return this.#sent.get(transactionId);
  }

  /** Forgets a request of ours. */
  take(transactionId: string): SentRequest | undefined {
    const sent = this.#sent.get(transactionId);
    this.#sent.delete(transactionId);
    return sent;
  }

  /** Transactions of our INVITEs without an answer. */
  get calling(): readonly string[] {
    return [...this.#sent].filter(([, { request }]) => request.method === 'INVITE').map(([id]) => id);
  }

  /** Transactions of others that wait for us. */
  get waiting(): readonly string[] {
    return [...this.#asked.keys()];
  }

  onAsked(transactionId: string, dialogId: string, request: SipRequest, told: ControlMessage): void {
    if (request.method === 'BYE') this.#dialogs.delete(dialogId);
    // The server has answered it, and the INVITE too.
    if (request.method === 'CANCEL') return this.#forgetCall(callIdOf(request));
    if (request.method === 'ACK') return;
    remember(this.#asked, transactionId, { told, request });
  }

  onSent(transactionId: string, sent: SentRequest): void {
    if (!['ACK', 'CANCEL'].includes(sent.request.method)) remember(this.#sent, transactionId, sent);
  }

  /** A response has come for one of ours, or one of ours has gone out. */
  onResponse(transactionId: string, dialogId: string, response: Extract<SipMessage, { type: 'response' }>): void {
    if (response.status < 200) return;
    this.#sent.delete(transactionId);
    this.#asked.delete(transactionId);
    if (response.status < 300 && dialogId !== '' && response.headers.get('CSeq')?.endsWith(' INVITE') === true) this.#dialogs.set(dialogId, callIdOf(response));
  }

  onDialogOver(dialogId: string): void {
    this.#dialogs.delete(dialogId);
  }

  /** Forgets everything, and answers what an application is to hear when the server has gone: whatever it waits for is over. */
  abandon(reason: string): ControlMessage[] {
    const told: ControlMessage[] = [];
    for (const [id, sent] of this.#sent) told.push(failureOf(id, sent, 503, reason));
    for (const [id, { request }] of this.#asked) if (request.method === 'INVITE') told.push(messageOf('network', id, '', cancelOf(request)));
    for (const [id, callId] of this.#dialogs) told.push(messageOf('application', 'unsolicited', id, farewellOf(callId, reason)));
    this.clear();
    return told;
  }

  clear(): void {
    this.#asked.clear();
    this.#sent.clear();
    this.#dialogs.clear();
  }

  exportState(): ExchangesState {
    return {
      asked: [...this.#asked.values()].map(({ told }) => told),
      sent: [...this.#sent].map(([transactionId, { request, fields }]) => ({ transactionId, fields, text: applicationText(request) })),
      dialogs: [...this.#dialogs],
    };
  }

  /** @param requestOf reads what this class has written */
  importState({ asked, sent, dialogs }: ExchangesState, requestOf: (text: string) => SipRequest): void {
    for (const told of asked) this.#asked.set(told.fields[6] ?? '', { told, request: requestOf(told.payload) });
    for (const { transactionId, fields, text } of sent) this.#sent.set(transactionId, { fields, request: requestOf(text) });
    for (const [id, callId] of dialogs) this.#dialogs.set(id, callId);
  }

  #forgetCall(callId: string): void {
    for (const [id, { request }] of this.#asked) if (request.method === 'INVITE' && callIdOf(request) === callId) this.#asked.delete(id);
  }
}

/** What the application is told when there will be no answer to a request of its. */
export function failureOf(transactionId: string, { request }: SentRequest, status: number, reason: string): ControlMessage {
  return messageOf('network', transactionId, '', responseTo(request, status, reason, 'none'));
}

function messageOf(source: 'network' | 'application', transactionId: string, dialogId: string, message: SipMessage): ControlMessage {
  return { id: transactionId, kind: 'sip', fields: [source, '0', 'udp', '127.0.0.1', '0', '', transactionId, dialogId, ''], payload: applicationText(message) };
}

function farewellOf(callId: string, reason: string): SipRequest {
  return { type: 'request', method: 'BYE', uri: 'sip:localhost', headers: SipHeaders.of([['Call-ID', callId], ['CSeq', '1 BYE'], ['Reason', `SIP;cause=503;text="${reason}"`]]), body: EMPTY_BODY };
}

function callIdOf({ headers }: SipMessage): string {
  return headers.get('Call-ID') ?? '';
}

function remember<Value>(waiting: Map<string, Value>, id: string, value: Value): void {
  const [oldest] = waiting.keys();
  if (waiting.size >= WAITING_MAX && oldest !== undefined) waiting.delete(oldest);
  waiting.set(id, value);
}
