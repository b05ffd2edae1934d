import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Certificates } from './certificates.ts';
import { HttpExchange, type HttpRequest, type HttpResponse } from './http-exchange.ts';
import { answerClientError, applyTimeouts, HTTP_HEADERS_TIMEOUT_MS, HTTP_MAX_HEADER_BYTES, HTTP_REQUEST_TIMEOUT_MS, makeHttpServer, responseInsteadOfUpgrade, type AnyHttpServer, type HttpServerShape } from './http-server.ts';
import { holderOf, KernelListener, type Holder, type Lease, type ListenOptions } from './lease.ts';
import type { NetLog } from './net-log.ts';
import { callOwner, type OnFault, type Owner } from './owner.ts';
import { bindServer, closeServer } from './socket-server.ts';
import { MAX_CONNECTIONS, trackSockets, watchCertificate } from './tcp-listener.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Answers in flight have this long when the listener closes. */
export const HTTP_CLOSE_GRACE_MS = 2_000;

/** Serves an HTTP listener. */
export interface HttpHandler {
  onRequest(exchange: HttpExchange): void;
  /**
   * Takes a connection out of HTTP (WebSocket). Without it such a request is served like any other.
   *
   * @param owner whose code the handler is
   * @returns who says from now on whose the connection is; by default it stays with the lease that took it
   */
  onUpgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, owner: Owner): Owned | void;
}

/** Something whose owner may change. */
export interface Owned {
  readonly owner: Owner;
}

/** What `Listeners.http()` takes. */
export interface HttpListenOptions extends ListenOptions {
  readonly tls: boolean;
  /** HTTP/2 beside HTTP/1.1, chosen by ALPN; with `tls` only. */
  readonly http2: boolean;
  /** Default `HTTP_MAX_HEADER_BYTES`. Like `http2` it is fixed when the port is bound. */
  readonly maxHeaderBytes?: number;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
}

/** A share of an HTTP listener. */
export interface HttpLease extends Lease {
  /** Takes over an upgraded connection of this listener from the lease that has it, which then may be released; false when it has gone. */
  adopt(socket: Duplex): boolean;
}

interface HttpHolder extends Holder {
  readonly handler: HttpHandler;
  readonly limits: { readonly headersTimeoutMs: number; readonly requestTimeoutMs: number; readonly maxConnections: number };
}

/** The part of the options that a running server cannot change. */
export function shapeOf(options: HttpListenOptions): HttpServerShape {
  return { http2: options.http2 && options.tls, maxHeaderBytes: options.maxHeaderBytes ?? HTTP_MAX_HEADER_BYTES };
}

/** A kernel-held HTTP server: connections are the kernel's, each request goes to the lease committed when it arrives. */
export class HttpListener extends KernelListener<HttpHolder> {
  readonly address: { readonly host: string; readonly port: number };
  readonly shape: HttpServerShape;
  readonly #server: AnyHttpServer;
  /** Every accepted socket, those of unfinished TLS handshakes included. */
  readonly #sockets: Set<Socket>;
  /** The streams that carry HTTP: the sockets, or TLS on top of them. */
  readonly #carriers: Set<Socket>;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #upgraded = new Map<Duplex, Owned>();
  readonly #exchanges = new Map<HttpExchange, HttpHolder>();
  /** HTTP/1 connections with answers under way, and how many (pipelining). */
  readonly #answering = new Map<Duplex, number>();
  readonly #waiting = new WaitingRoom<HttpExchange>();
  readonly #stopWatchingCertificate: () => void;
  #stopped: Promise<void> | undefined;
  #refused = 0;

