import { WcsError, type PluginContext, type PluginSession } from 'wcs-core';
import type { OnPacket } from './transport-flow.ts';
import { UdpFlows } from './udp-flows.ts';

/** Ports of the range that somebody else may have bound, one after another. */
const ATTEMPTS_MAX = 8;

/**
 * UDP ports out of the server's media range, one for each peer. A port that is given back stays open for the next peer,
 * longest unused first: what late packets of its last peer find is a demultiplexer that does not know them.
 */
export class OwnPorts {
  readonly #ctx: PluginContext;
  readonly #host: string | undefined;
  readonly #onPacket: OnPacket;
  readonly #free: UdpFlows[] = [];

  constructor(ctx: PluginContext, host: string | undefined, onPacket: OnPacket) {
    this.#ctx = ctx;
    this.#host = host;
    this.#onPacket = onPacket;
  }

  /**
   * A port for one peer.
   *
   * @throws WcsError NET_E_PORT_EXHAUSTED, NET_E_LISTEN, or SCOPE_E_CLOSED when the session has ended meanwhile
   */
  async take(session: PluginSession): Promise<UdpFlows> {
    const flows = this.#free.shift() ?? (await this.#open(ATTEMPTS_MAX));
    if (!session.closed) return flows;
    this.giveBack(flows);
    throw new WcsError('SCOPE_E_CLOSED', 'The session ended before its transport was made.');
  }

  giveBack(flows: UdpFlows): void {
    this.#free.push(flows);
  }

  async #open(attempts: number): Promise<UdpFlows> {
    const reserved = this.#ctx.ports.single('media');
    const flows = new UdpFlows(this.#onPacket);
    try {
      const host = this.#host === undefined ? {} : { host: this.#host };
      flows.lease = await this.#ctx.listen.udp({ ...host, port: reserved.port, setting: 'ports.media', forRtp: true }, flows.onDatagram);
      return flows;
    } catch (error) {
      reserved.release();
      if (attempts > 1 && error instanceof WcsError && error.code === 'NET_E_LISTEN') return this.#open(attempts - 1);
      throw error;
    }
  }
}
