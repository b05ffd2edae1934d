import type { UdpPeer } from '../rtp/fanout/udp.ts';
import { nextConnectionId, type HeldConnection } from './held-connection.ts';
import { callOwner, type Owner } from './owner.ts';
import type { PortPair } from './port-ranges.ts';
import type { UdpPort } from './udp-port.ts';

/** Receive buffer asked of the system for RTP: a key frame comes in one go. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** Gets the datagrams of a pair; a buffer is the callee's to keep. What it throws is reported to its owner. */
export interface RtpPairHandler {
  onRtp(data: Buffer, from: UdpPeer): void;
  onRtcp(data: Buffer, from: UdpPeer): void;
}

/** One of the two sockets, to be sent through: by the RTP engine as well. */
export interface RtpPairSocket {
  readonly port: number;
  /** File descriptor for the RTP engine, where there is one; undefined once the pair is closed. */
  readonly fd: number | undefined;
  /** Sends one datagram to a numeric address; what the system refuses is lost, as on the wire. */
  send(data: Uint8Array, port: number, address: string, offset?: number, length?: number): void;
}

/**
 * An even port for RTP and the odd one above it for RTCP, held by the kernel like a connection: a session attaches it, takes
 * it along through a swap, and gives the ports back when it ends. Datagrams that nobody handles are dropped.
 *
 * @see RFC 3550 section 11
 */
export class RtpPortPair implements HeldConnection<RtpPairHandler> {
  readonly id = nextConnectionId();
  readonly rtp: RtpPairSocket;
  readonly rtcp: RtpPairSocket;
  readonly #bound: readonly UdpPort[];
  readonly #onClose: () => void;
  #owner: Owner;
  #handler: RtpPairHandler | undefined;
  #closed = false;

  /** @param onClose called once when both sockets are closed */
  constructor(ports: PortPair, bound: { readonly rtp: UdpPort; readonly rtcp: UdpPort }, owner: Owner, onClose: (pair: RtpPortPair) => void) {
    this.#owner = owner;
    this.#bound = [bound.rtp, bound.rtcp];
    this.#onClose = () => {
      ports.release();
      onClose(this);
    };
    this.rtp = this.#socketOf(bound.rtp, (data, from) => this.#handler?.onRtp(data, from));
    this.rtcp = this.#socketOf(bound.rtcp, (data, from) => this.#handler?.onRtcp(data, from));
    bound.rtp.growBuffers({ recvBufferBytes: RECEIVE_BUFFER_BYTES });
  }

  get owner(): Owner {
    return this.#owner;
  }

  get handler(): RtpPairHandler | undefined {
    return this.#handler;
  }

  setHandler(handler: RtpPairHandler | undefined, owner: Owner = this.#owner): void {
    this.#handler = handler;
    this.#owner = owner;
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    let open = this.#bound.length;
    for (const port of this.#bound) {
      port.close(() => {
        open -= 1;
        if (open === 0) this.#onClose();
      });
    }
  }

  #socketOf(bound: UdpPort, take: (data: Buffer, from: UdpPeer) => void): RtpPairSocket {
    bound.onDatagram = (data, from) => void callOwner(this.#owner, () => take(data, from));
    return bound;
  }
}
