import { ProtocolError, type Connection, type PluginContext, type PluginSession } from 'wcs-core';
import { targetKey, type Target, type Transport } from '../session/target.ts';
import type { ParsedMessage } from '../wire/parse-message.ts';
import { StreamFramer } from '../wire/stream-framer.ts';

/** What may wait for a connection that is being opened, and behind one whose peer does not read. */
const BACKLOG_BYTES_MAX = 512 * 1024;
/** A connection without a whole message for so long is closed; keep-alives count. */
const IDLE_MS = 900_000;
/** Keep-alives and their answers. @see RFC 5626 section 4.4.1 */
export const PING = Buffer.from('\r\n\r\n');
export const PONG = Buffer.from('\r\n');
/** A peer that has answered keep-alives and does not any more has gone. */
const PONG_MS = 10_000;

/** A connection as plain data; the connections themselves go along with their session, in the same order. */
export interface StreamState {
  readonly connectionId: number;
  readonly transport: Transport;
  readonly pending: Uint8Array;
}

interface Stream {
  readonly connection: Connection;
  readonly transport: Transport;
  readonly framer: StreamFramer;
  lastSeenMs: number;
  /** It has answered a keep-alive: not every peer does. */
  answersPings: boolean;
}

/** Told what comes over connections. */
export interface StreamListener {
  onMessage(parsed: ParsedMessage, source: Target): void;
  /** A connection has gone, or could not be made: nothing will come from there. */
  onGone(target: Target): void;
}

/** What connections need to know of the settings. */
export interface StreamLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly verifyTls: boolean;
}

/** All TCP and TLS connections of the engine; one serves both directions. @see RFC 3261 section 18, RFC 5626 section 4.4.1 */
export class Streams {
  readonly #ctx: PluginContext;
  readonly #limits: StreamLimits;
  readonly #listener: StreamListener;
  readonly #nowMs: () => number;
  readonly #session: () => PluginSession;
  readonly #byId = new Map<number, Stream>();
  readonly #byKey = new Map<string, Stream>();
  /** Messages for connections that are being opened. */
  readonly #opening = new Map<string, Uint8Array[]>();

