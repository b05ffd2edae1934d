import { randomUUID } from 'node:crypto';
import { ProtocolError } from 'wcs-core';
import { nextHopOf } from '../../engine/session/new-request.ts';
import { CALLER_HEADER, RESUME_HEADER } from '../../engine/session/uac.ts';
import { applicationText, parseApplicationMessage } from '../../engine/wire/application-text.ts';
import { checkMessage } from '../../engine/wire/check-message.ts';
import type { ControlMessage } from '../../engine/wire/control-frame.ts';
import type { SipMessage, SipRequest } from '../../engine/wire/sip-message.ts';
import { Exchanges, failureOf, type ExchangesState } from './exchanges.ts';

const AWAY = 'The SIP server is not connected';
const LOST = 'The SIP server has gone';
/** Stands for the other side of a dialog, which the server knows. */
const REMOTE_TARGET = 'sip:placeholder';
/** First version of drachtio-server that answers pings. */
const PING_VERSION = [0, 8, 2] as const;

/** Answers a command of the application. */
export type CommandAnswer = (fields: readonly string[], payload?: string) => void;

/** What a relay has done around it. */
export interface RelayEffects {
  toServer(message: ControlMessage): void;
  toApplication(message: ControlMessage): void;
  /** Whether the application has asked for requests of that method. */
  wants(method: string): boolean;
  /**
   * Judges where a URI leads that a peer has had us ask for.
   *
   * @param done with the address to go to; empty: where the URI says; undefined: it may not
   */
  locate(uri: string, caller: string, done: (route: string | undefined) => void): void;
  /** The server takes our requests, and sends us those of others. */
  onReady(): void;
  /** It does not let us in: the text says why. */
  onRefused(reason: string): void;
  onMalformed(reason: string): void;
}

/** What a relay knows of its server, as plain data. */
export interface RelayState {
  readonly ready: boolean;
  readonly greeting: readonly string[];
  readonly exchanges: ExchangesState;
  /** INVITEs that have gone to the server, and that it has not told of yet. */
  readonly orphans: readonly string[];
}

/**
 * Between drachtio-srf and a drachtio-server elsewhere: enters there, passes messages on in both directions, none of
 * which is longer or other than our own engine's would be, and ends whatever is open when the server goes.
 */
export class Relay {
  readonly #effects: RelayEffects;
  readonly #secret: string;
  readonly #methods: readonly string[];
  readonly #exchanges = new Exchanges();
  /** What waits for the server's word, by the id of the command. */
  readonly #own = new Map<string, (fields: readonly string[]) => void>();
  readonly #commands = new Map<string, { readonly message: SipMessage; readonly answer: CommandAnswer }>();
  readonly #orphans = new Set<string>();
  /** Dialogs that the server may have still. */
  #farewells: readonly string[] = [];
  #greeting: readonly string[] = [];
  #ready = false;

