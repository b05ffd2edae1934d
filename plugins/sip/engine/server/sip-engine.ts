import { ProtocolError, rateLimited, WcsError, type Log, type PluginContext, type PluginSession, type UdpLease, type UdpPeer } from 'wcs-core';
import { randomToken } from '../session/agent-core.ts';
import type { Network } from '../session/application.ts';
import { targetKey, type Target } from '../session/target.ts';
import type { SipPlace, SipStack } from '../sip-stack.ts';
import { TimerWheel } from '../session/timer-wheel.ts';
import { UserAgent, type UserAgentState } from '../session/user-agent.ts';
import { parseSipMessage, type ParsedMessage } from '../wire/parse-message.ts';
import { formatHostPort } from '../wire/sip-uri.ts';
import { ControlServer } from './control-server.ts';
import { EngineControl } from './engine-control.ts';
import { addressTowards, hostTowards, type BoundPorts } from './engine-network.ts';
import { FloodGuard, isScanner } from './flood-guard.ts';
import { Location, systemNameService, type NameService } from './location.ts';
import { completeVia, replyTarget } from './received-via.ts';
import type { EngineSettings } from './settings.ts';
import { PING, PONG, Streams, type StreamState } from './streams.ts';

/** Bytes of a datagram beyond which a request goes over a connection where there is one. @see RFC 3261 section 18.1.1 */
const DATAGRAM_BYTES_MAX = 1300;
const HOUSEKEEPING_MS = 30_000;
/** How often a draining engine looks whether calls are left. */
const DRAIN_LOOK_MS = 100;
const WARNING_PERIOD_MS = 10_000;
const UDP_BUFFER_BYTES = 1024 * 1024;
/** Of a URI that names none. @see RFC 3261 section 19.1.2 */
const SIP_PORT = 5060;

/** All that is going on, for the next version of the plugin. */
export interface EngineState {
  readonly agent: UserAgentState;
  readonly streams: readonly StreamState[];
}

/** The embedded SIP engine: sockets, user agent and the control protocol on top. */
export class SipEngine implements SipStack {
  onPlacesChanged: (() => void) | undefined;
  onConnectionLost: ((target: Target) => void) | undefined;
  readonly trouble = undefined;
  readonly canPing = true;
  readonly #ctx: PluginContext;
  readonly #settings: EngineSettings;
  readonly #log: Log;
  readonly #agent: UserAgent;
  readonly #control: ControlServer;
  readonly #streams: Streams;
  readonly #location: Location;
  readonly #guard: FloodGuard;
  readonly #nowMs: () => number;
  readonly #counters = { received: 0, malformed: 0, dropped: 0 };
  #session: PluginSession | undefined;
  #udp: UdpLease | undefined;
  #host = '127.0.0.1';
  #ports: BoundPorts = { udp: 0, tcp: 0, tls: 0 };

