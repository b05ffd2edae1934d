import { randomBytes, randomUUID } from 'node:crypto';
import type { MediaSessionEvent, MediaSessionListener, PluginContext, PluginSession, TelephonyEvent, TelephonyListener, WebSocketConnection } from 'wcs-core';
import { CommonGround, type CommonAct, type CommonState } from '../session/common-ground.ts';
import { INFO } from '../session/infos.ts';
import { Pigeonholes } from '../session/pigeonholes.ts';
import type { Delivery } from '../session/rooms.ts';
import type { ConnectionRequest } from '../wire/client-message.ts';
import { MAX_MESSAGE_BYTES } from '../wire/limits.ts';
import type { ServerMessage } from '../wire/server-message.ts';
import { ClientLog, ClientLogs } from './client-logs.ts';
import { ClientPeer, type PeerServices, type PeerState } from './client-peer.ts';
import type { MsePort } from './mse-port.ts';
import type { WebSocketSettings } from './settings.ts';

/** Capability through which the versions of this plugin share rooms and audiences during a swap. */
export const COMMON = 'websocket-common';

/** Rooms and audiences, as versions of the plugin offer them to each other: the newest keeps them for all. */
export interface CommonCapability {
  perform(act: CommonAct): void;
  snapshot(): CommonState;
}

/** How often clients are looked after, at most. */
const TICK_MS = 1000;
/** What comes for sessions that the previous version still has is kept so long. */
const SWAP_MS = 60_000;
const HOLES = { maxHoles: 4096, maxItemsPerHole: 256 };

