import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { ProtocolError, type Connection, type PluginContext } from 'wcs-core';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../wire/control-frame.ts';

/** A client must have authenticated by then. */
const AUTHENTICATE_MS = 5000;
/** Connections at one time, those that have not authenticated among them. */
const CONNECTIONS_MAX = 8;
const SECRET_BYTES = 32;

/** What the application connects with. */
export interface ControlAccess {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** Answers a command: `OK` or `NOK`, and what else there is to say. */
export type ControlAnswer = (fields: readonly string[], payload?: string) => void;

/** What stands behind the control server: the engine in this process, or a drachtio-server elsewhere. */
export interface ControlledEngine {
  /** What is told to who is let in: addresses, version, local addresses. */
  greeting(): readonly string[];
  /** A message to be sent. */
  onCommand(command: ControlMessage, answer: ControlAnswer): void;
}

interface Client {
  readonly connection: Connection;
  readonly framer: ControlFramer;
  readonly methods: Set<string>;
  authenticated: boolean;
}

/**
 * The server side of drachtio's control protocol, for the one client in this process: drachtio-srf, which cannot tell it
 * from a drachtio-server.
 */
export class ControlServer {
  readonly #ctx: PluginContext;
  readonly #engine: ControlledEngine;
  readonly #secret = randomBytes(SECRET_BYTES).toString('hex');
  readonly #clients = new Set<Client>();
  readonly #waiting = new Set<() => void>();

  constructor(ctx: PluginContext, engine: ControlledEngine) {
    this.#ctx = ctx;
    this.#engine = engine;
  }

  /** Listens on a free port of loopback, at once: nothing of it is visible to others. */
  async listen(): Promise<ControlAccess> {
    const host = '127.0.0.1';
    const lease = await this.#ctx.listen.tcp({ host, port: 0, maxConnections: CONNECTIONS_MAX }, (connection) => this.#accept(connection));
    lease.commit();
    return { host, port: lease.address.port, secret: this.#secret };
  }

  /** Resolves when the application has asked for all of these methods: until then their requests would be refused. */
  routed(methods: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!methods.every((method) => this.#client?.methods.has(method) === true)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Whether the application has asked for requests of that method. */
  wants(method: string): boolean {
    return this.#client?.methods.has(method.toLowerCase()) === true;
  }

  /** Tells the application something; false when there is none. */
  tell(message: ControlMessage): boolean {
    const client = this.#client;
    client?.connection.write(encodeControlMessage(message));
    return client !== undefined;
  }

  /** The client that has authenticated last. */
  get #client(): Client | undefined {
    return [...this.#clients].findLast(({ authenticated }) => authenticated);
  }

  #accept(connection: Connection): void {
    const client: Client = { connection, framer: new ControlFramer(), methods: new Set(), authenticated: false };
    this.#clients.add(client);
    const cancel = this.#ctx.timers.after(AUTHENTICATE_MS, () => {
      if (!client.authenticated) connection.destroy();
    });
    connection.setHandler({
      onData: (chunk) => this.#feed(client, chunk),
      onClose: () => {
        cancel();
        this.#clients.delete(client);
      },
    });
  }

  #feed(client: Client, chunk: Uint8Array): void {
    try {
      client.framer.feed(chunk, (message) => {
        if (!client.connection.destroyed) this.#receive(client, message);
      });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      client.connection.destroy();
    }
  }

  #receive(client: Client, message: ControlMessage): void {
    if (message.kind === 'authenticate') return this.#authenticate(client, message);
    if (!client.authenticated) return client.connection.destroy();
    const [first = ''] = message.fields;
    switch (message.kind) {
      case 'route':
        client.methods.add(first.toLowerCase());
        for (const look of [...this.#waiting]) look();
        return this.#answer(client, message, ['OK']);
      case 'remove_route':
        client.methods.delete(first.toLowerCase());
        return this.#answer(client, message, ['OK']);
      case 'ping':
        return this.#answer(client, message, ['OK', 'pong']);
      case 'sip':
        return this.#engine.onCommand(message, (fields, payload) => this.#answer(client, message, fields, payload));
      default:
        return this.#answer(client, message, ['NOK', `${message.kind.slice(0, 32)} is not supported`]);
    }
  }

  #authenticate(client: Client, message: ControlMessage): void {
    client.authenticated = timingSafeEqual(hashOf(message.fields[0] ?? ''), hashOf(this.#secret));
    if (client.authenticated) return this.#answer(client, message, ['OK', ...this.#engine.greeting()]);
    this.#answer(client, message, ['NO', 'incorrect secret']);
    client.connection.end();
  }

  #answer({ connection }: Client, { id }: ControlMessage, fields: readonly string[], payload = ''): void {
    connection.write(encodeControlMessage({ id: randomUUID(), kind: 'response', fields: [id, ...fields], payload }));
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
