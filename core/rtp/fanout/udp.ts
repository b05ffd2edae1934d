/** Where a datagram came from; an IPv4 address is always in its plain form. */
export interface UdpPeer {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
  /** `udpKey` of both, ready for tables. */
  readonly key: string;
}

/** @param address numeric, an IPv4 one in its plain form */
export function udpPeer(address: string, port: number): UdpPeer {
  return new RemoteEnd(address, port);
}

/** Makes its key when it is first asked for: most sockets have no table. */
class RemoteEnd implements UdpPeer {
  readonly address: string;
  readonly port: number;
  readonly family: UdpPeer['family'];
  #key: string | undefined;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
    this.family = address.includes(':') ? 'IPv6' : 'IPv4';
  }

  get key(): string {
    return (this.#key ??= udpKey(this.address, this.port));
  }
}

/** Names a remote end in tables. */
export function udpKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/** Takes a datagram; the buffer is the taker's to keep. It throws nothing. */
export type TakeDatagram = (data: Buffer, from: UdpPeer) => void;

/** What is asked of the system, which may grant less, and never takes back. */
export interface UdpBufferSizes {
  readonly recvBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

/** UDP sockets by system calls of the RTP engine's: non-blocking, and known by their descriptors, which it can send through. */
export interface NativeUdp {
  /** Binds to a numeric address; undefined for a name, and when the system refuses. An IPv6 socket takes IPv4 peers too. */
  bind(host: string, port: number): number | undefined;
  /** Another descriptor of the same socket, closed by its taker; undefined when the system has none left. */
  duplicate(fd: number): number | undefined;
  growBuffers(fd: number, sizes: UdpBufferSizes): void;
  /** Sends one datagram to a numeric address; what the system refuses is lost, as on the wire. */
  send(fd: number, data: Uint8Array, port: number, address: string): void;
  /** Whether the socket's datagrams are handed out by `read` from now on. */
  watch(fd: number, take: TakeDatagram): boolean;
  unwatch(fd: number): void;
  /** Hands out what has come to the watched sockets, and answers how many datagrams that were. Waits for nothing. */
  read(): number;
  close(fd: number): void;
}
