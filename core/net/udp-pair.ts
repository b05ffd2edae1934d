import type { RemoteInfo, Socket } from 'node:dgram';
import type { BoundUdp } from './bind-udp.ts';
import { nextConnectionId, type HeldConnection } from './held-connection.ts';
import { mappedAddress, plainAddress } from './ip-address.ts';
import { callOwner, type Owner } from './owner.ts';
import type { UdpPeer } from './udp-listener.ts';

/** Gets what arrives at a pair of ports. What it throws closes the pair and is reported to its owner. */
export interface UdpPairHandler {
  /** A datagram at the even port; the buffer is the callee's to keep. */
  onRtp(data: Buffer, from: UdpPeer): void;
  /** A datagram at the odd port. */
  onRtcp(data: Buffer, from: UdpPeer): void;
}

/** One socket of a pair. An engine may send through `fd`, where there is one. */
export interface UdpPairSocket {
  readonly port: number;
  readonly fd: number | undefined;
  /** Sends one datagram to a numeric address; what the system refuses is lost, as on the wire. After the end nothing is sent. */
  send(data: Uint8Array, port: number, address: string, offset?: number, length?: number): void;
}

/**
 * An even UDP port and the odd one above it, held by the kernel for one session: RTP and its RTCP. A swap exchanges the
 * handler, so that no datagram is lost; without a handler what arrives is dropped. @see RFC 3550 section 11
 */
export class UdpPair implements HeldConnection<UdpPairHandler> {
  readonly id = nextConnectionId();
  /** The address that both are bound to. */
  readonly host: string;
  readonly rtp: UdpPairSocket;
  readonly rtcp: UdpPairSocket;
  readonly #sockets: readonly Socket[];
  readonly #onClosed: (pair: UdpPair) => void;
  #owner: Owner;
  #handler: UdpPairHandler | undefined;
  #closed = false;

  constructor(host: string, bound: { readonly rtp: BoundUdp; readonly rtcp: BoundUdp }, owner: Owner, onClosed: (pair: UdpPair) => void) {
    this.host = host;
    this.#owner = owner;
    this.#onClosed = onClosed;
    this.#sockets = [bound.rtp.socket, bound.rtcp.socket];
    this.rtp = this.#open(bound.rtp, (handler, data, from) => handler.onRtp(data, from));
    this.rtcp = this.#open(bound.rtcp, (handler, data, from) => handler.onRtcp(data, from));
  }

  get owner(): Owner {
    return this.#owner;
  }

  get handler(): UdpPairHandler | undefined {
    return this.#handler;
  }

  get destroyed(): boolean {
    return this.#closed;
  }

  setHandler(handler: UdpPairHandler | undefined, owner: Owner = this.#owner): void {
    this.#handler = handler;
    this.#owner = owner;
  }

  /** Closes both sockets and gives the ports back. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    for (const socket of this.#sockets) socket.close();
    this.#onClosed(this);
  }

  #open({ socket, fd }: BoundUdp, give: (handler: UdpPairHandler, data: Buffer, from: UdpPeer) => void): UdpPairSocket {
    const { family, port } = socket.address();
    const isIpv6 = family === 'IPv6';
    socket.on('message', (data, from) => this.#onMessage(data, from, isIpv6, give));
    // What the system reports of a datagram sent before says nothing about the next one.
    socket.on('error', () => undefined);
    const openFd = (): number | undefined => (this.#closed ? undefined : fd);
    return {
      port,
      get fd() {
        return openFd();
      },
      send: (data, toPort, address, offset = 0, length = data.byteLength - offset) => {
        if (!this.#closed) socket.send(data, offset, length, toPort, isIpv6 ? mappedAddress(address) : address);
      },
    };
  }

  #onMessage(data: Buffer, from: RemoteInfo, isIpv6: boolean, give: (handler: UdpPairHandler, data: Buffer, from: UdpPeer) => void): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    const address = isIpv6 ? plainAddress(from.address) : from.address;
    const peer: UdpPeer = { address, port: from.port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
    if (!callOwner(this.#owner, () => give(handler, data, peer))) this.destroy();
  }
}
