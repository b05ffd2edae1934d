import { isIP } from 'node:net';
import { LINUX, type NativeLibrary } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

/** Words of the longest socket address, `sockaddr_in6`. */
export const ADDRESS_WORDS = 7;

const IPV4_BYTES = 16;
const IPV6_BYTES = 28;
/** Places in `sockaddr_in` and `sockaddr_in6`. @see ip(7), ipv6(7) */
export const IPV4_ADDRESS_OFFSET = 4;
export const IPV6_ADDRESS_OFFSET = 8;
export const IPV6_SCOPE_WORD = 6;
export const PORT_OFFSET = 2;
const MAPPED_PREFIX = '::ffff:';

/** A socket address as the system wants it: `length` bytes of `words`. */
export interface NativeAddress {
  readonly words: Uint32Array;
  readonly length: number;
}

/** The few socket calls that native sending and receiving need. @see ip(7), ipv6(7) */
export class NativeSockets {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #address: number;
  readonly #length: number;

  constructor(library: NativeLibrary, memory: NativeMemory) {
    this.#library = library;
    this.#memory = memory;
    this.#address = memory.take(ADDRESS_WORDS * 4);
    this.#length = memory.take(4);
  }

  /** Binds a non-blocking UDP socket to a numeric address; undefined when the system refuses. An IPv6 one takes IPv4 peers too, as those of node:dgram do. */
  bindUdp(host: string, port: number): number | undefined {
    const family = isIP(host) === 6 ? LINUX.AF_INET6 : LINUX.AF_INET;
    const length = this.#writeAddress(family, host, port);
    if (length === 0) return undefined;
    const fd = this.#library.socket(family, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK, 0);
    if (fd < 0) return undefined;
    if (this.#library.bind(fd, this.#memory.base + this.#address, length) === 0) return fd;
    this.#library.close(fd);
    return undefined;
  }

  /** The local port of a socket; undefined for what is none. */
  localPort(fd: number): number | undefined {
    if (this.#familyOf(fd) === undefined) return undefined;
    const { bytes } = this.#memory;
    return ((bytes[this.#address + PORT_OFFSET] ?? 0) << 8) | (bytes[this.#address + PORT_OFFSET + 1] ?? 0);
  }

  /** A peer's address in the form that this socket takes; undefined for a name, or for an address of a family that it has not. */
  addressFor(fd: number, host: string, port: number): NativeAddress | undefined {
    const family = this.#familyOf(fd);
    if (family === undefined) return undefined;
    const text = family === LINUX.AF_INET6 && isIP(host) === 4 ? MAPPED_PREFIX + host : host;
    const length = this.#writeAddress(family, text, port);
    if (length === 0) return undefined;
    const at = this.#address >> 2;
    return { words: this.#memory.words.slice(at, at + ADDRESS_WORDS), length };
  }

  /** Sends one datagram; what the system refuses is lost. */
  send(fd: number, data: Uint8Array, to: NativeAddress): void {
    const { base, words } = this.#memory;
    for (let word = 0; word < ADDRESS_WORDS; word++) words[(this.#address >> 2) + word] = to.words[word] ?? 0;
    this.#library.sendto(fd, data, data.byteLength, LINUX.MSG_DONTWAIT, base + this.#address, to.length);
  }

  /** Asks for a buffer of at least that size. */
  growBuffer(fd: number, name: typeof LINUX.SO_RCVBUF | typeof LINUX.SO_SNDBUF, bytes: number): void {
    const { base, words } = this.#memory;
    const value = this.#address >> 2;
    words[this.#length >> 2] = 4;
    if (this.#library.getsockopt(fd, LINUX.SOL_SOCKET, name, base + this.#address, base + this.#length) !== 0 || (words[value] ?? 0) >= bytes) return;
    words[value] = bytes;
    this.#library.setsockopt(fd, LINUX.SOL_SOCKET, name, base + this.#address, 4);
  }

  #familyOf(fd: number): number | undefined {
    const { base, words } = this.#memory;
    words[this.#length >> 2] = ADDRESS_WORDS * 4;
    if (this.#library.getsockname(fd, base + this.#address, base + this.#length) !== 0) return undefined;
    return (words[this.#address >> 2] ?? 0) & 0xffff;
  }

  /** Length of the address written; 0 when the text is none of this family. */
  #writeAddress(family: number, host: string, port: number): number {
    const { bytes, base, words } = this.#memory;
    const [length, offset] = family === LINUX.AF_INET6 ? [IPV6_BYTES, IPV6_ADDRESS_OFFSET] : [IPV4_BYTES, IPV4_ADDRESS_OFFSET];
    const [text = '', zone] = host.split('%');
    bytes.fill(0, this.#address, this.#address + ADDRESS_WORDS * 4);
    bytes.set([family, 0, port >>> 8, port & 0xff], this.#address);
    if (zone !== undefined) words[(this.#address >> 2) + IPV6_SCOPE_WORD] = this.#library.if_nametoindex(zone);
    return this.#library.inet_pton(family, text, base + this.#address + offset) === 1 ? length : 0;
  }
}
