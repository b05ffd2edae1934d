import { ProtocolError, rateLimited, WcsError, type Connection, type Log, type PluginContext, type PluginSession } from 'wcs-core';
import { ControlServer, type ControlAccess, type ControlAnswer, type ControlledEngine } from '../../engine/server/control-server.ts';
import { PROTOCOL_VERSION } from '../../engine/server/engine-control.ts';
import type { NameService } from '../../engine/server/location.ts';
import { ControlFramer, encodeControlMessage, type ControlFramerState, type ControlMessage } from '../../engine/wire/control-frame.ts';
import { isNumericHost, parseHostPort } from '../../engine/wire/sip-uri.ts';
import { Relay, type RelayEffects, type RelayState } from '../session/relay.ts';
import { CONTROL_PORT, type DrachtioHostSettings } from '../settings.ts';

/** A server must have let us in by then. */
const ENTER_MS = 5000;
/** Until the first attempt: the connection of the previous version may come. */
const FIRST_DIAL_MS = 100;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 15_000;
/** Waits are this much shorter, so that a server that comes back is not asked by everybody at once. */
const SPREAD = 0.5;
/** How often a server is asked for a sign of life; one that has given none by the next time has gone. */
const PING_MS = 15_000;
/** What may wait for a server that does not read. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
const WARNING_PERIOD_MS = 10_000;

/** A connection with a server as plain data; the connection itself goes along with the session. */
export interface DrachtioHostState {
  readonly name: string;
  readonly relay: RelayState;
  readonly framer: ControlFramerState;
}

/** What a host is given. */
export interface DrachtioHostOptions {
  readonly settings: DrachtioHostSettings;
  /** That we want to hear of, in lower case. */
  readonly methods: readonly string[];
  readonly names: Pick<NameService, 'addresses'>;
  locate: RelayEffects['locate'];
  onMalformed(): void;
  /** It serves now, or does not any more. */
  onChanged(host: DrachtioHost): void;
}

/** One drachtio-server elsewhere: a connection that is made anew when it breaks, and a control port for drachtio-srf in this process. */
export class DrachtioHost implements ControlledEngine {
  /** As it is configured. */
  readonly name: string;
  readonly #ctx: PluginContext;
  readonly #options: DrachtioHostOptions;
  readonly #log: Log;
  readonly #relay: Relay;
  readonly #control: ControlServer;
  #session: PluginSession | undefined;
  #connection: Connection | undefined;
  #framer = new ControlFramer();
  #failures = 0;
  #dialling = false;
  /** Nothing is connected any more: the next version has everything, or the plugin ends. */
  #retired = false;
  #trouble: string | undefined = 'not yet connected';
  #answered = true;

