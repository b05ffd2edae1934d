import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIPv6 } from 'node:net';
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
  #stopped: Promise<void> | undefined;
  #refused = 0;

  private constructor(key: string, socket: Socket, host: string, onIdle: () => void, limits: UdpDemuxLimits, now: () => number) {
    super(key, onIdle);
    this.#socket = socket;
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
  static async open(options: UdpListenOptions, log: NetLog, keyOf: (port: number) => string, onIdle: () => void, limits: UdpDemuxLimits = {}, now: () => number = () => performance.now()): Promise<UdpListener> {
    const socket = await bindUdp(options);
    socket.on('error', (error) => log.warn('The UDP socket reports an error.', { key: keyOf(socket.address().port), error: error.message }));
    return new UdpListener(keyOf(socket.address().port), socket, options.host, onIdle, limits, now);
  }

  /** A new share, not yet committed. */
  acquire(options: UdpListenOptions, onDatagram: OnDatagram, onFault: OnFault): UdpLease {
    const holder: UdpHolder = { ...holderOf(options, onFault), onDatagram, socket: undefined };
    this.#growReceiveBuffer(options.recvBufferBytes);
    const socket: UdpSocket = {
      address: this.address,
      send: (data, port, address, offset, length) => {
        if (this.isHeldBy(holder) && this.#stopped === undefined) this.#send(data, port, address, offset, length);
      },
      pin: (address, port) => this.#pin(holder, address, port),
      unpin: (address, port) => this.#demux.unpin(address, port, holder),
    };
    holder.socket = socket;
    return { ...socket, ...this.lease(holder) };
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

  #growReceiveBuffer(bytes: number | undefined): void {
    if (bytes !== undefined && bytes > this.#socket.getRecvBufferSize()) this.#socket.setRecvBufferSize(bytes);
  }
}

/** Names are looked up for the bind only; later every destination is numeric, so that a send does no look-up and no extra tick. Takes address and port alone, as `bindServer` does. */
function bindUdp({ host: address, port }: { readonly host: string; readonly port: number }): Promise<Socket> {
  let bound = false;
  const type = isIPv6(address) ? 'udp6' : 'udp4';
  const family = type === 'udp6' ? 6 : 4;
  const socket = createSocket({
    type,
    lookup: (host, _options, callback) => {
      if (bound) callback(null, host, family);
      else lookup(host, { family }, callback);
    },
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port }, () => {
      bound = true;
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