  /** @param methods that we want to hear of, in lower case */
  constructor(secret: string, methods: readonly string[], effects: RelayEffects) {
    this.#secret = secret;
    this.#methods = methods;
    this.#effects = effects;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get counts(): { readonly transactions: number; readonly dialogs: number } {
    return { transactions: this.#exchanges.transactions, dialogs: this.#exchanges.dialogs.length };
  }

  /** Addresses that the server has for SIP: `udp/192.0.2.1:5060,tcp/…`. */
  get hostPorts(): string {
    return this.#greeting[0] ?? '';
  }

  /** Whether an INVITE of ours waits there for its answer. */
  holds(transactionId: string): boolean {
    return this.#exchanges.sent(transactionId) !== undefined;
  }

  /** Says who we are, on a new connection. */
  enter(): void {
    this.#command('authenticate', [this.#secret, ''], ([verdict, ...greeting]) => {
      if (verdict !== 'OK') return this.#effects.onRefused('it does not take the secret');
      this.#greeting = greeting;
      let missing = this.#methods.length;
      for (const method of this.#methods) this.#command('route', [method], ([taken]) => {
        if (taken !== 'OK') this.#effects.onRefused(`it does not take ${method}`);
        else if (--missing === 0) this.#begin();
      });
    });
  }

  /** Asks for a sign of life; false of a server that knows no such question. */
  ping(done: () => void): boolean {
    const [, ...version] = /^v(\d+)\.(\d+)\.(\d+)/.exec(this.#greeting[1] ?? '') ?? [];
    const known = version.map(Number);
    const differs = PING_VERSION.findIndex((part, index) => part !== known[index]);
    if (known.length === 0 || (differs !== -1 && (known[differs] ?? 0) < (PING_VERSION[differs] ?? 0))) return false;
    this.#command('ping', [], done);
    return true;
  }

  /** @throws ProtocolError for what no drachtio-server would say */
  onServerMessage(message: ControlMessage): void {
    if (message.kind === 'response') this.#onAnswer(message);
    else if (message.kind === 'sip') this.#onSip(message);
    else if (!message.kind.startsWith('cdr:')) throw new ProtocolError('A kind of control message that no drachtio-server has');
  }

  onCommand(command: ControlMessage, answer: CommandAnswer): void {
    const [transactionId = '', dialogId = '', route = ''] = command.fields;
    let message: SipMessage;
    try {
      message = parseApplicationMessage(command.payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return answer(['NOK', error.message]);
    }
    const resumed = message.headers.get(RESUME_HEADER);
    const caller = message.headers.get(CALLER_HEADER);
    message.headers.delete(CALLER_HEADER);
    if (resumed !== undefined) return this.#resume(resumed, answer);
    const send = (to: string | undefined): void => {
      if (to === undefined) return answer(['NOK', 'No route to the host']);
      if (!this.#ready) return answer(['NOK', AWAY]);
      this.#note(transactionId, dialogId, message);
      this.#commands.set(command.id, { message, answer });
      this.#effects.toServer({ ...command, fields: [transactionId, dialogId, ...(to === '' ? [] : [to])], payload: applicationText(message) });
    };
    if (caller === undefined || message.type === 'response' || dialogId !== '') return send(route);
    this.#effects.locate(route === '' ? nextHopOf(message) : route, caller, (found) => send(found === '' ? route : found));
  }

  /** The connection has gone, and with it whatever was open. */
  onLost(): void {
    const wasReady = this.#ready;
    this.#ready = false;
    this.#own.clear();
    this.#orphans.clear();
    const commands = [...this.#commands.values()];
    this.#commands.clear();
    for (const { answer } of commands) answer(['NOK', LOST]);
    if (wasReady) this.#farewells = this.#exchanges.dialogs;
    for (const told of this.#exchanges.abandon(LOST)) this.#effects.toApplication(told);
  }

  /** Ends what is open, on both sides, while the connection lasts. */
  close(): void {
    for (const id of this.#exchanges.dialogs) this.#tell(['', id], `BYE ${REMOTE_TARGET}`);
    for (const id of this.#exchanges.calling) this.#cancel(id);
    for (const id of this.#exchanges.waiting) this.#tell([id, ''], undefined, 503, 'Service Unavailable');
    this.onLost();
    this.#farewells = [];
  }

  /** Forgets everything: another has it. */
  clear(): void {
    this.#ready = false;
    this.#exchanges.clear();
    this.#commands.clear();
    this.#own.clear();
  }

  exportState(): RelayState {
    const orphans = [...this.#commands].filter(([, { message }]) => message.type === 'request' && message.method === 'INVITE').map(([id]) => id);
    return { ready: this.#ready, greeting: this.#greeting, exchanges: this.#exchanges.exportState(), orphans };
  }

  /** Goes on with the connection of another relay, whose application is told anew of what waits for an answer. */
  importState({ ready, greeting, exchanges, orphans }: RelayState): void {
    this.#greeting = greeting;
    this.#ready = ready;
    for (const id of orphans) this.#orphans.add(id);
    this.#exchanges.importState(exchanges, (text) => parseApplicationMessage(text) as SipRequest);
    for (const told of exchanges.asked) this.#effects.toApplication(told);
  }

  #begin(): void {
    this.#ready = true;
    // It may have outlived our connection, and its calls with it.
    for (const id of this.#farewells) this.#tell(['', id], `BYE ${REMOTE_TARGET}`);
    this.#farewells = [];
    this.#effects.onReady();
  }

  #onAnswer({ fields: [id = '', ...fields], payload }: ControlMessage): void {
    const own = this.#own.get(id);
    this.#own.delete(id);
    if (own !== undefined) return own(fields);
    const [verdict, transactionId = '', last = ''] = [fields[0], fields[7], fields[8]];
    // Whoever sent it is not here any more.
    if (this.#orphans.delete(id) && verdict === 'OK') return this.#cancel(transactionId);
    const command = this.#commands.get(id);
    this.#commands.delete(id);
    if (command === undefined) return;
    if (verdict !== 'OK') return command.answer(fields);
    const sent = this.#read(payload);
    if (sent === undefined) return command.answer(['NOK', 'The SIP server does not say what it has sent']);
    if (sent.type === 'request') this.#exchanges.onSent(transactionId, { request: sent, fields });
    else this.#exchanges.onResponse(transactionId, last, sent);
    command.answer(fields, applicationText(sent));
  }

  #onSip(told: ControlMessage): void {
    const [source, , , , , , transactionId = '', dialogId = ''] = told.fields;
    const message = this.#read(told.payload);
    const fault = message === undefined || source !== 'network' ? undefined : checkMessage(message);
    if (message === undefined || fault !== undefined) return this.#refuse(transactionId, told.payload, fault?.reason);
    const passed = { ...told, payload: applicationText(message) };
    if (message.type === 'response') this.#exchanges.onResponse(transactionId, dialogId, message);
    else if (source !== 'network') this.#exchanges.onDialogOver(dialogId);
    else if (dialogId !== '' || ['CANCEL', 'ACK'].includes(message.method) || this.#effects.wants(message.method)) this.#exchanges.onAsked(transactionId, dialogId, message, passed);
    else return this.#tell([transactionId, ''], undefined, 503, 'Service Unavailable');
    this.#effects.toApplication(passed);
  }

  /** What can't be worked with is answered here, so that nobody waits for it. */
  #refuse(transactionId: string, payload: string, reason = 'Malformed Message'): void {
    this.#effects.onMalformed(reason);
    if (!/^(?:SIP\/|ACK )/i.test(payload)) return this.#tell([transactionId, ''], undefined, 400, reason);
    const sent = /^SIP\/2\.0 [2-6]/i.test(payload) ? this.#exchanges.take(transactionId) : undefined;
    if (sent !== undefined) this.#effects.toApplication(failureOf(transactionId, sent, 502, 'Malformed Response'));
  }

  #read(payload: string): SipMessage | undefined {
    try {
      return parseApplicationMessage(payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return undefined;
    }
  }

  #resume(transactionId: string, answer: CommandAnswer): void {
    const sent = this.#exchanges.sent(transactionId);
    if (sent === undefined) return answer(['NOK', 'No such transaction']);
    answer(sent.fields, applicationText(sent.request));
  }

  /** What the application says may end something. */
  #note(transactionId: string, dialogId: string, message: SipMessage): void {
    if (message.type === 'request' && message.method === 'BYE') this.#exchanges.onDialogOver(dialogId);
    if (message.type === 'response') this.#exchanges.onResponse(transactionId, '', message);
  }

  #cancel(transactionId: string): void {
    this.#tell([transactionId, ''], `CANCEL ${REMOTE_TARGET}`);
  }

  /** Sends a message of our own making, whose fate interests nobody. */
  #tell(fields: readonly string[], request: string | undefined, status = 0, reason = ''): void {
    const payload = request === undefined ? `SIP/2.0 ${status} ${reason}\r\n\r\n` : `${request} SIP/2.0\r\n\r\n`;
    this.#effects.toServer({ id: randomUUID(), kind: 'sip', fields, payload });
  }

  #command(kind: string, fields: readonly string[], done: (fields: readonly string[]) => void): void {
    const id = randomUUID();
    this.#own.set(id, done);
    this.#effects.toServer({ id, kind, fields, payload: '' });
  }
}
