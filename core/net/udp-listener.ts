import { udpKey, type UdpBufferSizes, type UdpPeer } from '../rtp/fanout/udp.ts';
import { holderOf, KernelListener, type Holder, type Lease, type ListenOptions } from './lease.ts';
import type { NetLog } from './net-log.ts';
import { callOwner, type OnFault } from './owner.ts';
import type { UdpBatches } from './udp-batches.ts';
import { UdpDemux, type UdpDemuxLimits } from './udp-demux.ts';
import { UdpPort } from './udp-port.ts';

/** How often idle flows are looked for. */
const FLOW_SWEEP_MS = 15_000;

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
export interface UdpListenOptions extends ListenOptions, UdpBufferSizes {
  /** Gives the socket a descriptor for the RTP engine, if that can use one, and reads it in batches while much comes in. */
  readonly forRtp?: boolean;
}

interface UdpHolder extends Holder {
  readonly onDatagram: OnDatagram;
  socket: UdpSocket | undefined;
}

/** A kernel-held UDP socket: one per key, shared by all generations. */
export class UdpListener extends KernelListener<UdpHolder> {
  readonly address: { readonly host: string; readonly port: number };
  readonly #port: UdpPort;
  readonly #demux: UdpDemux<UdpHolder>;
  readonly #now: () => number;
  readonly #sweep: NodeJS.Timeout;
  #stopped: Promise<void> | undefined;
  #refused = 0;

  private constructor(key: string, port: UdpPort, host: string, onIdle: () => void, limits: UdpDemuxLimits, now: () => number) {
    super(key, onIdle);
    this.#port = port;
    this.address = { host, port: port.port };
    this.#demux = new UdpDemux(limits);
    this.#now = now;
    this.#sweep = setInterval(() => this.#demux.expire(now()), FLOW_SWEEP_MS).unref();
    port.onDatagram = (data, from) => this.#onDatagram(data, from);
  }

  /**
   * Binds a UDP socket.
   *
   * @throws the error of the system when it cannot bind
   */
  static async open(options: UdpListenOptions, log: NetLog, keyOf: (port: number) => string, onIdle: () => void, batches?: UdpBatches, limits: UdpDemuxLimits = {}, now: () => number = () => performance.now()): Promise<UdpListener> {
    const port = await UdpPort.bind(options, options.forRtp === true ? batches : undefined);
    const key = keyOf(port.port);
    port.onError = (error) => log.warn('The UDP socket reports an error.', { key, error: error.message });
    return new UdpListener(key, port, options.host, onIdle, limits, now);
  }

  /** A new share, not yet committed. */
  acquire(options: UdpListenOptions, onDatagram: OnDatagram, onFault: OnFault): UdpLease {
    const holder: UdpHolder = { ...holderOf(options, onFault), onDatagram, socket: undefined };
    this.#port.growBuffers(options);
    const fdOf = (): number | undefined => (this.isHeldBy(holder) && this.#stopped === undefined ? this.#port.fd : undefined);
    const socket: UdpSocket = {
      address: this.address,
      get fd() {
        return fdOf();
      },
      send: (data, port, address, offset, length) => {
        if (this.isHeldBy(holder) && this.#stopped === undefined) this.#port.send(data, port, address, offset, length);
      },
      pin: (address, port) => this.#pin(holder, udpKey(address, port)),
      unpin: (address, port) => this.#demux.unpin(udpKey(address, port), holder),
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
    this.#stopped ??= new Promise((resolve) => this.#port.close(resolve));
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

  #onDatagram(data: Buffer, from: UdpPeer): void {
    const holder = this.#demux.route(from.key, this.#now()) ?? this.current;
    const socket = holder?.socket;
    if (holder === undefined || socket === undefined) {
      this.#refused++;
      return;
    }
    callOwner(holder, () => holder.onDatagram(data, from, socket));
  }

  #pin(holder: UdpHolder, key: string): boolean {
    if (!this.isHeldBy(holder)) return false;
    const nowMs = this.#now();
    if (this.#demux.pin(key, holder, nowMs)) return true;
    this.#demux.expire(nowMs);
    if (this.#demux.pin(key, holder, nowMs)) return true;
    this.#refused++;
    return false;
  }
}
