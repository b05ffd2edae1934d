import { WcsError, type PluginContext, type PortLease, type UdpLease, type UdpPeer } from 'wcs-core';

/** Ports of the range that somebody else may have bound, one after another. */
const ATTEMPTS_MAX = 8;
/** A key frame of 1 MB and what comes with it, before the process gets to read. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Takes the datagrams of one port. */
export type OnPortDatagram = (data: Buffer, from: UdpPeer) => void;

/** A UDP port of an ingest. */
export interface IngestPort {
  readonly port: number;
  /** Whose datagrams come here until another version of the plugin says the same. */
  pin(address: string, port: number): void;
  close(): void;
}

/** UDP ports out of the server's media range, one for each ingest; sockets belong to the kernel, so that a swap loses no datagram. */
export class UdpPorts {
  readonly #ctx: Pick<PluginContext, 'listen' | 'ports'>;
  readonly #host: string | undefined;
  readonly #handlers = new Map<number, OnPortDatagram>();
  readonly #leases = new Map<number, UdpLease>();
  /** Of the ports opened by this version; those of the version before are kept from others by being bound. */
  readonly #reserved = new Map<number, PortLease>();

  constructor(ctx: Pick<PluginContext, 'listen' | 'ports'>, host: string | undefined) {
    this.#ctx = ctx;
    this.#host = host;
  }

  /** Ports that are open. */
  get open(): readonly number[] {
    return [...this.#leases.keys()];
  }

  /** Opens any port of the range. Errors: NET_E_PORT_EXHAUSTED, NET_E_LISTEN. */
  async take(attempts = ATTEMPTS_MAX): Promise<number> {
    const reserved = this.#ctx.ports.single('media');
    try {
      await this.hold(reserved.port);
      this.#reserved.set(reserved.port, reserved);
      return reserved.port;
    } catch (error) {
      reserved.release();
      if (attempts > 1 && error instanceof WcsError && error.code === 'NET_E_LISTEN') return await this.take(attempts - 1);
      throw error;
    }
  }

  /** Opens a port that the version before has open. */
  async hold(port: number): Promise<void> {
    if (this.#leases.has(port)) return;
    const where = { port, setting: 'ports.media', recvBufferBytes: RECEIVE_BUFFER_BYTES, ...(this.#host === undefined ? {} : { host: this.#host }) };
    this.#leases.set(port, await this.#ctx.listen.udp(where, (data, from) => this.#handlers.get(port)?.(data, from)));
  }

  /** Gives the datagrams of an open port to a handler. @throws WcsError INTERNAL_E_FAULT for a port that isn't open */
  attach(port: number, handler: OnPortDatagram): IngestPort {
    const lease = this.#leases.get(port);
    if (lease === undefined) throw new WcsError('INTERNAL_E_FAULT', `This version does not hold UDP port ${port}.`);
    this.#handlers.set(port, handler);
    return { port, pin: (address, peerPort) => void lease.pin(address, peerPort), close: () => this.close(port) };
  }

  /** Closes ports that no ingest uses. */
  closeUnused(): void {
    for (const port of this.open) if (!this.#handlers.has(port)) this.close(port);
  }

  close(port: number): void {
    this.#handlers.delete(port);
    this.#leases.get(port)?.release();
    this.#leases.delete(port);
    this.#reserved.get(port)?.release();
    this.#reserved.delete(port);
  }
}
