import { AsyncResource } from 'node:async_hooks';
import { isIPv6 } from 'node:net';
import { WcsError } from '../errors/wcs-error.ts';
import type { Certificates } from './certificates.ts';
import { HttpListener, shapeOf, type HttpHandler, type HttpLease, type HttpListenOptions } from './http-listener.ts';
import type { Lease, ListenerRow, ListenOptions } from './lease.ts';
import { listenError } from './listen-error.ts';
import { ListenerPool, type OpenListener, type PooledListener } from './listener-pool.ts';
import type { NetLog } from './net-log.ts';
import type { OnFault } from './owner.ts';
import { TcpListener, type OnConnection, type TcpLease, type TcpListenOptions } from './tcp-listener.ts';
import type { UdpBatches } from './udp-batches.ts';
import { UdpListener, type OnDatagram, type UdpLease, type UdpListenOptions } from './udp-listener.ts';
import { WebSocketAcceptor, type OnWebSocket, type WebSocketListenOptions } from './websocket-acceptor.ts';

/** A listener without leases stays bound this long, so that unload followed by load doesn't lose the port. */
export const LISTENER_LINGER_MS = 1_000;

/** What the listeners need of the kernel. */
export interface ListenersOptions {
  /** Should be rate-limited: a machine out of file descriptors reports each connection that it cannot accept. */
  readonly log: NetLog;
  /** For `tls()` and `http({ tls: true })`. */
  readonly certificates?: Certificates;
  readonly lingerMs?: number;
  /** Binds and reads UDP sockets for `udp({ forRtp: true })`. */
  readonly batches?: UdpBatches | undefined;
}

/** How a key begins. */
type Protocol = 'tcp' | 'tls' | 'udp' | 'http' | 'https';

/**
 * All listening sockets of the server, held by the kernel and shared by the generations of the plugins that serve them.
 * A swap acquires a lease on the bound socket, commits it and releases the old one: nothing is closed, nothing lost.
 */
export class Listeners {
  readonly #log: NetLog;
  readonly #certificates: Certificates | undefined;
  readonly #batches: UdpBatches | undefined;
  readonly #tcp: ListenerPool<TcpListener>;
  readonly #udp: ListenerPool<UdpListener>;
  readonly #http: ListenerPool<HttpListener>;
  /** Sockets are made in the kernel's own async context: made in a caller's, they would bear its generation's name and keep it alive. */
  readonly #kernelContext = new AsyncResource('Listeners');
  #lastEphemeral = 0;

  constructor(options: ListenersOptions) {
    const { log, certificates, lingerMs = LISTENER_LINGER_MS } = options;
    this.#log = log;
    this.#certificates = certificates;
    this.#batches = options.batches;
    this.#tcp = new ListenerPool(lingerMs);
    this.#udp = new ListenerPool(lingerMs);
    this.#http = new ListenerPool(lingerMs);
  }

