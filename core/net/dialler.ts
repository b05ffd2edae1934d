import { AsyncResource } from 'node:async_hooks';
import { connect, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { Connection } from './connection.ts';
import { nextConnectionId } from './held-connection.ts';
import type { Owner } from './owner.ts';
import type { PortLease, PortRanges, RangeName } from './port-ranges.ts';
import { SOCKET_BUFFER_BYTES } from './tcp-listener.ts';

/** How long a connection and its TLS handshake may take together. */
export const DIAL_TIMEOUT_MS = 10_000;
/** Local ports that are tried one after the other when another program, or the wait after a connection, has one. */
const LOCAL_PORT_TRIES = 64;
/** Idle time before the system probes whether the peer is still there. */
const KEEP_ALIVE_MS = 30_000;

/** As for accepted connections; the types of Node do not know that a stream's options may stand here. */
const SOCKET_OPTIONS: Partial<TcpNetConnectOpts> & { readonly highWaterMark: number } = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
  highWaterMark: SOCKET_BUFFER_BYTES,
};

/** What to connect to, and from where. */
export interface DialOptions {
  /** Numeric address: names are resolved and judged first, by `ctx.targets`. */
  readonly address: string;
  readonly port: number;
  /** The range that the local port is taken from. */
  readonly range: RangeName;
  /** Numeric local address; by default the system's choice. */
  readonly localAddress?: string;
  /** TLS, for the server name in the certificate; `verify: false` takes any certificate. */
  readonly tls?: { readonly host: string; readonly verify?: boolean };
  /** Default `DIAL_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
  /** Gives up, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** All outgoing connections of the server, held by the kernel: a session that moves to another generation keeps its own. */
export class Dialler {
  readonly #ports: PortRanges;
  readonly #connections = new Set<Connection>();
  /** Sockets are made in the kernel's own async context: made in a caller's, they would bear its generation's name and keep it alive. */
  readonly #kernelContext = new AsyncResource('Dialler');
  #closed = false;

  constructor(ports: PortRanges) {
    this.#ports = ports;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Connects, with the TLS handshake done where it is asked for. The connection is paused until it has a handler.
   *
   * @throws WcsError NET_E_CONNECT saying why, NET_E_PORT_EXHAUSTED, SCOPE_E_CLOSED, or the reason of the signal
   */
  async connect(options: DialOptions, owner: Owner): Promise<Connection> {
    options.signal?.throwIfAborted();
    const limit = AbortSignal.timeout(options.timeoutMs ?? DIAL_TIMEOUT_MS);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    const socket = await this.#open(options, signal).catch((error: unknown) => {
      options.signal?.throwIfAborted();
      throw connectError(error, options, limit.aborted);
    });
    if (this.#closed) {
      socket.destroy();
      throw new WcsError('SCOPE_E_CLOSED', 'The server is stopping; it opens no more connections.');
    }
    return this.#kernelContext.runInAsyncScope(() => this.#hold(socket, owner));
  }

  /** Breaks off every connection whose events go to this owner's code. */
  endOwned(owner: Owner): void {
    for (const connection of this.#connections) if (connection.owner === owner) connection.destroy();
  }

  closeAll(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
    this.#kernelContext.emitDestroy();
  }

  #hold(socket: Socket, owner: Owner): Connection {
    const connection = new Connection(nextConnectionId(), socket, owner);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    return connection;
  }

  async #open(options: DialOptions, signal: AbortSignal): Promise<Socket> {
    const taken: PortLease[] = [];
    try {
      for (let attempt = 1; ; attempt += 1) {
        const lease = this.#ports.single(options.range);
        taken.push(lease);
        try {
          const socket = await this.#kernelContext.runInAsyncScope(() => openSocket(options, lease, signal));
          taken.pop();
          return socket;
        } catch (error) {
          if (attempt === LOCAL_PORT_TRIES || !isLocalPortTaken(error)) throw error;
        }
      }
    } finally {
      // Only now, so that no port was tried twice.
      for (const { release } of taken) release();
    }
  }
}

/** The connected socket; its local port goes back when it closes. */
function openSocket(options: DialOptions, lease: PortLease, signal: AbortSignal): Promise<Socket> {
  const { address, port, localAddress, tls } = options;
  return new Promise((resolve, reject) => {
    const place = { host: address, port, family: isIP(address), localPort: lease.port, ...(localAddress === undefined ? {} : { localAddress }) };
    const plain = connect({ ...place, ...SOCKET_OPTIONS });
    const socket = tls === undefined
      ? plain
      : connectTls({ socket: plain, rejectUnauthorized: tls.verify ?? true, ...(isIP(tls.host) === 0 ? { servername: tls.host } : { host: tls.host }) });
    const abort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      plain.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    socket.once('error', fail);
    if (socket !== plain) plain.once('error', fail);
    socket.once('close', () => fail(new Error('The peer closed the connection')));
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners('error').removeAllListeners('close');
      plain.off('error', fail);
      releaseWhenClosed(socket, lease);
      resolve(socket);
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** Apart from whoever asked for the connection, whose signal its listener would keep in memory as long as the connection lives. */
function releaseWhenClosed(socket: Socket, lease: PortLease): void {
  socket.once('close', () => lease.release());
}

function isLocalPortTaken(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL';
}

function connectError(error: unknown, { address, port, timeoutMs = DIAL_TIMEOUT_MS }: DialOptions, late: boolean): WcsError {
  if (error instanceof WcsError) return error;
  const why = late ? `no answer within ${timeoutMs} ms` : messageOf(error);
  return new WcsError('NET_E_CONNECT', `Could not connect to ${isIP(address) === 6 ? `[${address}]` : address}:${port}: ${why}.`, { cause: error });
}
