import koffi from 'koffi';

/** Messages that one system call takes from a socket. */
const BATCH = 32;
/** A run of datagrams that were sent as one message comes as one, too. */
const MESSAGE_BYTES_MAX = 65_536;
const READY_MAX = 1024;
const RECEIVE_BUFFER_BYTES = 1_000_000;
const RECEIVE_EVERY_MS = 2;

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SOL_UDP = 17;
const UDP_GRO = 104;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
/** `struct mmsghdr`, and where its length stands. */
const MMSGHDR_BYTES = 64;
const MMSGHDR_LENGTH_AT = 56;
/** `msg_control` and `msg_controllen` of the `struct msghdr` that it begins with. */
const CONTROL_AT = 32;
const CONTROL_LENGTH_AT = 40;
/** A `struct cmsghdr` with an int, which tells how long each datagram of a run is, and where the int stands. */
const CONTROL_BYTES = 24;
const CONTROL_VALUE_AT = 16;
const IOVEC_BYTES = 16;
/** `struct epoll_event` is packed on x86-64 alone. */
const EPOLL_EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const EPOLL_DATA_AT = EPOLL_EVENT_BYTES - 8;

const libc = koffi.load(null);
const call = {
  socket: libc.func('int socket(int, int, int)') as (domain: number, type: number, protocol: number) => number,
  connect: libc.func('int connect(int, void *, uint32_t)') as (fd: number, address: Buffer, length: number) => number,
  bind: libc.func('int bind(int, void *, uint32_t)') as (fd: number, address: Buffer, length: number) => number,
  getsockname: libc.func('int getsockname(int, void *, void *)') as (fd: number, address: Buffer, length: Buffer) => number,
  setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)') as (fd: number, level: number, option: number, value: Buffer, length: number) => number,
  send: libc.func('intptr_t send(int, void *, size_t, int)') as (fd: number, data: Uint8Array, length: number, flags: number) => number,
  recvmmsg: libc.func('int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)') as (fd: number, messages: number, count: number, flags: number, timeout: number) => number,
  close: libc.func('int close(int)') as (fd: number) => number,
  epollCreate: libc.func('int epoll_create1(int)') as (flags: number) => number,
  epollControl: libc.func('int epoll_ctl(int, int, int, void *)') as (epoll: number, operation: number, fd: number, event: Buffer) => number,
  epollWait: libc.func('int epoll_wait(int, uintptr_t, int, int)') as (epoll: number, events: number, count: number, timeoutMs: number) => number,
};

/** Memory that the system writes into, with its address. */
function allocate(bytes: number): { readonly at: number; readonly bytes: Buffer } {
  const memory: unknown = koffi.alloc('uint8_t', bytes);
  return { at: Number(koffi.address(memory)), bytes: Buffer.from(koffi.view(memory, bytes)) };
}

/** Takes a datagram out of shared memory: what is wanted later must be copied. */
export type Receiver = (memory: Buffer, at: number, length: number, nowMs: number) => void;

/** A connected UDP socket of the load. */
export interface LoadSocket {
  /** Its own. */
  readonly port: number;
  send(datagram: Uint8Array): void;
  close(): void;
}

/** A UDP socket of the load that only takes what comes. */
export interface LoadInbox {
  readonly port: number;
  close(): void;
}

/**
 * Very many UDP sockets with little cost for each packet: one `epoll_wait` and one `recvmmsg` for each socket that has
 * something, at each call of `receive`. The kernel keeps some 400 packets of a socket that is asked late.
 *
 * Over loopback the sender pays for taking runs apart, which a real server leaves to its network card: these sockets
 * take whole runs (UDP GRO), so that what is measured of the server is its own.
 */
export class UdpSockets {
  readonly #epoll = call.epollCreate(0);
  readonly #receivers = new Map<number, Receiver>();
  readonly #events = allocate(EPOLL_EVENT_BYTES * READY_MAX);
  readonly #messages = allocate(MMSGHDR_BYTES * BATCH);
  readonly #vectors = allocate(IOVEC_BYTES * BATCH);
  readonly #control = allocate(CONTROL_BYTES * BATCH);
  readonly #datagrams = allocate(MESSAGE_BYTES_MAX * BATCH);

  constructor() {
    for (let index = 0; index < BATCH; index++) {
      this.#vectors.bytes.writeBigUInt64LE(BigInt(this.#datagrams.at + index * MESSAGE_BYTES_MAX), index * IOVEC_BYTES);
      this.#vectors.bytes.writeBigUInt64LE(BigInt(MESSAGE_BYTES_MAX), index * IOVEC_BYTES + 8);
      this.#messages.bytes.fill(0, index * MMSGHDR_BYTES, (index + 1) * MMSGHDR_BYTES);
      this.#messages.bytes.writeBigUInt64LE(BigInt(this.#vectors.at + index * IOVEC_BYTES), index * MMSGHDR_BYTES + 16);
      this.#messages.bytes.writeBigUInt64LE(1n, index * MMSGHDR_BYTES + 24);
      this.#messages.bytes.writeBigUInt64LE(BigInt(this.#control.at + index * CONTROL_BYTES), index * MMSGHDR_BYTES + CONTROL_AT);
    }
  }

