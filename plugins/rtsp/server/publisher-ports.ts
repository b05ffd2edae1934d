import type { PluginSession, RtpPortPair } from 'wcs-core';
import type { NumberPair } from '../wire/transport.ts';

/** What the ports of a publisher need of its connection. */
export interface PublisherPortsHost {
  readonly session: PluginSession;
  /** The peer's address. */
  readonly address: string;
  /** The ports that the peer named in its SETUP of a track. */
  clientPorts(index: number): NumberPair | undefined;
  onRtp(index: number, packet: Uint8Array): void;
  onRtcp(index: number, compound: Uint8Array): void;
}

/** The pairs of ports that one publisher sends to, one for each track. Packets from elsewhere than its SETUP said go nowhere. */
export class PublisherPorts {
  readonly #host: PublisherPortsHost;
  readonly #pairs = new Map<number, RtpPortPair>();

  constructor(host: PublisherPortsHost) {
    this.#host = host;
  }

  /** Of which track each pair of the session is, in their order. */
  get indices(): readonly number[] {
    return [...this.#pairs.keys()];
  }

  /** Takes a pair for a track, instead of the one that it had. */
  attach(index: number, pair: RtpPortPair): void {
    const host = this.#host;
    this.#drop(index);
    this.#pairs.set(index, pair);
    host.session.attach(pair, {
      onRtp: (data, from) => {
        if (from.address === host.address && from.port === host.clientPorts(index)?.[0]) host.onRtp(index, data);
      },
      onRtcp: (data, from) => {
        if (from.address === host.address && from.port === host.clientPorts(index)?.[1]) host.onRtcp(index, data);
      },
    });
  }

  /** Sends a compound to the peer's port. */
  sendRtcp(index: number, compound: Uint8Array): void {
    const port = this.#host.clientPorts(index)?.[1];
    if (port !== undefined) this.#pairs.get(index)?.rtcp.send(compound, port, this.#host.address);
  }

  /** Gives all ports back. */
  close(): void {
    for (const index of this.indices) this.#drop(index);
  }

  #drop(index: number): void {
    const pair = this.#pairs.get(index);
    if (pair === undefined) return;
    this.#pairs.delete(index);
    this.#host.session.detach(pair);
    pair.destroy();
  }
}