  private constructor(key: string, bound: { server: AnyHttpServer; shape: HttpServerShape; sockets: Set<Socket>; address: { host: string; port: number } }, certificates: Certificates | undefined, onIdle: () => void) {
    super(key, onIdle);
    const { server } = bound;
    this.#server = server;
    this.#sockets = bound.sockets;
    this.#carriers = certificates === undefined ? bound.sockets : trackSockets(server, 'secureConnection');
    this.address = bound.address;
    this.shape = bound.shape;
    server.on('drop', () => {
      this.#refused++;
    });
    server.on('request', (request: HttpRequest, response: HttpResponse) => this.#onRequest(request, response));
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#onUpgrade(request, socket, head));
    server.on('clientError', (error: Error, socket: Duplex) => answerClientError(error, socket, this.#answering.has(socket)));
    server.on('session', (session: ServerHttp2Session) => this.#onSession(session));
    this.#stopWatchingCertificate = watchCertificate(server, certificates);
  }

  /**
   * Binds a listener: TLS when certificates are given.
   *
   * @throws the error of the system when it cannot bind
   */
  static async open(options: HttpListenOptions, certificates: Certificates | undefined, log: NetLog, keyOf: (port: number) => string, onIdle: () => void): Promise<HttpListener> {
    const shape = shapeOf(options);
    const server = makeHttpServer(shape, certificates);
    const sockets = trackSockets(server);
    const address = await bindServer(server, options, log);
    return new HttpListener(keyOf(address.port), { server, shape, sockets, address }, certificates, onIdle);
  }

  /** A new share, not yet committed. */
  acquire(options: HttpListenOptions, handler: HttpHandler, onFault: OnFault): HttpLease {
    const limits = {
      headersTimeoutMs: options.headersTimeoutMs ?? HTTP_HEADERS_TIMEOUT_MS,
      requestTimeoutMs: options.requestTimeoutMs ?? HTTP_REQUEST_TIMEOUT_MS,
      maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    };
    const holder: HttpHolder = { ...holderOf(options, onFault), handler, limits };
    return { ...this.lease(holder), adopt: (socket) => this.#adopt(holder, socket) };
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Idle connections close at once, those with an answer in flight after it. */
  stop(): Promise<void> {
    if (this.#stopped !== undefined) return this.#stopped;
    this.#stopped = closeServer(this.#server);
    this.#stopWatchingCertificate();
    this.#waiting.drain((exchange) => exchange.abandon());
    for (const exchange of this.#exchanges.keys()) exchange.closeAfter();
    for (const session of this.#sessions) session.close();
    for (const carrier of this.#carriers) {
      if (!this.#answering.has(carrier) && !this.#upgraded.has(carrier) && !carriesHttp2(carrier)) carrier.destroy();
    }
    return this.#stopped;
  }

  /** Upgraded connections end at once, answers in flight have `HTTP_CLOSE_GRACE_MS`. */
  close(): Promise<void> {
    const stopped = this.stop();
    for (const socket of this.#upgraded.keys()) socket.destroy();
    const grace = setTimeout(() => this.#destroyAll(), this.#exchanges.size === 0 ? 0 : HTTP_CLOSE_GRACE_MS);
    return stopped.finally(() => clearTimeout(grace));
  }

  protected onCommitted(holder: HttpHolder): void {
    applyTimeouts(this.#server, holder.limits);
    this.#waiting.drainSoon((exchange) => this.#deliver(exchange));
  }

  protected endAccepted(holder: HttpHolder): void {
    for (const [exchange, owner] of this.#exchanges) if (owner === holder) exchange.abandon();
    for (const [socket, owned] of this.#upgraded) if (owned.owner === holder) socket.destroy();
  }

  #onRequest(request: HttpRequest, response: HttpResponse): void {
    const { socket } = request;
    if (request.httpVersionMajor < 2) {
      this.#countAnswers(socket, 1);
      response.once('close', () => this.#countAnswers(socket, -1));
    }
    const exchange = new HttpExchange(request, response, (next) => this.#deliver(next));
    if (this.#stopped !== undefined) exchange.closeAfter();
    this.#deliver(exchange);
  }

  #countAnswers(socket: Duplex, change: 1 | -1): void {
    const count = (this.#answering.get(socket) ?? 0) + change;
    if (count > 0) this.#answering.set(socket, count);
    else this.#answering.delete(socket);
  }

  #deliver(exchange: HttpExchange): void {
    const holder = this.current;
    if (holder !== undefined) {
      this.#exchanges.set(exchange, holder);
      exchange.whenOver(() => this.#exchanges.delete(exchange));
      if (!callOwner(holder, () => holder.handler.onRequest(exchange))) exchange.fail();
    } else if (this.#stopped !== undefined || !this.#waiting.admit(exchange)) {
      this.#refused++;
      exchange.abandon();
    } else {
      exchange.whenOver(() => this.#waiting.leave(exchange));
    }
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', ignoreSocketError);
    const holder = this.current;
    // Nobody here speaks cleartext HTTP/2; clients that offer it are content with HTTP/1.1. @see RFC 9113 section 3.1
    if (holder?.handler.onUpgrade === undefined || request.headers.upgrade === 'h2c') {
      this.#onRequest(request, responseInsteadOfUpgrade(request, socket));
      return;
    }
    this.#upgraded.set(socket, { owner: holder });
    this.#forgetWhenClosed(socket);
    const take = (): void => {
      const owned = holder.handler.onUpgrade?.(request, socket, head, holder);
      if (typeof owned === 'object' && this.#upgraded.has(socket)) this.#upgraded.set(socket, owned);
    };
    if (!callOwner(holder, take)) socket.destroy();
  }

  /** Apart from its caller, whose lease and with it old code the listener would keep alive as long as the connection. */
  #forgetWhenClosed(socket: Duplex): void {
    socket.once('close', () => this.#upgraded.delete(socket));
  }

  #adopt(holder: HttpHolder, socket: Duplex): boolean {
    if (socket.destroyed || !this.#upgraded.has(socket) || !this.isHeldBy(holder)) return false;
    this.#upgraded.set(socket, { owner: holder });
    return true;
  }

  #onSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('error', ignoreSocketError);
    session.once('close', () => this.#sessions.delete(session));
  }

  #destroyAll(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Such a connection is closed through its session. */
function carriesHttp2(carrier: Socket): boolean {
  return carrier instanceof TLSSocket && carrier.alpnProtocol === 'h2';
}

/** A broken connection is told by its 'close'. */
function ignoreSocketError(): void {
  // The peer's fault, and over.
}
