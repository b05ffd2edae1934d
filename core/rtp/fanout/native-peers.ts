import { plainAddress } from '../../formats/mapped-address.ts';
import { LINUX, type NativeLibrary } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';
import { IPV4_ADDRESS_OFFSET, IPV6_ADDRESS_OFFSET, IPV6_SCOPE_WORD, PORT_OFFSET } from './native-socket.ts';
import { udpPeer, type UdpPeer } from './udp.ts';

/** Peers whose names are kept; then all are forgotten, and those who go on sending are known again. */
const PEERS_MAX = 8192;
/** Longest text of an IPv6 address, and longest name of an interface, with their end. */
const TEXT_BYTES = 48;

const FAMILY_MASK = 0xffff;
const PORT_MODULUS = 0x1_0000;

/** Reads the addresses of senders from native memory, in the form that node:dgram gives them. Who sends much is always the same object. */
export class PeerNames {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #text: number;
  readonly #known = new Map<number | string, UdpPeer>();

  constructor(library: NativeLibrary, memory: NativeMemory) {
    this.#library = library;
    this.#memory = memory;
    this.#text = memory.take(TEXT_BYTES);
  }

  /** The sender whose address lies there; undefined for one of another family. */
  at(place: number): UdpPeer | undefined {
    const { words, bytes } = this.#memory;
    const port = ((bytes[place + PORT_OFFSET] ?? 0) << 8) | (bytes[place + PORT_OFFSET + 1] ?? 0);
    const word = place >> 2;
    const family = (words[word] ?? 0) & FAMILY_MASK;
    const key =
      family === LINUX.AF_INET
        ? (words[word + IPV4_ADDRESS_OFFSET / 4] ?? 0) * PORT_MODULUS + port
        : `${words[word + 2]} ${words[word + 3]} ${words[word + 4]} ${words[word + 5]} ${words[word + IPV6_SCOPE_WORD]} ${port}`;
    return this.#known.get(key) ?? this.#learn(key, place, family, port);
  }

  #learn(key: number | string, place: number, family: number, port: number): UdpPeer | undefined {
    const { base } = this.#memory;
    const offset = family === LINUX.AF_INET ? IPV4_ADDRESS_OFFSET : IPV6_ADDRESS_OFFSET;
    const text = this.#library.inet_ntop(family, base + place + offset, base + this.#text, TEXT_BYTES);
    if (text === null) return undefined;
    const peer = udpPeer(plainAddress(text) + (family === LINUX.AF_INET ? '' : this.#zone(place)), port);
    if (this.#known.size >= PEERS_MAX) this.#known.clear();
    this.#known.set(key, peer);
    return peer;
  }

  /** The interface of a link-local address. @see RFC 4007 section 11 */
  #zone(place: number): string {
    const scope = this.#memory.words[(place >> 2) + IPV6_SCOPE_WORD] ?? 0;
    if (scope === 0) return '';
    return `%${this.#library.if_indextoname(scope, this.#memory.base + this.#text) ?? scope}`;
  }
}
