import type { SipMessage, SipRequest, SipResponse } from '../wire/sip-message.ts';
import { checkMessage } from '../wire/check-message.ts';
import { encodeSipMessage } from '../wire/encode-message.ts';
import type { Fault, ParsedMessage } from '../wire/parse-message.ts';
import { responseTo, statelessTag, type AgentCore, type AgentOptions } from './agent-core.ts';
import type { Application, Network, NewToken, SendCommand, SendOutcome } from './application.ts';
import { DialogTable } from './dialog-table.ts';
import { dialogOfResponse, tagOf, type Dialog, type DialogState, type DialogTimer } from './dialog.ts';
import type { IncomingState } from './incoming.ts';
import type { OutgoingState } from './outgoing.ts';
import { serverKey } from './server-transaction.ts';
import { SessionKeeper } from './session-keeper.ts';
import type { Target } from './target.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { TransactionTable, type TransactionsState } from './transaction-table.ts';
import { Uac } from './uac.ts';
import { Uas } from './uas.ts';

/** Everything that is going on, as plain data. */
export interface UserAgentState {
  readonly transactions: TransactionsState;
  readonly dialogs: readonly DialogState[];
  readonly outgoing: readonly OutgoingState[];
  readonly incoming: readonly IncomingState[];
}

/** What a user agent is made of. */
export interface UserAgentParts {
  readonly options: AgentOptions;
  readonly wheel: TimerWheel;
  readonly network: Network;
  readonly application: Application;
  readonly newToken: NewToken;
}

/** A SIP user agent: transactions and dialogs between the network and an application. No I/O, no clock of its own. */
export class UserAgent {
  readonly #core: AgentCore;
  readonly #uac: Uac;
  readonly #uas: Uas;
  readonly #keeper: SessionKeeper;
  readonly #secret: string;

  constructor({ options, wheel, network, application, newToken }: UserAgentParts) {
    const services = { wheel, timing: options.timing, send: (target: Target, bytes: Uint8Array) => network.send(target, bytes) };
    const transactions = new TransactionTable(
      services,
      {
        onResponse: (transaction, response) => this.#uac.onResponse(transaction, response),
        onTimeout: (transaction) => this.#uac.onTimeout(transaction),
        onTerminated: (transaction) => this.#uac.onTerminated(transaction),
      },
      { onAbandoned: (transaction) => this.#uas.onAbandoned(transaction), onTerminated: (transaction) => this.#uas.onTerminated(transaction) },
    );
    const dialogs = new DialogTable(wheel, (dialog, name) => this.#onDialogTimer(dialog, name));
    this.#core = { options, wheel, transactions, dialogs, network, application, newToken };
    this.#secret = newToken();
    this.#keeper = new SessionKeeper(options.sessionExpiresS);
    this.#uac = new Uac(this.#core, this.#keeper, (dialog, reason) => this.#over(dialog, reason));
    this.#uas = new Uas(this.#core, {
      keeper: this.#keeper,
      hasOpenInvite: (dialog) => this.#uac.hasOpenInvite(dialog),
      dialogOfNotify: (request) => this.#dialogOfNotify(request),
      giveUp: (dialog, reason) => this.#giveUp(dialog, reason),
    });
  }

