import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIPv6 } from 'node:net';
import { mappedAddress, plainAddress } from '../formats/mapped-address.ts';
import { udpPeer, type TakeDatagram, type UdpBufferSizes } from '../rtp/fanout/udp.ts';
import type { UdpBatches } from './udp-batches.ts';

/** A socket of which the descriptor is known, and whoever may read it in batches. */
interface NativeEnd {
  readonly fd: number;
  readonly batches: UdpBatches;
}

/**
 * One bound UDP socket. node:dgram reads it, one datagram an event; where the system calls of the RTP engine are to be had, and
 * as long as much comes in, it is read in batches instead. Who takes the datagrams can't tell the difference.
 */
export class UdpPort {
  readonly port: number;
  readonly #host: string;
  readonly #isIpv6: boolean;
  readonly #native: NativeEnd | undefined;
  /** A second descriptor of the socket where there is a native one; undefined while it is read in batches, and once it is closed. */
  #socket: Socket | undefined;
  #closed = false;
  /** Gets every datagram. */
  onDatagram: TakeDatagram = () => undefined;
  /** Told what the system reports of the socket. */
  onError: (error: Error) => void = () => undefined;

  private constructor(host: string, socket: Socket, native: NativeEnd | undefined) {
    const { port, family } = socket.address();
    this.port = port;
    this.#host = host;
    this.#isIpv6 = family === 'IPv6';
    this.#native = native;
    this.#listenTo(socket);
  }

  /**
   * Binds a socket. Where `batches` can bind none, the ordinary way is gone, which also gives the error that tells why.
   *
   * @throws the error of the system when it cannot bind
   */
  static async bind({ host, port }: { readonly host: string; readonly port: number }, batches?: UdpBatches): Promise<UdpPort> {
    const fd = batches?.native.bind(host, port);
    const copy = fd === undefined ? undefined : batches?.native.duplicate(fd);
    if (batches === undefined || fd === undefined || copy === undefined) {
      if (fd !== undefined) batches?.native.close(fd);
      return new UdpPort(host, await bindSocket(host, { address: host, port }), undefined);
    }
    try {
      return new UdpPort(host, await bindSocket(host, { fd: copy }), { fd, batches });
    } catch (error) {
      for (const open of [fd, copy]) batches.native.close(open);
      throw error;
    }
  }

  /** Descriptor that the RTP engine may send through; undefined where there is none, and once the port is closed. */
  get fd(): number | undefined {
    return this.#closed ? undefined : this.#native?.fd;
  }

  /** Sends one datagram to a numeric address; what the system refuses is lost, as on the wire. */
  send(data: Uint8Array, port: number, address: string, offset = 0, length = data.byteLength - offset): void {
    if (this.#closed) return;
    // One way, whichever of both reads the socket.
    if (this.#native !== undefined) this.#native.batches.native.send(this.#native.fd, data.subarray(offset, offset + length), port, address);
    else this.#socket?.send(data, offset, length, port, this.#isIpv6 ? mappedAddress(address) : address);
  }

  growBuffers({ recvBufferBytes = 0, sendBufferBytes = 0 }: UdpBufferSizes): void {
    const socket = this.#socket;
    if (this.#native !== undefined) this.#native.batches.native.growBuffers(this.#native.fd, { recvBufferBytes, sendBufferBytes });
    else if (socket !== undefined) {
      if (recvBufferBytes > socket.getRecvBufferSize()) socket.setRecvBufferSize(recvBufferBytes);
      if (sendBufferBytes > socket.getSendBufferSize()) socket.setSendBufferSize(sendBufferBytes);
    }
  }

  /** Gives the port back to the system; `done` is called when it is free. */
  close(done: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native?.batches.remove(this);
    const free = (): void => {
      if (this.#native !== undefined) this.#native.batches.native.close(this.#native.fd);
      done();
    };
    if (this.#socket === undefined) setImmediate(free);
    else this.#socket.close(free);
    this.#socket = undefined;
  }

  /** One datagram is one event again. Whether that worked; otherwise it stays as it is. */
  toEvents(): boolean {
    const copy = this.#native?.batches.native.duplicate(this.#native.fd);
    if (copy === undefined) return false;
    const socket = newSocket(this.#host, () => true);
    try {
      socket.bind({ fd: copy });
    } catch {
      socket.close();
      this.#native?.batches.native.close(copy);
      return false;
    }
    this.#listenTo(socket);
    return true;
  }

  #listenTo(socket: Socket): void {
    this.#socket = socket;
    socket.on('message', (data, from) => this.#onMessage(data, from));
    socket.on('error', (error) => this.onError(error));
  }

  #onMessage(data: Buffer, from: RemoteInfo): void {
    this.onDatagram(data, udpPeer(this.#isIpv6 ? plainAddress(from.address) : from.address, from.port));
    if (this.#native?.batches.note(1) === true) this.#toBatches(this.#native);
  }

  #toBatches({ fd, batches }: NativeEnd): void {
    const socket = this.#socket;
    // The taker of the last datagram may have closed the port.
    if (socket === undefined || !batches.add(this, fd, (data, from) => this.onDatagram(data, from))) return;
    this.#socket = undefined;
    socket.close();
  }
}

function bindSocket(host: string, where: { readonly address: string; readonly port: number } | { readonly fd: number }): Promise<Socket> {
  let bound = false;
  const socket = newSocket(host, () => bound);
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      // It has its descriptor all the same.
      socket.close();
      reject(error);
    });
    socket.bind(where, () => {
      bound = true;
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Names are looked up for the bind only; later every destination is numeric, so that a send does no look-up and no extra tick. */
function newSocket(host: string, isBound: () => boolean): Socket {
  const [type, family] = isIPv6(host) ? (['udp6', 6] as const) : (['udp4', 4] as const);
  return createSocket({
    type,
    lookup: (name, _options, callback) => {
      if (isBound()) callback(null, name, family);
      else lookup(name, { family }, callback);
    },
  });
}
