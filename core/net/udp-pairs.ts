import { AsyncResource } from 'node:async_hooks';
import type { Socket } from 'node:dgram';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { bindUdp, type BindUdp, type BoundUdp } from './bind-udp.ts';
import type { Owner } from './owner.ts';
import type { PortPair, PortRanges, RangeName } from './port-ranges.ts';
import { UdpPair } from './udp-pair.ts';

/** Pairs that are tried one after the other when another program has one of the ports. */
const PAIR_TRIES = 8;

/** Which ports a pair is taken from, and where it is bound. */
export interface UdpPairOptions {
  readonly range: RangeName;
  /** Numeric local address; by default that of the server's listeners. */
  readonly host?: string;
  /** Receive buffer asked of the system for the even port, which may grant less. */
  readonly recvBufferBytes?: number;
}

/** All pairs of UDP ports of the server, held by the kernel: a session that moves to another generation keeps its own. */
export class UdpPairs {
  readonly #ports: PortRanges;
  readonly #host: string;
  readonly #bindNative: BindUdp | undefined;
  readonly #pairs = new Set<UdpPair>();
  /** As for other sockets: made in a caller's async context, they would keep its generation alive. */
  readonly #kernelContext = new AsyncResource('UdpPairs');
  #closed = false;

  /** @param bindNative binds sockets whose descriptor is known, for the RTP engine */
  constructor(ports: PortRanges, host: string, bindNative?: BindUdp) {
    this.#ports = ports;
    this.#host = host;
    this.#bindNative = bindNative;
  }

  get size(): number {
    return this.#pairs.size;
  }

  /** @throws WcsError NET_E_PORT_EXHAUSTED, NET_E_LISTEN, SCOPE_E_CLOSED */
  async open({ range, host = this.#host, recvBufferBytes = 0 }: UdpPairOptions, owner: Owner): Promise<UdpPair> {
    const { ports, bound } = await this.#bind(range, host);
    if (this.#closed) {
      close(bound.rtp.socket, bound.rtcp.socket);
      throw new WcsError('SCOPE_E_CLOSED', 'The server is stopping; it opens no more ports.');
    }
    const { socket } = bound.rtp;
    if (recvBufferBytes > socket.getRecvBufferSize()) socket.setRecvBufferSize(recvBufferBytes);
    const pair = new UdpPair(host, bound, owner, () => {
      this.#pairs.delete(pair);
      ports.release();
    });
    this.#pairs.add(pair);
    return pair;
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

  async #bind(range: RangeName, host: string): Promise<{ readonly ports: PortPair; readonly bound: { readonly rtp: BoundUdp; readonly rtcp: BoundUdp } }> {
    const taken: PortPair[] = [];
    try {
      for (let attempt = 1; ; attempt += 1) {
        const ports = this.#ports.pair(range);
        taken.push(ports);
        try {
          const bound = await this.#kernelContext.runInAsyncScope(() => bindBoth(host, ports, this.#bindNative));
          taken.pop();
          return { ports, bound };
        } catch (error) {
          if (attempt < PAIR_TRIES) continue;
          throw new WcsError('NET_E_LISTEN', `UDP ports ${ports.rtpPort} and ${ports.rtcpPort} cannot be bound on ${host}: ${messageOf(error)}.`, { cause: error });
        }
      }
    } finally {
      // Only now, so that no pair was tried twice.
      for (const { release } of taken) release();
    }
  }
}

async function bindBoth(host: string, { rtpPort, rtcpPort }: PortPair, bindNative: BindUdp | undefined): Promise<{ rtp: BoundUdp; rtcp: BoundUdp }> {
  const rtp = await bindUdp({ host, port: rtpPort }, bindNative);
  try {
    return { rtp, rtcp: await bindUdp({ host, port: rtcpPort }) };
  } catch (error) {
    close(rtp.socket);
    throw error;
  }
}

function close(...sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.close();
}
