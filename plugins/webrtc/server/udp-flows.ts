import type { UdpLease, UdpPeer } from 'wcs-core';
import type { Destination } from 'wcs-core/rtp/fanout/engine';
import { udpKey } from 'wcs-core/rtp/fanout/udp';
import type { FlowState } from '../session/peer-state.ts';
import type { RemoteAddress } from './peer-transport.ts';
import type { FlowPeer, OnPacket, TransportFlow } from './transport-flow.ts';

/** The flows of one UDP port, by `udpKey` of the remote end. */
export class UdpFlows {
  readonly #flows = new Map<string, UdpFlow>();
  readonly #onPacket: OnPacket;
  #lease: UdpLease | undefined;

  constructor(onPacket: OnPacket) {
    this.#onPacket = onPacket;
  }

  /** The lease whose datagrams come to `onDatagram`; set once, before the first of them. */
  set lease(lease: UdpLease) {
    this.#lease = lease;
  }

  /** Undefined until there is a lease. */
  get port(): number | undefined {
    return this.#lease?.address.port;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Takes one datagram. */
  readonly onDatagram = (datagram: Buffer, from: UdpPeer): void => {
    const flow = this.#flows.get(from.key) ?? this.#flowTo(from.address, from.port);
    if (flow !== undefined) this.#onPacket(flow, datagram);
  };

  /** A flow that is continued; undefined when the address belongs to another peer. */
  restore(address: string, port: number, peer: FlowPeer): TransportFlow | undefined {
    const flow = this.#flows.get(udpKey(address, port)) ?? this.#flowTo(address, port);
    return flow?.claim(peer) === true ? flow : undefined;
  }

  #flowTo(address: string, port: number): UdpFlow | undefined {
    return this.#lease === undefined ? undefined : new UdpFlow(this.#lease, { transport: 'udp', address, port }, this.#flows);
  }
}

class UdpFlow implements TransportFlow {
  readonly remote: RemoteAddress;
  readonly destination: Destination;
  readonly #lease: UdpLease;
  readonly #table: Map<string, UdpFlow>;
  #peer: FlowPeer | undefined;

  constructor(lease: UdpLease, remote: RemoteAddress, table: Map<string, UdpFlow>) {
    this.#lease = lease;
    this.remote = remote;
    this.#table = table;
    this.destination = { type: 'udp', socket: lease, address: remote.address, port: remote.port };
  }

  get peer(): FlowPeer | undefined {
    return this.#peer;
  }

  claim(peer: FlowPeer): boolean {
    if (this.#peer !== undefined) return this.#peer === peer;
    this.#peer = peer;
    this.#table.set(udpKey(this.remote.address, this.remote.port), this);
    // With a full flow table of the kernel it works all the same, until the plugin is swapped.
    this.#lease.pin(this.remote.address, this.remote.port);
    return true;
  }

  send(datagram: Uint8Array): void {
    this.#lease.send(datagram, this.remote.port, this.remote.address);
  }

  state(): FlowState {
    return { type: 'udp', address: this.remote.address, port: this.remote.port };
  }

  close(): void {
    this.#peer = undefined;
    const key = udpKey(this.remote.address, this.remote.port);
    if (this.#table.get(key) === this) this.#table.delete(key);
    this.#lease.unpin(this.remote.address, this.remote.port);
  }
}