  constructor(ctx: PluginContext, limits: StreamLimits, session: () => PluginSession, nowMs: () => number, listener: StreamListener) {
    this.#ctx = ctx;
    this.#limits = limits;
    this.#session = session;
    this.#nowMs = nowMs;
    this.#listener = listener;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Whether there is a connection with a target. */
  has(target: Target): boolean {
    return this.#byKey.has(targetKey(target));
  }

  accept(connection: Connection, transport: Transport): void {
    const { remoteAddress } = connection;
    let ofAddress = 0;
    for (const stream of this.#byId.values()) if (stream.connection.remoteAddress === remoteAddress) ofAddress++;
    if (ofAddress >= this.#limits.maxConnectionsPerAddress || this.#byId.size >= this.#limits.maxConnections) connection.destroy();
    else this.#take(connection, transport);
  }

  /** Sends over the connection that is there, or over a new one. */
  send(target: Target, bytes: Uint8Array): void {
    const stream = (target.connectionId === undefined ? undefined : this.#byId.get(target.connectionId)) ?? this.#byKey.get(targetKey(target));
    if (stream !== undefined) this.#write(stream, bytes);
    // An answer has its connection or none: whom its address belongs to now, nobody knows.
    else if (target.connectionId === undefined) this.#open(target, bytes);
  }

  /** Asks for a sign of life; false where there is no connection. */
  ping(target: Target): boolean {
    const stream = this.#byKey.get(targetKey(target));
    if (stream === undefined) return false;
    const sentAtMs = this.#nowMs();
    stream.framer.expectPong();
    this.#write(stream, PING);
    this.#ctx.timers.after(PONG_MS, () => {
      if (stream.answersPings && stream.lastSeenMs < sentAtMs) stream.connection.destroy();
    });
    return true;
  }

  /** Closes connections over which nothing has come for long. */
  closeIdle(): void {
    for (const { connection, lastSeenMs } of [...this.#byId.values()]) if (this.#nowMs() - lastSeenMs > IDLE_MS) connection.destroy();
  }

  exportState(): StreamState[] {
    return this.#session().connections.flatMap((connection) => {
      const stream = this.#byId.get(connection.id);
      return stream === undefined ? [] : [{ connectionId: connection.id, transport: stream.transport, pending: stream.framer.pending }];
    });
  }

  importState(states: readonly StreamState[]): void {
    const connections = new Map(this.#session().connections.map((connection) => [connection.id, connection]));
    for (const { connectionId, transport, pending } of states) {
      const connection = connections.get(connectionId);
      if (connection !== undefined) this.#take(connection, transport, pending);
    }
  }

  #take(connection: Connection, transport: Transport, pending?: Uint8Array): Stream {
    const stream: Stream = { connection, transport, framer: new StreamFramer(), lastSeenMs: this.#nowMs(), answersPings: false };
    const target = targetOf(stream);
    this.#byId.set(connection.id, stream);
    this.#byKey.set(targetKey(target), stream);
    if (pending !== undefined) this.#feed(stream, pending);
    this.#session().attach(connection, {
      onData: (chunk) => this.#feed(stream, chunk),
      onClose: () => {
        this.#byId.delete(connection.id);
        if (this.#byKey.get(targetKey(target)) === stream) this.#byKey.delete(targetKey(target));
        this.#session().detach(connection);
        this.#listener.onGone(target);
      },
    });
    return stream;
  }

  #feed(stream: Stream, chunk: Uint8Array): void {
    stream.lastSeenMs = this.#nowMs();
    try {
      stream.framer.feed(chunk, (framed) => {
        if (framed.type === 'ping') this.#write(stream, PONG);
        else if (framed.type === 'pong') stream.answersPings = true;
        else if (!stream.connection.destroyed) this.#listener.onMessage(framed.parsed, targetOf(stream));
      });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#ctx.log.debug('SIP connection ended', { address: stream.connection.remoteAddress, reason: error.message });
      stream.connection.destroy();
    }
  }

  #write({ connection }: Stream, bytes: Uint8Array): void {
    if (connection.backlogBytes + bytes.length > BACKLOG_BYTES_MAX) connection.destroy();
    else connection.write(bytes);
  }

  #open(target: Target, bytes: Uint8Array): void {
    const key = targetKey(target);
    const waiting = this.#opening.get(key);
    if (waiting !== undefined) {
      if (waiting.reduce((sum, { length }) => sum + length, bytes.length) <= BACKLOG_BYTES_MAX) waiting.push(bytes);
      return;
    }
    this.#opening.set(key, [bytes]);
    this.#ctx.background(this.#connect(target, key));
  }

  async #connect(target: Target, key: string): Promise<void> {
    const { transport, address, port, serverName = address } = target;
    const tls = transport === 'tls' ? { tls: { host: serverName, verify: this.#limits.verifyTls } } : {};
    let connection: Connection | undefined = undefined;
    try {
      connection = await this.#ctx.connect({ address, port, range: 'calls', ...tls });
    } catch (error) {
      this.#ctx.log.debug('SIP connection not made', { target: key, reason: error instanceof Error ? error.message : '' });
    }
    const waiting = this.#opening.get(key) ?? [];
    this.#opening.delete(key);
    if (connection === undefined || this.#session().closed) {
      connection?.destroy();
      this.#listener.onGone(target); return;
    }
    const stream = this.#take(connection, transport);
    for (const bytes of waiting) this.#write(stream, bytes);
  }
}

function targetOf({ connection: { id, remoteAddress, remotePort }, transport }: Stream): Target {
  return { transport, address: remoteAddress, port: remotePort, connectionId: id };
}
