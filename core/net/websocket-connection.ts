import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { RawData, WebSocket } from 'ws';
import { nextConnectionId, type HeldConnection } from './held-connection.ts';
import { plainAddress } from '../formats/mapped-address.ts';
import { callOwner, type Owner } from './owner.ts';

/** A peer that doesn't answer our close frame is cut off after this. @see RFC 6455 section 7.1.1 */
export const CLOSE_TIMEOUT_MS = 2_000;
/** Pings are not answered while more than this waits to go out: a peer that only asks must not fill our memory. */
const MAX_PONG_BACKLOG_BYTES = 64 * 1024;
/** Longest reason of a close frame in bytes. @see RFC 6455 section 5.5 */
const MAX_REASON_BYTES = 123;

/** Why a WebSocket ended. */
export interface WebSocketClose {
  /** The peer's status code; 1005 without one, 1006 when there was no close frame. */
  readonly code: number;
  readonly reason: string;
  /** What the peer did wrong, or what broke the connection. */
  readonly error?: Error;
}

/** Gets the events of one WebSocket. What a method throws ends the connection and is reported to its owner. */
export interface WebSocketHandler {
  onText(text: string): void;
  onBinary(data: Uint8Array): void;
  /** Everything written has been taken by the operating system after some of it had to wait. */
  onDrain?(): void;
  /** Called once, last. */
  onClose(close: WebSocketClose): void;
}

/**
 * A WebSocket held by the kernel. Its listeners are made once and forward to the handler; while there is no handler, or
 * reading is paused, whole messages wait in order, so that an exchange of the handler loses and doubles none.
 */