/** All WebSocket clients of this version of the plugin. */
export class SignallingServer implements MediaSessionListener, TelephonyListener, CommonCapability {
  readonly #ctx: PluginContext<WebSocketSettings>;
  readonly #services: PeerServices;
  readonly #nowMs: () => number;
  readonly #peers = new Map<string, ClientPeer>();
  readonly #byToken = new Map<string, ClientPeer>();
  readonly #byMediaSession = new Map<string, ClientPeer>();
  readonly #perAddress = new Map<string, number>();
  readonly #waitingMedia = new Map<ClientPeer, string>();
  readonly #mail = new Pigeonholes<ServerMessage>(HOLES);
  readonly #events = new Pigeonholes<MediaSessionEvent>(HOLES);
  readonly #phoneEvents = new Pigeonholes<TelephonyEvent>(HOLES);
  #common: CommonGround;
  #startedAtMs = 0;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<WebSocketSettings>, mse: MsePort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#nowMs = nowMs;
    this.#common = this.#commonGround();
    const logs = new ClientLogs(ctx);
    const browserMetrics = ctx.metrics.counter({ name: 'websocket_browser_metrics', group: 'streams_stats', help: 'Messages with statistics of browsers.' });
    this.#services = {
      ctx,
      mse,
      nowMs,
      newToken: () => randomBytes(24).toString('base64url'),
      logOf: (sessionId, state) => new ClientLog(logs, sessionId, state),
      isIdTaken: (id) => this.#byMediaSession.has(id),
      claimId: (id, peer) => this.#claimId(id, peer),
      releaseId: (id) => void this.#byMediaSession.delete(id),
      perform: (act) => this.#newest().perform(act),
      onEstablished: (peer) => this.#onEstablished(peer),
      onMediaSocket: (peer, token) => this.#onMediaSocket(peer, token),
      onReturn: (peer, request) => this.#onReturn(peer, request),
      onClosed: (peer) => this.#forget(peer),
      browserMetrics: () => browserMetrics.inc(),
    };
  }

  /** Takes the listeners; they serve from the switch on. */
  async listen(): Promise<void> {
    const { port, tlsPort, maxConnections, connectTimeoutMs } = this.#ctx.settings;
    const common = { maxConnections, maxPayloadBytes: MAX_MESSAGE_BYTES, headersTimeoutMs: connectTimeoutMs };
    const accept = (connection: WebSocketConnection): void => this.#accept(connection);
    await this.#ctx.listen.websocket({ ...common, port, tls: false }, accept);
    await this.#ctx.listen.websocket({ ...common, port: tlsPort, tls: true, setting: 'plugins.websocket.tlsPort' }, accept);
  }

  /** Takes over what the previous version's sessions share, and starts to look after clients. */
  start(): void {
    this.#startedAtMs = this.#nowMs();
    const { capabilities, timers, settings, media } = this.#ctx;
    media.on('recordingStarted', ({ recording: { sessionId, streamName, file } }) => this.#peers.get(sessionId)?.machine.recordingStarted(streamName, file));
    if (capabilities.has(COMMON)) this.#common = this.#commonGround(capabilities.get<CommonCapability>(COMMON).snapshot());
    timers.every(Math.min(TICK_MS, settings.pingIntervalMs / 2), () => this.#tick());
  }

  /** Open WebSockets. */
  get sockets(): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.sockets;
    return count;
  }

  /** Streams played over WebSockets. */
  get mediaSockets(): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.mediaSockets;
    return count;
  }

  /** The media side says what happens. */
  onMediaEvent(id: string, event: MediaSessionEvent): void {
    const peer = this.#byMediaSession.get(id);
    if (peer !== undefined) peer.onMediaEvent(id, event);
    else if (this.#isSwapping()) this.#events.put(id, event);
  }

  /** The telephony says what happens. */
  onTelephonyEvent(clientId: string, event: TelephonyEvent): void {
    const peer = this.#peers.get(clientId);
    if (peer !== undefined) peer.onTelephonyEvent(event);
    else if (this.#isSwapping()) this.#phoneEvents.put(clientId, event);
  }

  perform(act: CommonAct): void {
    this.#deliver(this.#common.perform(act));
  }

  snapshot(): CommonState {
    return this.#common.exportState();
  }

  exportSession(session: PluginSession): PeerState | undefined {
    return this.#peers.get(session.id)?.exportState();
  }

  importSession(session: PluginSession, state: PeerState): void {
    const peer = new ClientPeer(this.#services, session, session.webSockets[0] ?? { remoteAddress: session.entry.peer?.address ?? '', remotePort: session.entry.peer?.port ?? 0 }, state);
    this.#remember(peer);
    peer.restore(state);
    if (peer.machine.established) this.#onEstablished(peer);
    for (const { facts } of peer.machine.streams) {
      for (const event of this.#events.take(facts.mediaSessionId)) peer.onMediaEvent(facts.mediaSessionId, event);
    }
    for (const event of this.#phoneEvents.take(session.id)) peer.onTelephonyEvent(event);
    for (const message of this.#mail.take(session.id)) peer.deliver(message);
  }

  #commonGround(state?: CommonState): CommonGround {
    const { maxMembers, maxPerSession } = this.#ctx.settings.rooms;
    return new CommonGround({ maxMembers, maxRoomsPerSession: maxPerSession }, randomUUID, state);
  }

  /** Where rooms and audiences are kept: while this version drains, the next one has them. */
  #newest(): Pick<CommonCapability, 'perform'> {
    const { capabilities } = this.#ctx;
    return capabilities.has(COMMON) ? capabilities.get<CommonCapability>(COMMON) : this;
  }

  #isSwapping(): boolean {
    return this.#nowMs() - this.#startedAtMs < SWAP_MS;
  }

  #deliver(deliveries: readonly Delivery[]): void {
    for (const { sessionId, message } of deliveries) {
      const peer = this.#peers.get(sessionId);
      if (peer !== undefined) peer.deliver(message);
      else if (this.#isSwapping()) this.#mail.put(sessionId, message);
    }
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    for (const peer of [...this.#peers.values()]) peer.tick(nowMs);
    if (this.#isSwapping()) return;
    this.#mail.clear();
    this.#events.clear();
    this.#phoneEvents.clear();
  }

  #accept(connection: WebSocketConnection): void {
    const { remoteAddress: address, remotePort: port } = connection;
    if ((this.#perAddress.get(address) ?? 0) >= this.#ctx.settings.maxConnectionsPerAddress) {
      this.#ctx.log.debug('WebSocket refused: too many of one address', { address });
      connection.close(1013, 'Too many connections of one address');
      return;
    }
    const session = this.#ctx.sessions.open({ protocol: 'websocket', kind: 'client', peer: { address, port } });
    const peer = new ClientPeer(this.#services, session, connection);
    this.#remember(peer);
    peer.take(connection);
  }

  #onEstablished(peer: ClientPeer): void {
    this.#byToken.set(peer.machine.authToken, peer);
    for (const [waiting, token] of [...this.#waitingMedia]) if (token === peer.machine.authToken) this.#onMediaSocket(waiting, token);
  }

  #onMediaSocket(peer: ClientPeer, authToken: string): void {
    const target = this.#byToken.get(authToken);
    if (target === undefined) {
      // In the middle of a swap the session may come a moment later.
      this.#waitingMedia.set(peer, authToken);
      return;
    }
    this.#waitingMedia.delete(peer);
    const socket = peer.giveAway();
    if (socket === undefined) return;
    target.takeMedia(socket);
    if (!target.desk.bind(socket)) socket.close(1008, INFO.noSession);
  }

  #onReturn(peer: ClientPeer, request: ConnectionRequest): boolean {
    const target = this.#byToken.get(request.authToken ?? '');
    const before = target?.machine.request;
    if (target === undefined || target === peer || before?.keepAlive !== true || before.appKey !== request.appKey || target.machine.pending) return false;
    const socket = peer.giveAway();
    if (socket !== undefined) target.resume(socket, request);
    return true;
  }

  #claimId(id: string, peer: ClientPeer): void {
    this.#byMediaSession.set(id, peer);
  }

  #remember(peer: ClientPeer): void {
    const { address } = peer.address;
    this.#peers.set(peer.session.id, peer);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  #forget(peer: ClientPeer): void {
    this.#waitingMedia.delete(peer);
    if (!this.#peers.delete(peer.session.id)) return;
    if (this.#byToken.get(peer.machine.authToken) === peer) this.#byToken.delete(peer.machine.authToken);
    for (const { facts } of peer.machine.streams) this.#byMediaSession.delete(facts.mediaSessionId);
    const { address } = peer.address;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}
