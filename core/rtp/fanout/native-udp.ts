import { isIP } from 'node:net';
import { NativeInbox } from './native-inbox.ts';
import { LINUX, type NativeLibrary } from './native-library.ts';
import type { NativeSockets } from './native-socket.ts';
import type { NativeUdp, TakeDatagram, UdpBufferSizes } from './udp.ts';

/** UDP sockets by system calls through koffi. */
export class NativeUdpSockets implements NativeUdp {
  readonly #library: NativeLibrary;
  readonly #sockets: NativeSockets;
  /** Made when a socket is first watched: it has memory of its own. */
  #inbox: NativeInbox | undefined;

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
    this.#sockets.send(fd, data, address, port);
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
    this.#library.close(fd);
  }
}