  /**
   * A share of `tcp:host:port`, not yet committed.
   *
   * @throws WcsError NET_E_LISTEN with a sentence that says what to do
   */
  tcp(options: TcpListenOptions, onConnection: OnConnection, onFault: OnFault): Promise<TcpLease> {
    const open: OpenListener<TcpListener> = (onIdle) => TcpListener.open(options, undefined, this.#log, keyOf('tcp', options), onIdle);
    return this.#acquire(this.#tcp, 'tcp', options, open, (listener) => listener.acquire(options, onConnection, onFault));
  }

  /**
   * A share of `tls:host:port`, not yet committed; connections come with their handshake done.
   *
   * @throws WcsError NET_E_LISTEN, or NET_E_TLS when the server has no certificate
   */
  async tls(options: TcpListenOptions, onConnection: OnConnection, onFault: OnFault): Promise<TcpLease> {
    const certificates = this.#needCertificates();
    const open: OpenListener<TcpListener> = (onIdle) => TcpListener.open(options, certificates, this.#log, keyOf('tls', options), onIdle);
    return this.#acquire(this.#tcp, 'tls', options, open, (listener) => listener.acquire(options, onConnection, onFault));
  }

  /**
   * A share of `udp:host:port`, not yet committed.
   *
   * @throws WcsError NET_E_LISTEN with a sentence that says what to do
   */
  udp(options: UdpListenOptions, onDatagram: OnDatagram, onFault: OnFault): Promise<UdpLease> {
    const open: OpenListener<UdpListener> = (onIdle) => UdpListener.open(options, this.#log, keyOf('udp', options), onIdle, this.#batches);
    return this.#acquire(this.#udp, 'udp', options, open, (listener) => listener.acquire(options, onDatagram, onFault));
  }

  /**
   * A share of `http:host:port` or `https:host:port`, not yet committed.
   *
   * @throws WcsError NET_E_LISTEN, also when the listener is in use with another `http2` or `maxHeaderBytes`; NET_E_TLS
   *   when the server has no certificate
   */
  async http(options: HttpListenOptions, handler: HttpHandler, onFault: OnFault): Promise<HttpLease> {
    const certificates = options.tls ? this.#needCertificates() : undefined;
    const protocol = options.tls ? 'https' : 'http';
    const open: OpenListener<HttpListener> = (onIdle) => HttpListener.open(options, certificates, this.#log, keyOf(protocol, options), onIdle);
    const take = (listener: HttpListener): HttpLease => {
      checkShape(listener, options);
      return listener.acquire(options, handler, onFault);
    };
    return this.#acquire(this.#http, protocol, options, open, take, (listener) => hasShape(listener, options));
  }

  /**
   * A share of `http:host:port` or `https:host:port` that takes WebSockets, not yet committed. Errors: those of `http()`.
   */
  websocket(options: WebSocketListenOptions, onWebSocket: OnWebSocket, onFault: OnFault): Promise<Lease> {
    return this.http({ ...options, http2: false }, new WebSocketAcceptor(options, onWebSocket), onFault);
  }

  /** Ports that listeners of ours have, whatever the protocol. */
  boundPorts(): ReadonlySet<number> {
    return new Set([this.#tcp, this.#udp, this.#http].flatMap((pool) => pool.listeners().map((listener) => listener.address.port)));
  }

  /** Every bound listener. */
  list(): ListenerRow[] {
    return [this.#tcp, this.#udp, this.#http].flatMap((pool) => pool.listeners().map((listener) => listener.row()));
  }

  /** Closes every listener and connection now; answers in flight get a short grace. No more leases are given. */
  async closeAll(): Promise<void> {
    await Promise.all([this.#tcp.closeAll(), this.#udp.closeAll(), this.#http.closeAll()]);
    this.#kernelContext.emitDestroy();
  }

  #needCertificates(): Certificates {
    if (this.#certificates === undefined) throw new WcsError('NET_E_TLS', 'This server has no TLS certificate; set tls.cert and tls.key.');
    return this.#certificates;
  }

  async #acquire<L extends PooledListener, T>(pool: ListenerPool<L>, protocol: Protocol, options: ListenOptions, open: OpenListener<L>, take: (listener: L) => T, fits?: (listener: L) => boolean): Promise<T> {
    const named = keyOf(protocol, options)(options.port);
    const key = options.port === 0 ? `${named}#${++this.#lastEphemeral}` : named;
    const openInKernel: OpenListener<L> = (onIdle) => this.#kernelContext.runInAsyncScope(open, undefined, onIdle);
    const lease = await pool.acquire(key, openInKernel, take, fits).catch((error: unknown) => {
      throw error instanceof WcsError ? error : listenError(error, options, this.#ownListener(protocol, options.port));
    });
    if (lease === undefined) throw new WcsError('SCOPE_E_CLOSED', `The server is stopping; ${named} is not opened.`);
    return lease;
  }

  /** Key of our own listener that has a port, UDP and the TCP family apart. */
  #ownListener(protocol: Protocol, port: number): string | undefined {
    const listeners = protocol === 'udp' ? this.#udp.listeners() : [...this.#tcp.listeners(), ...this.#http.listeners()];
    return listeners.find((listener) => listener.address.port === port)?.key;
  }
}

function keyOf(protocol: Protocol, { host }: ListenOptions): (port: number) => string {
  return (port) => `${protocol}:${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function hasShape(listener: HttpListener, options: HttpListenOptions): boolean {
  const [have, want] = [listener.shape, shapeOf(options)];
  return have.http2 === want.http2 && have.maxHeaderBytes === want.maxHeaderBytes;
}

function checkShape(listener: HttpListener, options: HttpListenOptions): void {
  if (hasShape(listener, options)) return;
  const { http2, maxHeaderBytes } = listener.shape;
  throw new WcsError(
    'NET_E_LISTEN',
    `${listener.key} is bound with http2: ${http2} and maxHeaderBytes: ${maxHeaderBytes}, which it cannot change while in use; disable plugin ${listener.current?.name ?? options.name} and enable it again.`,
  );
}