  get size(): number {
    return this.#receivers.size;
  }

  /** Opens a socket towards an IPv4 address. */
  open(address: string, port: number, receiver: Receiver): LoadSocket {
    const name = socketAddress(address, port);
    const fd = this.#open(receiver, (socket) => call.connect(socket, name, name.length));
    return {
      port: localPort(fd),
      send: (datagram) => {
        if (this.#receivers.has(fd)) call.send(fd, datagram, datagram.length, 0);
      },
      close: () => this.#close(fd),
    };
  }

  /** Opens a socket at a free port of an IPv4 address, for whoever sends there. */
  listen(address: string, receiver: Receiver): LoadInbox {
    const name = socketAddress(address, 0);
    const fd = this.#open(receiver, (socket) => call.bind(socket, name, name.length));
    return { port: localPort(fd), close: () => this.#close(fd) };
  }

  /** Hands over what comes, from now on and for good. */
  start(): void {
    const receive = (): void => {
      // Under full load there is always something: timers get their turn all the same.
      if (this.receive() > 0) setImmediate(receive);
      else setTimeout(receive, RECEIVE_EVERY_MS);
    };
    receive();
  }

  /** Hands over all that waits; gives the number of datagrams. */
  receive(): number {
    const ready = call.epollWait(this.#epoll, this.#events.at, READY_MAX, 0);
    const nowMs = performance.now();
    let total = 0;
    for (let index = 0; index < ready; index++) total += this.#drain(this.#events.bytes.readUInt32LE(index * EPOLL_EVENT_BYTES + EPOLL_DATA_AT), nowMs);
    return total;
  }

  /** @param settle gives the socket its address; other than 0 it has failed */
  #open(receiver: Receiver, settle: (fd: number) => number): number {
    const fd = call.socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0);
    if (fd < 0 || settle(fd) !== 0) throw new Error(`No socket, errno ${koffi.errno()}`);
    const size = Buffer.alloc(4);
    size.writeInt32LE(RECEIVE_BUFFER_BYTES);
    call.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length);
    const on = Buffer.from([1, 0, 0, 0]);
    if (call.setsockopt(fd, SOL_UDP, UDP_GRO, on, on.length) !== 0) throw new Error(`No UDP GRO, errno ${koffi.errno()}`);
    const event = Buffer.alloc(EPOLL_EVENT_BYTES);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeUInt32LE(fd, EPOLL_DATA_AT);
    call.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event);
    this.#receivers.set(fd, receiver);
    return fd;
  }

  #close(fd: number): void {
    if (this.#receivers.delete(fd)) call.close(fd);
  }

  #drain(fd: number, nowMs: number): number {
    const receiver = this.#receivers.get(fd);
    if (receiver === undefined) return 0;
    for (let index = 0; index < BATCH; index++) this.#messages.bytes.writeUInt32LE(CONTROL_BYTES, index * MMSGHDR_BYTES + CONTROL_LENGTH_AT);
    const count = call.recvmmsg(fd, this.#messages.at, BATCH, 0, 0);
    let datagrams = 0;
    for (let index = 0; index < count; index++) {
      const start = index * MESSAGE_BYTES_MAX;
      const end = start + this.#messages.bytes.readUInt32LE(index * MMSGHDR_BYTES + MMSGHDR_LENGTH_AT);
      const isRun = this.#messages.bytes.readUInt32LE(index * MMSGHDR_BYTES + CONTROL_LENGTH_AT) > 0;
      const step = isRun ? this.#control.bytes.readInt32LE(index * CONTROL_BYTES + CONTROL_VALUE_AT) : end - start;
      for (let at = start; at < end; at += step, datagrams++) receiver(this.#datagrams.bytes, at, Math.min(step, end - at), nowMs);
    }
    return datagrams;
  }
}

function localPort(fd: number): number {
  const name = socketAddress('0.0.0.0', 0);
  const length = Buffer.from([name.length, 0, 0, 0]);
  if (call.getsockname(fd, name, length) !== 0) throw new Error(`No port, errno ${koffi.errno()}`);
  return name.readUInt16BE(2);
}

/** @see ip(7), struct sockaddr_in */
function socketAddress(address: string, port: number): Buffer {
  const name = Buffer.alloc(16);
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address.split('.').map(Number), 4);
  return name;
}