export class WebSocketConnection implements HeldConnection<WebSocketHandler> {
  readonly id: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly encrypted: boolean;
  /** Path and query of the request. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #maxBacklogBytes: number;
  #owner: Owner;
  #handler: WebSocketHandler | undefined;
  #paused = false;
  /** Messages that came while nobody was to get them. Bounded: the socket isn't read then, so it is one chunk's worth. */
  #inbox: (string | Uint8Array)[] = [];
  #delivering = false;
  #error: Error | undefined;
  #close: WebSocketClose | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  /** @param maxBacklogBytes unsent bytes beyond which a message of ours breaks the connection off */
  constructor(webSocket: WebSocket, request: IncomingMessage, owner: Owner, maxBacklogBytes: number) {
    const { socket } = request;
    this.id = nextConnectionId();
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress ?? '');
    this.localPort = socket.localPort ?? 0;
    this.encrypted = socket instanceof TLSSocket;
    this.url = request.url ?? '/';
    this.headers = request.headers;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#owner = owner;
    this.#maxBacklogBytes = maxBacklogBytes;
    webSocket.binaryType = 'nodebuffer';
    webSocket.on('message', this.#onMessage);
    webSocket.on('ping', this.#onPing);
    webSocket.on('error', this.#onError);
    webSocket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    webSocket.pause();
  }

  get owner(): Owner {
    return this.#owner;
  }

  get handler(): WebSocketHandler | undefined {
    return this.#handler;
  }

  /** Bytes written but not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /** With the handshake and the framing. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  /** With the handshake and the framing. */
  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  /** True from the first close frame, of either side, on: nothing more is sent. */
  get closing(): boolean {
    return this.#webSocket.readyState !== this.#webSocket.OPEN;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  /**
   * Who gets the events from now on. What waited is delivered when the caller's synchronous block is over; of a
   * connection that has closed, the close as well.
   *
   * @param owner whose code the handler is, when that changes (a hand-over to another generation)
   */
  setHandler(handler: WebSocketHandler | undefined, owner: Owner = this.#owner): void {
    this.#handler = handler;
    this.#owner = owner;
    this.#readAsWanted();
  }

  /** Delivers nothing, and reads no more from the peer, until `resume()`. */
  pause(): void {
    this.#paused = true;
    this.#readAsWanted();
  }

  resume(): void {
    this.#paused = false;
    this.#readAsWanted();
  }

  /** Sends a text message; false when it cannot be sent any more. */
  sendText(text: string): boolean {
    if (!this.#takesMessages()) return false;
    this.#webSocket.send(text, { binary: false });
    return true;
  }

  /** Sends a binary message; false when it cannot be sent any more. */
  sendBinary(data: Uint8Array): boolean {
    if (!this.#takesMessages()) return false;
    this.#webSocket.send(data, { binary: true });
    return true;
  }

  /**
   * Writes bytes that are whole unmasked frames already, for fan-outs that frame a message once for everybody. The
   * caller watches `backlogBytes`. False when they wait in memory or cannot be sent any more.
   *
   * @see RFC 6455 section 5.2
   */
  writeFramed(frames: Uint8Array): boolean {
    return !this.closing && this.#socket.write(frames);
  }

  /** Ends in good order: a close frame, and after `CLOSE_TIMEOUT_MS` the end of the connection whatever the peer says. */
  close(code: number, reason = ''): void {
    if (this.closing) return;
    this.#webSocket.close(code, shortened(reason));
    // A peer's answer must be read even if nobody is there to hear of it.
    this.#webSocket.resume();
    this.#limitClosing();
  }

  /** Breaks the connection off without a close frame. */
  destroy(): void {
    this.#webSocket.terminate();
  }

  #limitClosing(): void {
    this.#closeTimer ??= setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS).unref();
  }

  #takesMessages(): boolean {
    if (this.closing) return false;
    if (this.backlogBytes <= this.#maxBacklogBytes) return true;
    this.#error ??= new Error('The peer does not read what it is sent');
    this.destroy();
    return false;
  }

  #readAsWanted(): void {
    if (this.#handler === undefined || this.#paused) {
      if (!this.closing) this.#webSocket.pause();
      return;
    }
    if (this.#inbox.length === 0 && this.#close === undefined) {
      this.#webSocket.resume();
      return;
    }
    if (!this.#delivering) queueMicrotask(() => this.#deliverInbox());
  }

  #deliverInbox(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (this.#handler !== undefined && !this.#paused) {
      const message = this.#inbox.shift();
      if (message === undefined) break;
      this.#hand(this.#handler, message);
    }
    this.#delivering = false;
    if (this.#handler === undefined || this.#paused) return;
    if (this.#close === undefined) this.#webSocket.resume();
    else this.#tellClosed(this.#close);
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    // With `nodebuffer` every message is one buffer; after our close frame none is wanted any more.
    if (!Buffer.isBuffer(data) || this.#closeTimer !== undefined) return;
    const message = isBinary ? data : data.toString('utf8');
    const handler = this.#handler;
    if (handler === undefined || this.#paused || this.#delivering || this.#inbox.length > 0) this.#inbox.push(message);
    else this.#hand(handler, message);
  };

  readonly #onPing = (data: Buffer): void => {
    if (!this.closing && this.backlogBytes <= MAX_PONG_BACKLOG_BYTES) this.#webSocket.pong(data);
  };

  readonly #onDrain = (): void => {
    const handler = this.#handler;
    if (handler?.onDrain !== undefined) this.#call(() => handler.onDrain?.());
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#limitClosing();
  };

  readonly #onClose = (code: number, reason: Buffer): void => {
    clearTimeout(this.#closeTimer);
    const error = this.#error;
    this.#close = { code, reason: reason.toString('utf8'), ...(error === undefined ? {} : { error }) };
    if (this.#inbox.length > 0 || this.#delivering || this.#paused) this.#readAsWanted();
    else this.#tellClosed(this.#close);
  };

  #tellClosed(close: WebSocketClose): void {
    const handler = this.#handler;
    this.#handler = undefined;
    if (handler !== undefined) callOwner(this.#owner, () => handler.onClose(close));
  }

  #hand(handler: WebSocketHandler, message: string | Uint8Array): void {
    this.#call(() => (typeof message === 'string' ? handler.onText(message) : handler.onBinary(message)));
  }

  #call(call: () => void): void {
    if (!callOwner(this.#owner, call)) this.destroy();
  }
}

function shortened(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  // A character cut in two would be no UTF-8, and the frame with it no frame.
  return Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString('utf8').replace(/\uFFFD+$/u, '');
}