  /** Open transactions and dialogs. */
  get counts(): { readonly transactions: number; readonly dialogs: number } {
    return { transactions: this.#core.transactions.size, dialogs: this.#core.dialogs.size };
  }

  /**
   * A message from the network, its top Via completed by the transport.
   *
   * @returns what was wrong with it; it has been answered where that is due
   */
  receive({ message, fault: parseFault }: ParsedMessage, source: Target): Fault | undefined {
    const fault = parseFault ?? checkMessage(message);
    if (message.type === 'response') {
      if (fault === undefined) this.#core.transactions.clientOf(message)?.receive(message);
      return fault;
    }
    if (fault === undefined) this.#uas.receive(message, source);
    else this.#answerFault(message, source, fault);
    return fault;
  }

  /** Sends a message of the application. */
  send(command: SendCommand, done: (outcome: SendOutcome) => void): void {
    const { message } = command;
    if (isResponse(message)) done(this.#uas.respond({ ...command, message }));
    else this.#uac.send({ ...command, message }, done);
  }

  onTargetFailed(target: Target): void {
    this.#uac.onTargetFailed(target);
  }

  /** Ends every call with a BYE, and refuses what has no answer. */
  close(reason: string): void {
    for (const dialog of [...this.#core.dialogs.all()]) if (dialog.facts.method === 'INVITE' && dialog.facts.phase === 'confirmed') this.#giveUp(dialog, reason);
  }

  /** Lets go of everything without a word: another continues it, or nobody. */
  clear(): void {
    this.#uac.clear();
    this.#core.transactions.clear();
    this.#core.dialogs.clear();
  }

  exportState(): UserAgentState {
    return { transactions: this.#core.transactions.exportState(), dialogs: this.#core.dialogs.exportState(), outgoing: this.#uac.exportState(), incoming: this.#uas.exportState() };
  }

  /** Continues what another user agent has exported, and hands its open requests to the application anew. */
  importState(state: UserAgentState): void {
    this.#core.transactions.importState(state.transactions);
    this.#core.dialogs.importState(state.dialogs);
    this.#uac.importState(state.outgoing);
    this.#uas.importState(state.incoming);
    this.#uas.replay();
  }

  /** Nothing is kept of a request that cannot be worked with; an ACK is never answered. @see RFC 3261 section 8.2.7 */
  #answerFault(request: SipRequest, source: Target, { status, reason }: Fault): void {
    const { headers } = request;
    if (request.method === 'ACK' || !headers.has('Via') || !headers.has('From') || !headers.has('Call-ID') || !headers.has('CSeq')) return;
    this.#core.network.send(source, encodeSipMessage(responseTo(request, status, reason, statelessTag(this.#secret, serverKey(request)))));
  }

  #onDialogTimer(dialog: Dialog, name: DialogTimer): void {
    switch (name) {
      case 'answerRepeat':
        return this.#uas.repeatAnswer(dialog);
      case 'answerGiveUp':
        return this.#giveUp(dialog, 'ACK timeout');
      case 'refresh':
        return this.#uac.sendOwn(dialog, this.#keeper.refreshRequest(dialog));
      case 'expire':
        return this.#giveUp(dialog, 'Session timer expired');
      case 'referral':
        return this.#core.dialogs.remove(dialog);
    }
  }

  /** Ends a call of the engine's own accord. */
  #giveUp(dialog: Dialog, reason: string): void {
    const bye = dialog.request('BYE');
    bye.headers.add('Reason', `SIP;cause=200;text="${reason}"`);
    this.#uac.sendOwn(dialog, bye);
    this.#over(dialog, reason);
  }

  /** The dialog is gone; the application is told by a BYE that it need not answer. */
  #over(dialog: Dialog, reason: string): void {
    this.#core.dialogs.remove(dialog);
    const { facts } = dialog;
    // It has heard of the end already.
    if (facts.phase === 'ended') return;
    const bye = dialog.request('BYE');
    bye.headers.set('From', facts.remote);
    bye.headers.set('To', facts.local);
    bye.headers.set('Reason', `SIP;cause=200;text="${reason}"`);
    this.#core.application.onUnsolicited({ message: bye, peer: { transport: 'udp', address: '127.0.0.1', port: 0 }, transactionId: 'unsolicited', dialogId: facts.id });
  }

  #dialogOfNotify(request: SipRequest): Dialog | undefined {
    const subscribe = request.method === 'NOTIFY' ? this.#uac.openSubscribe(request.headers.get('Call-ID') ?? '', tagOf(request.headers.get('To'))) : undefined;
    if (subscribe === undefined) return undefined;
    // As if the 2xx had come first: the NOTIFY names the same two sides the other way round.
    const answer = responseTo(subscribe, 200, 'OK');
    answer.headers.set('To', request.headers.get('From') ?? '');
    for (const name of ['Contact', 'Record-Route']) for (const value of request.headers.all(name)) answer.headers.add(name, value);
    const { callId, localTag, remoteTag, ...rest } = dialogOfResponse(subscribe, answer, '');
    const routes = request.headers.list('Record-Route') ?? [];
    return this.#core.dialogs.add({ ...rest, callId, localTag, remoteTag, routes, id: this.#core.dialogs.freeId(callId, localTag, remoteTag) });
  }
}

function isResponse(message: SipMessage): message is SipResponse {
  return message.type === 'response';
}
