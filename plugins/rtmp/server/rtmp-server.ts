import type { Connection, PluginContext, PluginSession } from 'wcs-core';
import type { MediaPort } from './media-port.ts';
import { RtmpPeer, type PeerServices, type PeerState } from './rtmp-peer.ts';
import type { RtmpSettings } from './settings.ts';

/** How often peers are looked after. */
const TICK_MS = 1000;

/** All RTMP connections of this version of the plugin. */
export class RtmpServer {
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #services: PeerServices;
  readonly #peers = new Map<PluginSession, RtmpPeer>();
  readonly #perAddress = new Map<string, number>();

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<RtmpSettings>, media: MediaPort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#services = { ctx, media, nowMs, onClosed: (peer) => this.#forget(peer) };
  }

  /** Takes the listeners; they serve from the switch on. */
  async listen(): Promise<void> {
    const { port, rtmps, maxConnections } = this.#ctx.settings;
    const accept = (connection: Connection): void => this.#accept(connection);
    await this.#ctx.listen.tcp({ port, maxConnections }, accept);
    if (rtmps.enabled) await this.#ctx.listen.tls({ port: rtmps.port, maxConnections, setting: 'plugins.rtmp.rtmps.port' }, accept);
  }

  /** Starts to look after silent peers. */
  start(): void {
    this.#ctx.timers.every(TICK_MS, () => {
      for (const peer of [...this.#peers.values()]) peer.tick();
    });
  }

  get connections(): number {
    return this.#peers.size;
  }

  /** Message streams that publish, or play, over all connections. */
  count(type: 'publish' | 'play'): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.count(type);
    return count;
  }

  exportSession(session: PluginSession): PeerState | undefined {
    return this.#peers.get(session)?.exportState();
  }

  importSession(session: PluginSession, state: PeerState): void {
    const [connection] = session.connections;
    if (connection === undefined) throw new Error('An RTMP session without its connection');
    this.#remember(new RtmpPeer(this.#services, session, connection, state));
  }

  #accept(connection: Connection): void {
    const { remoteAddress: address, remotePort: port } = connection;
    if ((this.#perAddress.get(address) ?? 0) >= this.#ctx.settings.maxConnectionsPerAddress) {
      this.#ctx.log.debug('RTMP connection refused: too many of one address', { address });
      connection.destroy();
      return;
    }
    const session = this.#ctx.sessions.open({ protocol: 'rtmp', kind: 'client', peer: { address, port } });
    this.#remember(new RtmpPeer(this.#services, session, connection));
  }

  #remember(peer: RtmpPeer): void {
    const { remoteAddress } = peer.connection;
    this.#peers.set(peer.session, peer);
    this.#perAddress.set(remoteAddress, (this.#perAddress.get(remoteAddress) ?? 0) + 1);
  }

  #forget(peer: RtmpPeer): void {
    if (!this.#peers.delete(peer.session)) return;
    const { remoteAddress } = peer.connection;
    const left = (this.#perAddress.get(remoteAddress) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(remoteAddress, left);
    else this.#perAddress.delete(remoteAddress);
  }
}
