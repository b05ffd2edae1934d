import { WcsError, type Connection, type PluginContext, type PluginSession, type Rounds, type TcpLease } from 'wcs-core';
import type { RtspSettings } from '../settings.ts';
import { RTSP_PORT } from '../wire/rtsp-url.ts';
import type { MediaPort } from './media-port.ts';
import type { SharedPlayerPorts } from './player-ports.ts';
import { RtspPeer, type PeerServices, type PeerState } from './rtsp-peer.ts';

/** How often peers are looked after. */
const TICK_MS = 250;
/** Where users without rights listen. */
const UNPRIVILEGED_PORT = 8554;
const NO_RIGHTS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM']);

/** A session as plain data. */
export type RtspSessionState = { readonly type: 'ports' } | { readonly type: 'peer'; readonly state: PeerState };

/** All RTSP connections of this version of the plugin. */
export class RtspServer {
  readonly #ctx: PluginContext<RtspSettings>;
  readonly #services: PeerServices;
  readonly #peers = new Map<PluginSession, RtspPeer>();
  #rounds: Rounds | undefined;
  readonly #perAddress = new Map<string, number>();

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<RtspSettings>, media: MediaPort, ports: SharedPlayerPorts, nowMs: () => number) {
    this.#ctx = ctx;
    this.#services = { ctx, media, ports, nowMs, onClosed: (peer) => this.#forget(peer) };
  }

  /** Takes the listeners; they serve from the switch on. */
  async listen(): Promise<void> {
    const { rtsps, maxConnections } = this.#ctx.settings;
    const accept = (connection: Connection): void => this.#accept(connection);
    await listenWithFallback(this.#ctx, (port) => this.#ctx.listen.tcp({ port, maxConnections }, accept));
    if (rtsps.enabled) await this.#ctx.listen.tls({ port: rtsps.port, maxConnections, setting: 'plugins.rtsp.rtsps.port' }, accept);
  }

  /** Starts to look after peers. */
  start(): void {
    const { media, ports, nowMs } = this.#services;
    if (this.#ctx.settings.udp) ports.start();
    this.#rounds = this.#ctx.timers.rounds(() => {
      const now = nowMs();
      media.tick(now);
      for (const peer of [...this.#peers.values()]) peer.tick(now);
      return this.#peers.size === 0 ? undefined : TICK_MS;
    });
    if (this.#peers.size > 0) this.#rounds.begin();
  }

  get connections(): number {
    return this.#peers.size;
  }

  /** Connections that publish, or play. */
  count(type: 'publish' | 'play'): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.activity === type) count += 1;
    return count;
  }

  exportSession(session: PluginSession): RtspSessionState | undefined {
    if (this.#services.ports.isOwn(session)) return { type: 'ports' };
    const state = this.#peers.get(session)?.exportState();
    return state === undefined ? undefined : { type: 'peer', state };
  }

  importSession(session: PluginSession, data: RtspSessionState): void {
    if (data.type === 'ports') return this.#services.ports.adopt(session);
    const [connection] = session.connections;
    if (connection === undefined) throw new Error('An RTSP session without its connection');
    this.#remember(new RtspPeer(this.#services, session, connection, data.state));
  }

  #accept(connection: Connection): void {
    const { remoteAddress: address, remotePort: port } = connection;
    if ((this.#perAddress.get(address) ?? 0) >= this.#ctx.settings.maxConnectionsPerAddress) {
      this.#ctx.log.debug('RTSP connection refused: too many of one address', { address });
      connection.destroy();
      return;
    }
    const session = this.#ctx.sessions.open({ protocol: 'rtsp', kind: 'client', peer: { address, port } });
    this.#remember(new RtspPeer(this.#services, session, connection));
  }

  #remember(peer: RtspPeer): void {
    const { remoteAddress } = peer.connection;
    this.#peers.set(peer.session, peer);
    this.#rounds?.begin();
    this.#perAddress.set(remoteAddress, (this.#perAddress.get(remoteAddress) ?? 0) + 1);
  }

  #forget(peer: RtspPeer): void {
    if (!this.#peers.delete(peer.session)) return;
    const { remoteAddress } = peer.connection;
    const left = (this.#perAddress.get(remoteAddress) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(remoteAddress, left);
    else this.#perAddress.delete(remoteAddress);
  }
}

/** Listens on the port of the settings, or on RTSP's own, or where the system doesn't permit that on one that it permits to everybody. */
export async function listenWithFallback({ settings, log }: Pick<PluginContext<RtspSettings>, 'settings' | 'log'>, listen: (port: number) => Promise<TcpLease>): Promise<TcpLease> {
  try {
    return await listen(settings.port ?? RTSP_PORT);
  } catch (error) {
    const isForbidden = error instanceof WcsError && error.code === 'NET_E_LISTEN' && NO_RIGHTS.has(error.details['errno']);
    if (settings.port !== undefined || !isForbidden) throw error;
    log.info(`RTSP listens on port ${UNPRIVILEGED_PORT}: port ${RTSP_PORT} needs root or CAP_NET_BIND_SERVICE.`, { port: UNPRIVILEGED_PORT });
    return listen(UNPRIVILEGED_PORT);
  }
}