  constructor(ctx: PluginContext, options: DrachtioHostOptions) {
    this.#ctx = ctx;
    this.#options = options;
    this.name = options.settings.address;
    this.#log = rateLimited(ctx.log, WARNING_PERIOD_MS);
    this.#control = new ControlServer(ctx, this);
    this.#relay = new Relay(options.settings.secret, options.methods, {
      toServer: (message) => this.#write(message),
      toApplication: (message) => void this.#control.tell(message),
      wants: (method) => this.#control.wants(method),
      locate: (...question) => options.locate(...question),
      onReady: () => this.#onReady(),
      onRefused: (reason) => this.#giveUp(reason),
      onMalformed: (reason) => {
        options.onMalformed();
        this.#log.debug('Malformed SIP message', { server: this.name, reason });
      },
    });
  }

  /** Whether it takes our requests. */
  get connected(): boolean {
    return this.#relay.ready && this.#connection !== undefined;
  }

  /** Why not, in words for people. */
  get trouble(): string | undefined {
    return this.connected ? undefined : (this.#trouble ?? 'not connected');
  }

  get counts(): Relay['counts'] {
    return this.#relay.counts;
  }

  /** Addresses that it has for SIP. */
  get hostPorts(): string {
    return this.#relay.hostPorts;
  }

  holds(transactionId: string): boolean {
    return this.#relay.holds(transactionId);
  }

  /** Opens the control port for drachtio-srf, which serves at once. */
  listen(): Promise<ControlAccess> {
    return this.#control.listen();
  }

  /** Resolves when the application takes our methods. */
  routed(): Promise<void> {
    return this.#control.routed(this.#options.methods);
  }

  /** Opens the session that the connection belongs to, and connects unless that of the previous version comes. */
  start(): void {
    this.#ownSession();
    this.#ctx.timers.after(FIRST_DIAL_MS, () => this.#dial());
    this.#ctx.timers.every(PING_MS, () => this.#ping());
  }

  owns(session: PluginSession): boolean {
    return session === this.#session;
  }

  exportState(): DrachtioHostState {
    return { name: this.name, relay: this.#relay.exportState(), framer: this.#framer.exportState() };
  }

  importState(session: PluginSession, { relay, framer }: DrachtioHostState): void {
    const [empty, early] = [this.#session, this.#connection];
    this.#adopt(session);
    this.#connection = undefined;
    this.#relay.clear();
    empty?.close('Replaced by the session of the previous version');
    early?.destroy();
    const [connection] = session.connections;
    if (connection === undefined || !relay.ready) {
      connection?.destroy();
      return;
    }
    this.#relay.importState(relay);
    this.#framer = new ControlFramer(this.#onTooLong);
    this.#framer.importState(framer);
    this.#take(connection);
    this.#onReady();
  }

  /** Ends what is open there, and connects no more. */
  close(reason: string): void {
    this.#retired = true;
    this.#session?.close(reason);
  }

  greeting(): readonly string[] {
    // Nothing there depends on the addresses, which may not be known yet.
    return ['', PROTOCOL_VERSION, ''];
  }

  onCommand(command: ControlMessage, answer: ControlAnswer): void {
    this.#relay.onCommand(command, answer);
  }

  #adopt(session: PluginSession): void {
    this.#session = session;
    let ended = false;
    session.onGoodbye = (reason) => {
      if (this.#session !== session) return;
      ended = true;
      this.#relay.close();
      this.#retry(reason);
      this.#options.onChanged(this);
    };
    // Closed, or moved to the next version: either way nothing more is sent from here.
    session.scope.add('SIP server', () => {
      if (this.#session !== session) return;
      this.#connection = undefined;
      this.#relay.clear();
      this.#retired ||= !ended;
    });
    this.#describe();
  }

  /** That of the previous version, or one of our own where there was none, or somebody has closed it. */
  #ownSession(): PluginSession {
    const session = this.#session?.closed === false ? this.#session : this.#ctx.sessions.open({ protocol: 'sip', kind: 'internal' });
    if (session !== this.#session) this.#adopt(session);
    return session;
  }

  #dial(): void {
    if (this.#dialling || this.#connection !== undefined || this.#retired) return;
    this.#dialling = true;
    this.#ownSession();
    const dialled = async (): Promise<void> => {
      try {
        const connection = await this.#connect();
        if (this.#retired || this.#connection !== undefined) {
          connection.destroy();
          return;
        }
        this.#framer = new ControlFramer(this.#onTooLong);
        this.#take(connection);
        this.#enter(connection);
      } catch (error) {
        if (!(error instanceof WcsError)) throw error;
        this.#retry(error.message);
      } finally {
        this.#dialling = false;
      }
    };
    this.#ctx.background(dialled());
  }

  async #connect(): Promise<Connection> {
    const { address, tls } = this.#options.settings;
    const { host, port = CONTROL_PORT } = parseHostPort(address) ?? { host: '' };
    const found = isNumericHost(host) ? [host] : await this.#options.names.addresses(host).catch(() => []);
    // Another one each time.
    const numeric = found[this.#failures % Math.max(found.length, 1)];
    if (numeric === undefined) throw new WcsError('NET_E_HOST_UNKNOWN', `${host} has no address`);
    return this.#ctx.connect({ address: numeric, port, range: 'calls', timeoutMs: ENTER_MS, ...(tls.enabled ? { tls: { host, verify: tls.verify } } : {}) });
  }

  #take(connection: Connection): void {
    this.#connection = connection;
    this.#trouble = undefined;
    this.#answered = true;
    this.#ownSession().attach(connection, { onData: (chunk) => this.#feed(connection, chunk), onClose: (error) => this.#onClose(connection, error) });
  }

  #enter(connection: Connection): void {
    this.#relay.enter();
    this.#ctx.timers.after(ENTER_MS, () => {
      if (this.#connection === connection && !this.connected) this.#giveUp('it does not answer');
    });
  }

  #feed(connection: Connection, chunk: Uint8Array): void {
    try {
      this.#framer.feed(chunk, (message) => {
        if (!connection.destroyed) this.#relay.onServerMessage(message);
      });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#giveUp(error.message);
    }
  }

  readonly #onTooLong = (): void => this.#options.onMalformed();

  #onClose(connection: Connection, error: Error | undefined): void {
    if (connection !== this.#connection) return;
    const wasConnected = this.connected;
    this.#connection = undefined;
    this.#session?.detach(connection);
    this.#relay.onLost();
    this.#retry(this.#trouble ?? error?.message ?? 'it has closed the connection');
    if (wasConnected) this.#options.onChanged(this);
  }

  #onReady(): void {
    this.#failures = 0;
    this.#trouble = undefined;
    this.#describe();
    this.#ctx.log.info('SIP server connected', { server: this.name, sip: this.hostPorts });
    this.#options.onChanged(this);
  }

  #giveUp(reason: string): void {
    this.#trouble = reason;
    this.#connection?.destroy();
  }

  #retry(reason: string): void {
    this.#trouble = reason;
    this.#failures += 1;
    this.#describe();
    if (this.#retired || this.#ctx.scope.closed) return;
    this.#log.warn('SIP server not connected', { server: this.name, reason, attempt: this.#failures });
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures - 1, 16));
    this.#ctx.timers.after(waitMs * (1 - SPREAD * Math.random()), () => this.#dial());
  }

  #ping(): void {
    if (!this.connected) return;
    if (!this.#answered) return this.#giveUp('it does not answer any more');
    this.#answered = !this.#relay.ping(() => (this.#answered = true));
  }

  #write(message: ControlMessage): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const bytes = encodeControlMessage(message);
    if (connection.backlogBytes + bytes.length > BACKLOG_BYTES_MAX) this.#giveUp('it does not read');
    else connection.write(bytes);
  }

  #describe(): void {
    this.#session?.entry.update({ role: 'control', state: this.connected ? 'CONNECTED' : 'CONNECTING', info: { what: 'SIP server', server: this.name, ...(this.trouble === undefined ? {} : { reason: this.trouble }) } });
  }
}
