import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import type { Certificates } from './certificates.ts';
import { Connection, type ConnectionHandler } from './connection.ts';
import { nextConnectionId } from './held-connection.ts';
import { holderOf, KernelListener, type Holder, type Lease, type ListenOptions } from './lease.ts';
import type { NetLog } from './net-log.ts';
import { callOwner, type OnFault } from './owner.ts';
import { bindServer, closeServer } from './socket-server.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Open connections of one listener, unless its lease asks otherwise. */
export const MAX_CONNECTIONS = 10_000;
/** A batch for a viewer stays below this, so that a healthy connection never has to announce that it has drained. */
export const SOCKET_BUFFER_BYTES = 256 * 1024;
/** A TLS peer must have finished its handshake by then. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** Idle time before the system probes whether the peer is still there. */
const KEEP_ALIVE_MS = 30_000;

/** Gets each new connection; sets its handler. */
export type OnConnection = (connection: Connection) => void;

/** What `Listeners.tcp()` and `.tls()` take. */
export interface TcpListenOptions extends ListenOptions {
  /** Open connections, beyond which new ones are refused and counted; default `MAX_CONNECTIONS`. */
  readonly maxConnections?: number;
}

/** A share of a TCP or TLS listener. */
export interface TcpLease extends Lease {
  /** Takes over a connection of this listener, from whichever lease has it; undefined when it has gone meanwhile. */
  adopt(connectionId: number, handler: ConnectionHandler): Connection | undefined;
}

interface TcpHolder extends Holder {
  readonly onConnection: OnConnection;
  readonly maxConnections: number;
}

/** A kernel-held TCP or TLS listener and all its connections. */
export class TcpListener extends KernelListener<TcpHolder> {
  readonly address: { readonly host: string; readonly port: number };
  readonly #server: Server;
  /** Every accepted socket, those of unfinished TLS handshakes included. */
  readonly #sockets: Set<Socket>;
  readonly #connections = new Map<number, Connection>();
  readonly #waiting = new WaitingRoom<Connection>();
  readonly #stopWatchingCertificate: () => void;
  #stopped: Promise<void> | undefined;
  #refused = 0;

  private constructor(key: string, bound: { server: Server; sockets: Set<Socket>; address: { host: string; port: number } }, certificates: Certificates | undefined, onIdle: () => void) {
    super(key, onIdle);
    this.#server = bound.server;
    this.#sockets = bound.sockets;
    this.address = bound.address;
    this.#server.on('drop', () => {
      this.#refused++;
    });
    this.#server.on(certificates === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.#accept(socket));
    this.#stopWatchingCertificate = watchCertificate(this.#server, certificates);
  }

  /**
   * Binds a listener: TLS when certificates are given.
   *
   * @throws the error of the system when it cannot bind
   */
  static async open(options: TcpListenOptions, certificates: Certificates | undefined, log: NetLog, keyOf: (port: number) => string, onIdle: () => void): Promise<TcpListener> {
    const common = { allowHalfOpen: true, noDelay: true, highWaterMark: SOCKET_BUFFER_BYTES, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const server = certificates === undefined
      ? createServer(common)
      : createTlsServer({ ...common, ...pemOf(certificates), handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS });
    const sockets = trackSockets(server);
    const address = await bindServer(server, options, log);
    return new TcpListener(keyOf(address.port), { server, sockets, address }, certificates, onIdle);
  }

  /** A new share, not yet committed. */
  acquire(options: TcpListenOptions, onConnection: OnConnection, onFault: OnFault): TcpLease {
    const holder: TcpHolder = { ...holderOf(options, onFault), onConnection, maxConnections: options.maxConnections ?? MAX_CONNECTIONS };
    return { ...this.lease(holder), adopt: (id, handler) => this.#adopt(holder, id, handler) };
  }

  get connections(): number {
    return this.#connections.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get refused(): number {
    return this.#refused;
  }

  stop(): Promise<void> {
    this.#stopped ??= closeServer(this.#server);
    this.#stopWatchingCertificate();
    this.#waiting.drain((connection) => connection.destroy());
    return this.#stopped;
  }

  close(): Promise<void> {
    const stopped = this.stop();
    for (const connection of this.#connections.values()) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
    return stopped;
  }

  protected onCommitted(holder: TcpHolder): void {
    this.#server.maxConnections = holder.maxConnections;
    this.#waiting.drainSoon((connection) => this.#deliver(connection));
  }

  protected endAccepted(holder: TcpHolder): void {
    for (const connection of this.#connections.values()) if (connection.owner === holder) connection.destroy();
  }

  #accept(socket: Socket): void {
    const connection = new Connection(nextConnectionId(), socket, NOBODY);
    this.#connections.set(connection.id, connection);
    socket.once('close', () => {
      this.#connections.delete(connection.id);
      this.#waiting.leave(connection);
    });
    this.#deliver(connection);
  }

  #deliver(connection: Connection): void {
    const holder = this.current;
    if (holder !== undefined) {
      connection.setHandler(undefined, holder);
      if (!callOwner(holder, () => holder.onConnection(connection))) connection.destroy();
    } else if (this.#stopped !== undefined || !this.#waiting.admit(connection)) {
      this.#refused++;
      connection.destroy();
    }
  }

  #adopt(holder: TcpHolder, id: number, handler: ConnectionHandler): Connection | undefined {
    const connection = this.#connections.get(id);
    if (connection === undefined || connection.destroyed || !this.isHeldBy(holder)) return undefined;
    connection.setHandler(handler, holder);
    return connection;
  }
}

/** Owns a connection that waits for a lease: no handler, so nothing to call. */
const NOBODY = { run: <T>(fn: () => T): T => fn(), onFault: (): void => undefined };

/** The set of a server's open sockets, kept up to date; with 'secureConnection', those whose handshake is done. */
export function trackSockets(server: Server, event: 'connection' | 'secureConnection' = 'connection'): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** The certificate as TLS server options. */
export function pemOf(certificates: Certificates): { cert: string; key: string } {
  return { cert: certificates.current.cert, key: certificates.current.key };
}

/** Gives a TLS server each new certificate; handshakes begun before keep theirs. */
export function watchCertificate(server: Server, certificates: Certificates | undefined): () => void {
  if (certificates === undefined || !(server instanceof TlsServer)) return () => undefined;
  return certificates.onChange(() => server.setSecureContext(pemOf(certificates)));
}
