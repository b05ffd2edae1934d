import { LINUX, type NativeLibrary } from './native-library.ts';
import { NativeMemory } from './native-memory.ts';
import { PeerNames } from './native-peers.ts';
import { ADDRESS_WORDS } from './native-socket.ts';
import type { TakeDatagram } from './udp.ts';

/** Datagrams of one system call. */
const BATCH = 64;
/** Calls for one socket in a turn: the others should have theirs. */
const CALLS_PER_SOCKET_MAX = 16;
/** A longer datagram is nothing that RTP, RTCP, STUN or DTLS send; it is dropped. */
const DATAGRAM_BYTES_MAX = 9216;
/** Sockets of one turn; the others keep what they have for the next. */
const EVENTS_MAX = 256;

/** `struct mmsghdr` and `struct iovec` on 64-bit Linux; `struct epoll_event` is packed on x64. @see recvmmsg(2), epoll_wait(2) */
const MESSAGE_WORDS = 16;
const NAME_LENGTH_WORD = 2;
const IOVEC_WORD = 4;
const IOVEC_COUNT_WORD = 6;
const FLAGS_WORD = 12;
const RECEIVED_WORD = 14;
const IOVEC_WORDS = 4;
const IOVEC_LENGTH_WORD = 2;
const [EVENT_WORDS, EVENT_DATA_WORD] = process.arch === 'x64' ? [3, 1] : [4, 2];
const ADDRESS_BYTES = ADDRESS_WORDS * 4;
const MEMORY_BYTES = BATCH * (DATAGRAM_BYTES_MAX + (MESSAGE_WORDS + IOVEC_WORDS) * 4 + ADDRESS_BYTES) + EVENTS_MAX * EVENT_WORDS * 4 + 512;

/** Receives for many sockets with few system calls: one tells which of them have something, one takes up to `BATCH` datagrams of one. */
export class NativeInbox {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #peers: PeerNames;
  readonly #takers = new Map<number, TakeDatagram>();
  /** How often a socket was removed: whoever takes a datagram may do that, and what is read of that socket is nobody's then. */
  #removals = 0;
  readonly #epoll: number;
  readonly #events: number;
  readonly #messages: number;
  readonly #names: number;
  readonly #datagrams: number;

  constructor(library: NativeLibrary) {
    const memory = new NativeMemory(library, MEMORY_BYTES);
    this.#library = library;
    this.#memory = memory;
    this.#events = memory.take(EVENTS_MAX * EVENT_WORDS * 4);
    this.#messages = memory.take(BATCH * MESSAGE_WORDS * 4);
    this.#names = memory.take(BATCH * ADDRESS_BYTES);
    const iovecs = memory.take(BATCH * IOVEC_WORDS * 4);
    this.#datagrams = memory.take(BATCH * DATAGRAM_BYTES_MAX);
    for (let slot = 0; slot < BATCH; slot++) this.#prepareSlot(slot, iovecs + slot * IOVEC_WORDS * 4);
    this.#peers = new PeerNames(library, memory);
    this.#epoll = library.epoll_create1(LINUX.EPOLL_CLOEXEC);
  }

  /** Whether the socket is watched from now on. */
  add(fd: number, take: TakeDatagram): boolean {
    const { words, base } = this.#memory;
    words.fill(0, this.#events >> 2, (this.#events >> 2) + EVENT_WORDS);
    words[this.#events >> 2] = LINUX.EPOLLIN;
    words[(this.#events >> 2) + EVENT_DATA_WORD] = fd;
    if (this.#library.epoll_ctl(this.#epoll, LINUX.EPOLL_CTL_ADD, fd, base + this.#events) !== 0) return false;
    this.#takers.set(fd, take);
    return true;
  }

  remove(fd: number): void {
    this.#removals += 1;
    if (this.#takers.delete(fd)) this.#library.epoll_ctl(this.#epoll, LINUX.EPOLL_CTL_DEL, fd, 0);
  }

  /** Hands out what has come, and answers how many datagrams that were. */
  read(): number {
    const { words, base } = this.#memory;
    const count = this.#library.epoll_wait(this.#epoll, base + this.#events, EVENTS_MAX, 0);
    // Those who take a datagram may add and remove sockets, for which events are overwritten.
    const ready = Array.from({ length: Math.max(0, count) }, (_unused, at) => words[(this.#events >> 2) + at * EVENT_WORDS + EVENT_DATA_WORD] ?? -1);
    let total = 0;
    for (const fd of ready) total += this.#drain(fd);
    return total;
  }

  #drain(fd: number): number {
    const take = this.#takers.get(fd);
    let total = 0;
    for (let call = 0; take !== undefined && call < CALLS_PER_SOCKET_MAX; call++) {
      const count = this.#library.recvmmsg(fd, this.#memory.base + this.#messages, BATCH, LINUX.MSG_DONTWAIT, 0);
      total += Math.max(0, count);
      for (let slot = 0; slot < count; slot++) {
        const before = this.#removals;
        this.#deliver(slot, take);
        if (this.#removals !== before && this.#takers.get(fd) !== take) return total;
      }
      if (count < BATCH) break;
    }
    return total;
  }

  #deliver(slot: number, take: TakeDatagram): void {
    const { words, bytes } = this.#memory;
    const message = (this.#messages >> 2) + slot * MESSAGE_WORDS;
    words[message + NAME_LENGTH_WORD] = ADDRESS_BYTES;
    if (((words[message + FLAGS_WORD] ?? 0) & LINUX.MSG_TRUNC) !== 0) return;
    const peer = this.#peers.at(this.#names + slot * ADDRESS_BYTES);
    if (peer === undefined) return;
    const from = this.#datagrams + slot * DATAGRAM_BYTES_MAX;
    take(Buffer.from(bytes.subarray(from, from + (words[message + RECEIVED_WORD] ?? 0))), peer);
  }

  /** Writes what the system doesn't change. */
  #prepareSlot(slot: number, iovec: number): void {
    const { words } = this.#memory;
    const message = this.#messages + slot * MESSAGE_WORDS * 4;
    this.#memory.putPointer(message, this.#names + slot * ADDRESS_BYTES);
    words[(message >> 2) + NAME_LENGTH_WORD] = ADDRESS_BYTES;
    this.#memory.putPointer(message + IOVEC_WORD * 4, iovec);
    words[(message >> 2) + IOVEC_COUNT_WORD] = 1;
    this.#memory.putPointer(iovec, this.#datagrams + slot * DATAGRAM_BYTES_MAX);
    words[(iovec >> 2) + IOVEC_LENGTH_WORD] = DATAGRAM_BYTES_MAX;
  }
}
