import { parseSipMessage } from '../wire/parse-message.ts';
import type { SipMessage, SipRequest, SipResponse } from '../wire/sip-message.ts';
import { ClientTransaction, clientKey, type ClientTransactionState, type ClientUser, type TransactionServices } from './client-transaction.ts';
import { serverKey, ServerTransaction, type ServerTransactionState, type ServerUser } from './server-transaction.ts';
import type { Target } from './target.ts';

/** Open transactions, beyond which new requests are refused. */
export const TRANSACTIONS_MAX = 20_000;

/** All transactions as plain data. */
export interface TransactionsState {
  readonly clients: readonly ClientTransactionState[];
  readonly servers: readonly ServerTransactionState[];
}

/** Every open transaction, found by what messages name it by. */
export class TransactionTable {
  readonly #services: TransactionServices;
  readonly #clientUser: ClientUser;
  readonly #serverUser: ServerUser;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #serversById = new Map<string, ServerTransaction>();

  constructor(services: TransactionServices, clientUser: ClientUser, serverUser: ServerUser) {
    this.#services = services;
    this.#clientUser = {
      onResponse: (transaction, response) => clientUser.onResponse(transaction, response),
      onTimeout: (transaction) => clientUser.onTimeout(transaction),
      onTerminated: (transaction) => {
        this.#clients.delete(transaction.key);
        clientUser.onTerminated(transaction);
      },
    };
    this.#serverUser = {
      onAbandoned: (transaction) => serverUser.onAbandoned(transaction),
      onTerminated: (transaction) => {
        this.#servers.delete(transaction.key);
        this.#serversById.delete(transaction.id);
        serverUser.onTerminated(transaction);
      },
    };
  }

  get size(): number {
    return this.#clients.size + this.#servers.size;
  }

  get isFull(): boolean {
    return this.size >= TRANSACTIONS_MAX;
  }

  /** Sends a request. */
  startClient(request: SipRequest, target: Target): ClientTransaction {
    const transaction = new ClientTransaction(this.#services, this.#clientUser, request, target);
    this.#clients.set(transaction.key, transaction);
    transaction.start();
    return transaction;
  }

  startServer(id: string, request: SipRequest, source: Target): ServerTransaction {
    const transaction = new ServerTransaction(this.#services, this.#serverUser, id, request, source);
    this.#remember(transaction);
    return transaction;
  }

  clientOf(response: SipResponse): ClientTransaction | undefined {
    return this.#clients.get(clientKey(response.headers));
  }

  hasClient(key: string): boolean {
    return this.#clients.has(key);
  }

  endClient(key: string): void {
    this.#clients.get(key)?.terminate();
  }

  /** @param ofMethod the method of the transaction, where it is not the request's: of a CANCEL */
  serverOf(request: SipRequest, ofMethod?: string): ServerTransaction | undefined {
    return this.#servers.get(serverKey(request, ofMethod));
  }

  serverById(id: string): ServerTransaction | undefined {
    return this.#serversById.get(id);
  }

  clients(): IterableIterator<ClientTransaction> {
    return this.#clients.values();
  }

  servers(): IterableIterator<ServerTransaction> {
    return this.#servers.values();
  }

  /** Ends everything without a word. */
  clear(): void {
    for (const transaction of [...this.#clients.values(), ...this.#servers.values()]) transaction.terminate();
  }

  exportState(): TransactionsState {
    return { clients: [...this.#clients.values()].map((one) => one.exportState()), servers: [...this.#servers.values()].map((one) => one.exportState()) };
  }

  importState(state: TransactionsState): void {
    for (const client of state.clients) {
      const transaction = new ClientTransaction(this.#services, this.#clientUser, requestOf(client.request), client.target, client);
      this.#clients.set(transaction.key, transaction);
    }
    for (const server of state.servers) this.#remember(new ServerTransaction(this.#services, this.#serverUser, server.id, requestOf(server.request), server.source, server));
  }

  #remember(transaction: ServerTransaction): void {
    this.#servers.set(transaction.key, transaction);
    this.#serversById.set(transaction.id, transaction);
  }
}

/** A request that was encoded by us. */
export function requestOf(bytes: Uint8Array): SipRequest {
  const { message } = parseSipMessage(bytes);
  if (isRequest(message)) return message;
  throw new TypeError('A response where a request was written down');
}

function isRequest(message: SipMessage): message is SipRequest {
  return message.type === 'request';
}
