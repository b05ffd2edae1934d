import { AsyncResource } from 'node:async_hooks';
import { WcsError } from '../errors/wcs-error.ts';
import { listenError } from './listen-error.ts';
import type { Owner } from './owner.ts';
import type { PortPair, PortRanges } from './port-ranges.ts';
import { RtpPortPair } from './rtp-port-pair.ts';
import type { UdpBatches } from './udp-batches.ts';
import { UdpPort } from './udp-port.ts';

/** What pairs are made from. */
export interface RtpPortPairsOptions {
  readonly ports: PortRanges;
  /** Numeric address or name that sockets bind. */
  readonly host: string;
  /** Binds sockets whose descriptor is known, for the RTP engine, and reads them while much comes in. */
  readonly batches?: UdpBatches | undefined;
}

/** All port pairs for RTP of the server, held by the kernel. */
export class RtpPortPairs {
  readonly #options: RtpPortPairsOptions;
  readonly #pairs = new Set<RtpPortPair>();
  /** Sockets are made in the kernel's own async context: made in a caller's, they would bear its generation's name and keep it alive. */
  readonly #kernelContext = new AsyncResource('RtpPortPairs');
  #closed = false;

  constructor(options: RtpPortPairsOptions) {
    this.#options = options;
  }

  /** Open pairs. */
  get size(): number {
    return this.#pairs.size;
  }

  /**
   * Binds both ports of a pair of the media range; pairs of which another program has a port are passed over.
   *
   * @throws WcsError NET_E_PORT_EXHAUSTED, NET_E_LISTEN saying why, or SCOPE_E_CLOSED
   */
  async open(owner: Owner): Promise<RtpPortPair> {
    const passedOver: PortPair[] = [];
    try {
      for (;;) {
        const ports = this.#options.ports.pair('media');
        try {
          const bound = await this.#kernelContext.runInAsyncScope(() => this.#bind(ports));
          return this.#hold(ports, bound, owner);
        } catch (error) {
          passedOver.push(ports);
          if (error instanceof WcsError) throw error;
          if (!isTaken(error)) throw listenError(error, { host: this.#options.host, port: ports.rtpPort, name: 'rtp', setting: 'ports.media' });
        }
      }
    } finally {
      // Only now, so that no pair was tried twice.
      for (const { release } of passedOver) release();
    }
  }

  /** Closes every pair whose datagrams go to this owner's code. */
  endOwned(owner: Owner): void {
    for (const pair of this.#pairs) if (pair.owner === owner) pair.destroy();
  }

  closeAll(): void {
    this.#closed = true;
    for (const pair of this.#pairs) pair.destroy();
    this.#kernelContext.emitDestroy();
  }

  /** Made here, and not beside an owner: the pair outlives the generation that opened it. */
  readonly #forget = (pair: RtpPortPair): void => void this.#pairs.delete(pair);

  #hold(ports: PortPair, bound: { readonly rtp: UdpPort; readonly rtcp: UdpPort }, owner: Owner): RtpPortPair {
    if (this.#closed) {
      bound.rtp.close(() => undefined);
      bound.rtcp.close(() => undefined);
      throw new WcsError('SCOPE_E_CLOSED', 'The server is stopping; it opens no more ports.');
    }
    const pair = new RtpPortPair(ports, bound, owner, this.#forget);
    this.#pairs.add(pair);
    return pair;
  }

  async #bind({ rtpPort, rtcpPort }: PortPair): Promise<{ readonly rtp: UdpPort; readonly rtcp: UdpPort }> {
    const { host, batches } = this.#options;
    const rtp = await UdpPort.bind({ host, port: rtpPort }, batches);
    try {
      return { rtp, rtcp: await UdpPort.bind({ host, port: rtcpPort }) };
    } catch (error) {
      rtp.close(() => undefined);
      throw error;
    }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
