import { randomUUID, timingSafeEqual, createHash } from 'node:crypto';
import { ProtocolError, type Connection, type PluginContext } from 'wcs-core';
import type { Application, Exchanged, SendCommand, SendOutcome } from '../session/application.ts';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../wire/control-frame.ts';
import { applicationText, parseApplicationMessage } from '../wire/application-text.ts';
import type { SipRequest, SipResponse } from '../wire/sip-message.ts';

/** Version of drachtio-server whose protocol this is. */
const PROTOCOL_VERSION = 'v0.9.10';
/** A client must have authenticated by then. */
const AUTHENTICATE_MS = 5000;
/** Connections at one time, those that have not authenticated among them. */
const CONNECTIONS_MAX = 8;

/** What the control server needs of the engine. */
export interface ControlledEngine {
  send(command: SendCommand, done: (outcome: SendOutcome) => void): void;
  /** `udp/127.0.0.1:30000,tcp/127.0.0.1:30000` */
  hostPorts(): string;
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
export class ControlServer implements Application {
  readonly #ctx: PluginContext;
  readonly #engine: ControlledEngine;
  readonly #secretHash: Buffer;
  readonly #clients = new Set<Client>();

  constructor(ctx: PluginContext, engine: ControlledEngine, secret: string) {
    this.#ctx = ctx;
    this.#engine = engine;
    this.#secretHash = hashOf(secret);
  }

  /** Listens on a free port of loopback, at once: nothing of it is visible to others. @returns the port */
  async listen(): Promise<number> {
    const lease = await this.#ctx.listen.tcp({ host: '127.0.0.1', port: 0, maxConnections: CONNECTIONS_MAX }, (connection) => this.#accept(connection));
    lease.commit();
    return lease.address.port;
  }

  onRequest(request: Exchanged<SipRequest>): boolean {
    const client = this.#client;
    const { method } = request.message;
    // What belongs to a dialog or a transaction goes to its application whatever that has asked for.
    const wanted = client?.methods.has(method.toLowerCase()) === true || request.dialogId !== '' || method === 'CANCEL' || method === 'ACK';
    if (client === undefined || !wanted) return false;
    this.#pass(client, 'network', request);
    return true;
  }

  onResponse(response: Exchanged<SipResponse>): void {
    if (this.#client !== undefined) this.#pass(this.#client, 'network', response);
  }

  onUnsolicited(request: Exchanged<SipRequest>): void {
    if (this.#client !== undefined) this.#pass(this.#client, 'application', request);
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
        return this.#answer(client, message, ['OK']);
      case 'remove_route':
        client.methods.delete(first.toLowerCase());
        return this.#answer(client, message, ['OK']);
      case 'ping':
        return this.#answer(client, message, ['OK', 'pong']);
      case 'sip':
        return this.#send(client, message);
      default:
        return this.#answer(client, message, ['NOK', `${message.kind.slice(0, 32)} is not supported`]);
    }
  }

  #authenticate(client: Client, message: ControlMessage): void {
    client.authenticated = timingSafeEqual(hashOf(message.fields[0] ?? ''), this.#secretHash);
    if (client.authenticated) return this.#answer(client, message, ['OK', this.#engine.hostPorts(), PROTOCOL_VERSION, this.#engine.hostPorts()]);
    this.#answer(client, message, ['NO', 'incorrect secret']);
    client.connection.end();
  }

  #send(client: Client, message: ControlMessage): void {
    const [transactionId = '', dialogId = '', route = ''] = message.fields;
    let parsed: SipRequest | SipResponse;
    try {
      parsed = parseApplicationMessage(message.payload);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#answer(client, message, ['NOK', error.message]);
    }
    this.#engine.send({ transactionId, dialogId, route, message: parsed }, (outcome) => {
      if (!outcome.ok) return this.#answer(client, message, ['NOK', outcome.reason]);
      const { sent } = outcome;
      const text = applicationText(sent.message);
      const last = sent.message.type === 'request' ? 'Msg sent:' : sent.dialogId;
      this.#answer(client, message, ['OK', ...factsOf('application', sent, text), last, ''], text);
    });
  }

  #answer({ connection }: Client, { id }: ControlMessage, fields: readonly string[], payload = ''): void {
    connection.write(encodeControlMessage({ id: randomUUID(), kind: 'response', fields: [id, ...fields], payload }));
  }

  #pass({ connection }: Client, source: string, exchanged: Exchanged<SipRequest | SipResponse>): void {
    const text = applicationText(exchanged.message);
    connection.write(encodeControlMessage({ id: randomUUID(), kind: 'sip', fields: [...factsOf(source, exchanged, text), exchanged.dialogId, ''], payload: text }));
  }
}

/** Source, bytes, protocol, address, port, time and transaction id of a message. */
function factsOf(source: string, { peer, transactionId }: Exchanged<SipRequest | SipResponse>, text: string): string[] {
  const time = new Date().toISOString().slice(11, 23);
  return [source, String(Buffer.byteLength(text)), peer.transport, peer.address, String(peer.port), `${time}000`, transactionId];
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
