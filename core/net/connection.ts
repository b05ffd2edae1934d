import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { HeldConnection } from './held-connection.ts';
import { plainAddress } from '../formats/mapped-address.ts';
import { callOwner, type Owner } from './owner.ts';

/**
 * Gets the events of one connection. A plain object: what it throws ends the connection and is reported to its owner.
 * Without `onEnd` the connection is ended when the peer ends its side; with it, the handler ends it.
 */
export interface ConnectionHandler {
  onData(chunk: Buffer): void;
  onDrain?(): void;
  onEnd?(): void;
  /** Called once, last; with the error that broke the connection, if one did. */
  onClose(error?: Error): void;
}

/**
 * A TCP or TLS connection held by the kernel. Its socket listeners are made once and forward to the handler, so that
 * exchanging the handler costs one assignment and loses no byte.
 */
export class Connection implements HeldConnection<ConnectionHandler> {
  readonly id: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly encrypted: boolean;
  /** The stream underneath; a library that reads from it takes it with `takeSocket()`. */
  readonly socket: Socket;
  #owner: Owner;
  #handler: ConnectionHandler | undefined;
  #error: Error | undefined;
  #closed = false;
  #outputEnded = false;
  #taken = false;

  constructor(id: number, socket: Socket, owner: Owner) {
    this.id = id;
    this.socket = socket;
    this.#owner = owner;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress ?? '');
    this.localPort = socket.localPort ?? 0;
    this.encrypted = socket instanceof TLSSocket;
    socket.pause();
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Whose code the handler is; the kernel destroys the connection when that lease is released. */
  get owner(): Owner {
    return this.#owner;
  }

  /** Who gets the events now. */
  get handler(): ConnectionHandler | undefined {
    return this.#handler;
  }

  /** Bytes written but not yet taken by the operating system. */
  get backlogBytes(): number {
    return this.socket.writableLength;
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.socket.bytesWritten;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  /** True once the peer has ended its side: a handler set later gets no `onEnd`. */
  get inputEnded(): boolean {
    return this.socket.readableEnded;
  }

  /**
   * Who gets the events from now on. Without a handler the socket is paused: what arrives waits in its bounded buffer.
   * A handler set on a connection that has closed is told so on the next tick.
   *
   * @param owner whose code the handler is, when that changes (a hand-over to another generation)
   */
  setHandler(handler: ConnectionHandler | undefined, owner: Owner = this.#owner): void {
    this.#handler = handler;
    this.#owner = owner;
    if (handler === undefined) this.socket.pause();
    else if (this.#closed) process.nextTick(this.#tellClosed);
    else this.socket.resume();
  }

  /** Hands the stream to a library that reads it itself (SSH, HTTP): no more events to the handler but `onClose`. */
  takeSocket(): Socket {
    this.#taken = true;
    this.socket.off('data', this.#onData);
    this.socket.off('drain', this.#onDrain);
    this.socket.off('end', this.#onEnd);
    this.socket.resume();
    return this.socket;
  }

  /** Sends bytes; false when they wait in memory (see `backlogBytes`) or the connection no longer takes any. */
  write(data: Uint8Array): boolean {
    // Our own flags: the stream's `writable` is worked out anew at each question, and this is asked for every viewer.
    return !this.#outputEnded && !this.#closed && this.socket.write(data);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  /** Ends our side after what is written has gone. */
  end(data?: Uint8Array): void {
    this.#outputEnded = true;
    if (data === undefined) this.socket.end();
    else this.socket.end(data);
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  /** Stops reading (back-pressure towards the peer) until `resume()`. */
  pause(): void {
    this.socket.pause();
  }

  /** Reads again; nothing happens while there is no handler to read for. */
  resume(): void {
    if (this.#handler !== undefined || this.#taken) this.socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    const handler = this.#handler;
    if (handler !== undefined) this.#call(() => handler.onData(chunk));
  };

  readonly #onDrain = (): void => {
    const handler = this.#handler;
    if (handler?.onDrain !== undefined) this.#call(() => handler.onDrain?.());
  };

  readonly #onEnd = (): void => {
    const handler = this.#handler;
    if (handler?.onEnd === undefined) this.end();
    else this.#call(() => handler.onEnd?.());
  };

  readonly #onError = (error: Error): void => {
    this.#error = error;
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    this.#tellClosed();
  };

  readonly #tellClosed = (): void => {
    const handler = this.#handler;
    this.#handler = undefined;
    if (handler !== undefined) callOwner(this.#owner, () => handler.onClose(this.#error));
  };

  #call(call: () => void): void {
    if (!callOwner(this.#owner, call)) this.socket.destroy();
  }
}
