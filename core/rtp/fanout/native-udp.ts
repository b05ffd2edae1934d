import { isIP } from 'node:net';
import { NativeInbox } from './native-inbox.ts';
import { LINUX, type NativeLibrary } from './native-library.ts';
import type { NativeAddress, NativeSockets } from './native-socket.ts';
import { udpKey, type NativeUdp, type TakeDatagram, type UdpBufferSizes } from './udp.ts';

/** Addresses that a socket has sent to and that are kept; then all of them are forgotten, and those in use are known again. */
const ADDRESSES_MAX = 4096;

/** UDP sockets by system calls through koffi. */
export class NativeUdpSockets implements NativeUdp {
  readonly #library: NativeLibrary;
  readonly #sockets: NativeSockets;
  /** Made when a socket is first watched: it has memory of its own. */
  #inbox: NativeInbox | undefined;
  readonly #addresses = new Map<number, Map<string, NativeAddress>>();

  constructor(library: NativeLibrary, sockets: NativeSockets) {
    this.#library = library;
    this.#sockets = sockets;
  }

  bind(host: string, port: number): number | undefined {
    return isIP(host) === 0 ? undefined : this.#sockets.bindUdp(host, port);
  }

  duplicate(fd: number): number | undefined {
    const copy = this.#library.fcntl(fd, LINUX.F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? undefined : copy;
  }

  growBuffers(fd: number, { recvBufferBytes = 0, sendBufferBytes = 0 }: UdpBufferSizes): void {
    this.#sockets.growBuffer(fd, LINUX.SO_RCVBUF, recvBufferBytes);
    this.#sockets.growBuffer(fd, LINUX.SO_SNDBUF, sendBufferBytes);
  }

  send(fd: number, data: Uint8Array, port: number, address: string): void {
    const to = this.#addressFor(fd, port, address);
    if (to !== undefined) this.#sockets.send(fd, data, to);
  }

  watch(fd: number, take: TakeDatagram): boolean {
    this.#inbox ??= new NativeInbox(this.#library);
    return this.#inbox.add(fd, take);
  }

  unwatch(fd: number): void {
    this.#inbox?.remove(fd);
  }

  read(): number {
    return this.#inbox?.read() ?? 0;
  }

  close(fd: number): void {
    this.unwatch(fd);
    this.#addresses.delete(fd);
    this.#library.close(fd);
  }

  #addressFor(fd: number, port: number, address: string): NativeAddress | undefined {
    const key = udpKey(address, port);
    return this.#addresses.get(fd)?.get(key) ?? this.#learn(fd, key, port, address);
  }

  #learn(fd: number, key: string, port: number, address: string): NativeAddress | undefined {
    const to = this.#sockets.addressFor(fd, address, port);
    if (to === undefined) return undefined;
    const known = this.#addresses.get(fd) ?? new Map<string, NativeAddress>();
    if (known.size >= ADDRESSES_MAX) known.clear();
    this.#addresses.set(fd, known.set(key, to));
    return to;
  }
}
