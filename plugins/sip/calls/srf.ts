import type { EventEmitter } from 'node:events';
import Srf from 'drachtio-srf';

/** Header values by name. */
export type SrfHeaders = Record<string, string>;

/** A message as drachtio-srf has it. Its getters may throw; `get` and `has` do not. */
export interface SrfMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  get(name: string): string | undefined;
  has(name: string): boolean;
  /** The text that it was parsed from. */
  readonly raw: string | undefined;
}

/** A request, of ours or of others. Events: `response` (response, acknowledge), `cancel`. */
export interface SrfRequest extends EventEmitter, SrfMessage {
  readonly method: string;
  readonly uri: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackTxnId: string;
  readonly stackDialogId: string;
  /** Whom a request outside of dialogs came to. */
  readonly srf: SrfAgent;
  cancel(done?: (error: unknown) => void): void;
}

/** A response that came, or that is to be given. */
export interface SrfResponse extends SrfMessage {
  readonly status: number;
  readonly reason: string;
  /** Where it came from. */
  readonly source_address: string;
  readonly source_port: string;
  readonly protocol: string;
  readonly finalResponseSent: boolean;
  send(status: number, options?: { readonly headers?: SrfHeaders; readonly body?: string }, done?: (error: unknown, sent?: SrfMessage) => void, acknowledged?: (request: SrfRequest) => void): void;
  send(status: number, reason: string, options?: { readonly headers?: SrfHeaders; readonly body?: string }): void;
}

/** A dialog. Events: `destroy`, `modify`, `refer`, `info`, `message`, `notify`, `update`, `ack`, `refresh`. */
export interface SrfDialog extends EventEmitter {
  readonly id: string;
  readonly type: 'uac' | 'uas';
  readonly srf: SrfAgent;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  local: { uri: string; sdp: string; contact: string };
  remote: { uri: string; sdp: string };
  onHold: boolean;
  readonly connected: boolean;
  readonly req: SrfRequest;
  readonly res: SrfResponse;
  destroy(options?: { readonly headers?: SrfHeaders }): Promise<unknown>;
  modify(sdp: string, options?: { readonly headers?: SrfHeaders }): Promise<string>;
  request(options: { readonly method: string; readonly headers?: SrfHeaders; readonly body?: string }): Promise<SrfResponse>;
}

/** A request, and the dialog that it belongs to, if any. */
export interface SrfRequestOptions {
  readonly method: string;
  readonly headers?: SrfHeaders;
  readonly body?: string;
  /** Where to send it, in place of what its URI says. */
  readonly proxy?: string;
  readonly stackDialogId?: string;
}

/** What a call is begun with. */
export interface SrfCallOptions {
  readonly localSdp: string;
  readonly headers?: SrfHeaders;
  readonly proxy?: string;
  readonly auth?: { readonly username: string; readonly password: string };
}

/** Told how a call of ours gets on before it is answered. */
export interface SrfCallProgress {
  readonly cbRequest?: (error: unknown, request?: SrfRequest) => void;
  readonly cbProvisional?: (response: SrfResponse) => void;
}

export type SrfHandler = (request: SrfRequest, response: SrfResponse) => void;

/** The application side of drachtio's control protocol. Events: `connect`, `error`, `close`. */
export interface SrfAgent extends EventEmitter {
  connect(options: { readonly host: string; readonly port: number; readonly secret: string; readonly reconnect?: { readonly maxAttempts?: number } }): void;
  disconnect(): void;
  use(method: string, handler: SrfHandler): void;
  /** These three with a callback only: what comes in the same moment is lost on whoever waits for the promise. */
  request(uri: string, options: SrfRequestOptions, done: (error: unknown, request?: SrfRequest) => void): void;
  createUAC(uri: string, options: SrfCallOptions, progress: SrfCallProgress, done: (error: unknown, dialog?: SrfDialog) => void): void;
  createUAS(request: SrfRequest, response: SrfResponse, options: { readonly localSdp: string; readonly headers?: SrfHeaders }, done: (error: unknown, dialog?: SrfDialog) => void): void;
  findDialogById(id: string): SrfDialog | undefined;
  addDialog(dialog: SrfDialog): void;
  readonly app: { readonly client: SrfClient };
}

/** The connection below an agent. */
export interface SrfClient {
  _getDefaultSocket(): unknown;
}

interface Assignable {
  agent: SrfClient;
  socket: unknown;
}

/** The classes that messages and dialogs are made of, to make them from what was written down. */
export interface SrfClasses {
  new (): SrfAgent;
  readonly Dialog: new (srf: SrfAgent, type: 'uac' | 'uas', parts: { req: SrfRequest; res: SrfResponse; sent?: SrfMessage }) => SrfDialog;
  readonly SipMessage: new (message: string | { readonly headers: SrfHeaders; readonly body: string }) => SrfMessage;
  readonly SipRequest: new (message: SrfMessage, meta: SrfMeta) => SrfRequest & Assignable;
  readonly SipResponse: new (agent: SrfClient) => SrfResponse & Assignable & { msg: SrfMessage; meta: SrfMeta; req: SrfRequest };
}

/** Where a message went to or came from. */
export interface SrfMeta {
  readonly source: string;
  readonly address: string;
  readonly port: string;
  readonly protocol: string;
  readonly time: string;
  readonly transactionId: string;
  readonly dialogId?: string;
}

/** drachtio-srf with the types that its code has: those of the package describe less, and partly other methods. */
export const srfClasses = Srf as unknown as SrfClasses;
