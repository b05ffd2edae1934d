import type { RemoteInfo, Socket } from 'node:dgram';
import { bindUdp, type BindUdp, type BoundUdp } from './bind-udp.ts';
import { mappedAddress, plainAddress } from './ip-address.ts';
import { holderOf, KernelListener, type Holder, type Lease, type ListenOptions } from './lease.ts';
import type { NetLog } from './net-log.ts';
import { callOwner, type OnFault } from './owner.ts';
import { UdpDemux, type UdpDemuxLimits } from './udp-demux.ts';

/** How often idle flows are looked for. */
const FLOW_SWEEP_MS = 15_000;

/** Where a datagram came from; an IPv4 address is always in its plain form. */
export interface UdpPeer {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
}

/** The sending side of a UDP listener, and its flow table, for one lease. */
export interface UdpSocket {
  readonly address: { readonly host: string; readonly port: number };
  /** File descriptor that the RTP engine may send through, of a socket bound with `forRtp`, where there is one; undefined after `release()`. */
  readonly fd: number | undefined;
  /** Sends one datagram to a numeric address; what the system refuses is lost, as on the wire. After `release()` nothing is sent. */
  send(data: Uint8Array, port: number, address: string, offset?: number, length?: number): void;
  /** Datagrams from there come to this lease from now on, whoever is committed; false when the flow table is full. */
  pin(address: string, port: number): boolean;
  /** Forgets a flow pinned to this lease. */
  unpin(address: string, port: number): void;
}

/** A share of a UDP listener. */
export interface UdpLease extends Lease, UdpSocket {}

/** Gets each datagram; the buffer is the callee's to keep. */
export type OnDatagram = (data: Buffer, from: UdpPeer, socket: UdpSocket) => void;

/** What `Listeners.udp()` takes. */
export interface UdpListenOptions extends ListenOptions {
  /** Receive buffer asked of the system, which may grant less. */
  readonly recvBufferBytes?: number;
  /** Send buffer asked of the system, likewise. */
  readonly sendBufferBytes?: number;
  /** Gives the socket a descriptor for the RTP engine, if that can use one. */
  readonly forRtp?: boolean;
}

interface UdpHolder extends Holder {
  readonly onDatagram: OnDatagram;
  socket: UdpSocket | undefined;
}

/** A kernel-held UDP socket: one per key, shared by all generations. */
export class UdpListener extends KernelListener<UdpHolder> {
  readonly address: { readonly host: string; readonly port: number };
  readonly #socket: Socket;
  readonly #demux: UdpDemux<UdpHolder>;
  readonly #now: () => number;
  readonly #sweep: NodeJS.Timeout;
  readonly #ipv6: boolean;
  readonly #fd: number | undefined;
  #stopped: Promise<void> | undefined;
  #refused = 0;

  private constructor(key: string, { socket, fd }: BoundUdp, host: string, onIdle: () => void, limits: UdpDemuxLimits, now: () => number) {
    super(key, onIdle);
    this.#socket = socket;
    this.#fd = fd;
    this.#ipv6 = socket.address().family === 'IPv6';
    this.address = { host, port: socket.address().port };
    this.#demux = new UdpDemux(limits);
    this.#now = now;
    this.#sweep = setInterval(() => this.#demux.expire(now()), FLOW_SWEEP_MS).unref();
    socket.on('message', (data, from) => this.#onMessage(data, from));
  }

  /**
   * Binds a UDP socket.
   *
   * @throws the error of the system when it cannot bind
   */
  static async open(options: UdpListenOptions, log: NetLog, keyOf: (port: number) => string, onIdle: () => void, bindNative?: BindUdp, limits: UdpDemuxLimits = {}, now: () => number = () => performance.now()): Promise<UdpListener> {
    const bound = await bindUdp(options, options.forRtp === true ? bindNative : undefined);
    const { socket } = bound;
    socket.on('error', (error) => log.warn('The UDP socket reports an error.', { key: keyOf(socket.address().port), error: error.message }));
    return new UdpListener(keyOf(socket.address().port), bound, options.host, onIdle, limits, now);
  }

  /** A new share, not yet committed. */
  acquire(options: UdpListenOptions, onDatagram: OnDatagram, onFault: OnFault): UdpLease {
    const holder: UdpHolder = { ...holderOf(options, onFault), onDatagram, socket: undefined };
    this.#growBuffers(options);
    const fdOf = (): number | undefined => (this.isHeldBy(holder) && this.#stopped === undefined ? this.#fd : undefined);
    const socket: UdpSocket = {
      address: this.address,
      get fd() {
        return fdOf();
      },
      send: (data, port, address, offset, length) => {
        if (this.isHeldBy(holder) && this.#stopped === undefined) this.#send(data, port, address, offset, length);
      },
      pin: (address, port) => this.#pin(holder, address, port),
      unpin: (address, port) => this.#demux.unpin(address, port, holder),
    };
    holder.socket = socket;
    // Assigned, not spread: `fd` is asked anew each time.
    return Object.assign(socket, this.lease(holder));
  }

  /** Pinned flows. */
  get connections(): number {
    return this.#demux.size;
  }

  /** Datagrams never wait. */
  get waiting(): number {
    return 0;
  }

  get refused(): number {
    return this.#refused;
  }

  stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.#stopped ??= new Promise((resolve) => void this.#socket.close(() => resolve()));
    return this.#stopped;
  }

  close(): Promise<void> {
    return this.stop();
  }

  protected onCommitted(): void {
    // A datagram looks up the committed holder when it arrives: nothing to re-point.
  }

  protected endAccepted(holder: UdpHolder): void {
    this.#demux.releaseOwner(holder);
  }

  protected override onReleased(holder: UdpHolder): void {
    this.#demux.releaseOwner(holder);
  }

  #onMessage(data: Buffer, from: RemoteInfo): void {
    const address = this.#ipv6 ? plainAddress(from.address) : from.address;
    const holder = this.#demux.route(address, from.port, this.#now()) ?? this.current;
    const socket = holder?.socket;
    if (holder === undefined || socket === undefined) {
      this.#refused++;
      return;
    }
    const peer: UdpPeer = { address, port: from.port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
    callOwner(holder, () => holder.onDatagram(data, peer, socket));
  }

  #pin(holder: UdpHolder, address: string, port: number): boolean {
    if (!this.isHeldBy(holder)) return false;
    const nowMs = this.#now();
    if (this.#demux.pin(address, port, holder, nowMs)) return true;
    this.#demux.expire(nowMs);
    if (this.#demux.pin(address, port, holder, nowMs)) return true;
    this.#refused++;
    return false;
  }

  #send(data: Uint8Array, port: number, address: string, offset = 0, length = data.byteLength - offset): void {
    this.#socket.send(data, offset, length, port, this.#ipv6 ? mappedAddress(address) : address);
  }

  #growBuffers({ recvBufferBytes = 0, sendBufferBytes = 0 }: UdpListenOptions): void {
    if (recvBufferBytes > this.#socket.getRecvBufferSize()) this.#socket.setRecvBufferSize(recvBufferBytes);
    if (sendBufferBytes > this.#socket.getSendBufferSize()) this.#socket.setSendBufferSize(sendBufferBytes);
  }
}