  /** @param nowMs monotonic milliseconds, the same clock in every version of the plugin */
  constructor(ctx: PluginContext, settings: EngineSettings, nowMs: () => number, names: NameService = systemNameService()) {
    this.#ctx = ctx;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#log = rateLimited(ctx.log, WARNING_PERIOD_MS);
    this.#location = new Location(names, nowMs);
    this.#guard = new FloodGuard(settings.messagesPerSecond);
    this.#streams = new Streams(ctx, { ...settings, verifyTls: settings.tls.verify }, () => this.#ownSession(), nowMs, {
      onMessage: (parsed, source) => this.#receive(parsed, source),
      onGone: (target) => {
        this.#agent.onTargetFailed(target);
        this.onConnectionLost?.(target);
      },
    });
    const application = new EngineControl({ send: (command, done) => this.#agent.send(command, done), hostPorts: () => this.#hostPorts() }, () => this.#control);
    this.#control = new ControlServer(ctx, application);
    const { timing, sessionExpiresS, userAgent } = settings;
    this.#agent = new UserAgent({
      options: { timing, sessionExpiresS, userAgent },
      wheel: new TimerWheel(nowMs, (periodMs, tick) => ctx.timers.every(periodMs, tick)),
      network: this.#network(),
      application,
      newToken: randomToken,
    });
  }

  get counts(): SipStack['counts'] {
    return { ...this.#agent.counts, connections: this.#streams.size };
  }

  get counters(): SipStack['counters'] {
    return this.#counters;
  }

  /** Takes the listeners, which serve from the switch on, and the control port, which serves at once. */
  async prepare(methods: readonly string[]): Promise<readonly SipPlace[]> {
    const { port, tls, maxConnections } = this.#settings;
    const udp = await this.#ctx.listen.udp({ port, recvBufferBytes: UDP_BUFFER_BYTES }, (data, from) => this.#onDatagram(data, from));
    const tcp = await this.#ctx.listen.tcp({ port: udp.address.port, maxConnections }, (connection) => this.#streams.accept(connection, 'tcp'));
    const secure = tls.enabled ? await this.#ctx.listen.tls({ port: tls.port, maxConnections, setting: 'plugins.sip.engine.tls.port' }, (connection) => this.#streams.accept(connection, 'tls')) : undefined;
    this.#udp = udp;
    this.#host = udp.address.host;
    this.#ports = { udp: udp.address.port, tcp: tcp.address.port, tls: secure?.address.port ?? tls.port };
    const access = await this.#control.listen();
    return [{ name: 'embedded', access, connected: true, holds: () => true, routed: () => this.#control.routed(methods) }];
  }

  hostTowards(host: string): string {
    return hostTowards(host, this.#settings, this.#host);
  }

  get ownPlace(): string {
    return formatHostPort(this.hostTowards('127.0.0.1'), this.#ports.udp);
  }

  ping(target: Target): boolean {
    if (target.transport !== 'udp') return this.#streams.ping(target);
    this.#udp?.send(PING, target.port, target.address);
    return true;
  }

  isOwnPlace(host: string, port: number | undefined): boolean {
    const { udp, tcp, tls } = this.#ports;
    return [udp, tcp, tls].includes(port ?? SIP_PORT) && [this.#settings.publicAddress, 'localhost', this.hostTowards(host)].includes(host);
  }

  /** Opens the session that all connections and calls of the engine belong to. */
  start(): void {
    this.#ownSession();
    this.#ctx.timers.every(HOUSEKEEPING_MS, () => this.#streams.closeIdle());
  }

  owns(session: PluginSession): boolean {
    return session === this.#session;
  }

  exportSession(): EngineState {
    return { agent: this.#agent.exportState(), streams: this.#streams.exportState() };
  }

  /** Goes on with the calls and connections of the previous version. */
  importSession(session: PluginSession, data: unknown): void {
    // Written by `exportSession`, or by that of drachtio-servers, which have no agent.
    const state = data as EngineState | { readonly agent?: undefined };
    if (state.agent === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'It belongs to a SIP server that is not used any more');
    const empty = this.#session;
    this.#adopt(session);
    empty?.close('Replaced by the session of the previous version');
    this.#streams.importState(state.streams);
    this.#agent.importState(state.agent);
  }

  async drain(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (session?.closed !== false || this.#agent.counts.dialogs === 0 || signal.aborted) resolve();
      };
      this.#ctx.timers.every(DRAIN_LOOK_MS, look);
      signal.addEventListener('abort', () => resolve(), { once: true });
      look();
    });
    session?.close('The plugin has been taken out of service');
  }

  #adopt(session: PluginSession): void {
    this.#session = session;
    session.onGoodbye = (reason) => this.#agent.close(reason);
    // Closed, or moved to the next version: either way nothing more is sent from here.
    session.scope.add('SIP calls', () => {
      if (this.#session === session) this.#agent.clear();
    });
  }

  /** That of the previous version, or one of our own where there was none, it could not be taken over, or somebody has closed it. */
  #ownSession(): PluginSession {
    const session = this.#session?.closed === false ? this.#session : this.#ctx.sessions.open({ protocol: 'sip', kind: 'internal' });
    if (session !== this.#session) this.#adopt(session);
    return session;
  }

  #network(): Network {
    return {
      send: (target, bytes) => this.#transmit(target, bytes),
      addressTowards: (target) => addressTowards(target, this.#settings, this.#host, this.#ports),
      locate: (uri, done, caller) => this.#locate(uri, done, caller),
      forSize: (targets, byteLength) => (byteLength <= DATAGRAM_BYTES_MAX ? targets : targets.map((target) => this.#asConnection(target))),
      markBad: (target) => this.#location.markBad(target),
    };
  }

  #asConnection(target: Target): Target {
    const { address, port } = target;
    return target.transport === 'udp' && this.#streams.has({ transport: 'tcp', address, port }) ? { transport: 'tcp', address, port } : target;
  }

  #locate(uri: string, done: (targets: readonly Target[]) => void, caller: string | undefined): void {
    const numeric = this.#location.numeric(uri);
    if (numeric !== undefined && caller === undefined) return done(numeric);
    const find = async (): Promise<void> => {
      const found = await this.#location.find(uri);
      const allowed = caller === undefined ? found : found.filter(({ address }) => this.#ctx.targets.allows(address, caller));
      if (this.#session?.closed === false) done(allowed);
    };
    this.#ctx.background(find());
  }

  #transmit(target: Target, bytes: Uint8Array): void {
    if (target.transport === 'udp') this.#udp?.send(bytes, target.port, target.address);
    else this.#streams.send(target, bytes);
  }

  #hostPorts(): string {
    const { udp, tcp } = this.#ports;
    return `udp/${this.#host}:${udp},tcp/${this.#host}:${tcp}`;
  }

  #onDatagram(data: Buffer, { address, port }: UdpPeer): void {
    if (data.length <= PING.length) {
      if (PING.equals(data)) this.#udp?.send(PONG, port, address);
      return;
    }
    try {
      this.#receive(parseSipMessage(data), { transport: 'udp', address, port });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#counters.malformed++;
      this.#log.debug('SIP datagram dropped', { address, reason: error.message });
    }
  }

  #receive(parsed: ParsedMessage, source: Target): void {
    this.#counters.received++;
    const { message } = parsed;
    const admitted = this.#guard.admit(source.address, this.#nowMs());
    if (!admitted || (message.type === 'request' && isScanner(message.headers.get('User-Agent')))) {
      this.#counters.dropped++;
      return this.#log.warn('SIP messages dropped: too many, or of a scanner', { from: targetKey(source) });
    }
    if (message.type === 'request') completeVia(message, source);
    const fault = this.#agent.receive(parsed, message.type === 'request' ? replyTarget(message, source) : source);
    if (fault === undefined) return;
    this.#counters.malformed++;
    this.#log.debug('Malformed SIP message', { from: targetKey(source), reason: fault.reason });
  }
}
