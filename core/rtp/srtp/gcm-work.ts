import { GHASH_TABLE_BYTES, openGcmModule, type GcmModule } from './gcm-module.ts';

const BLOCK_BYTES = 16;
export const GCM_TAG_BYTES = 16;
/** Longest packet, as UDP has it. */
const PACKET_BYTES_MAX = 65_535;
/** Packets whose keystream is made at a time. */
const READY_PACKETS_MAX = 64;
/** Room for the longest packet, rounded up, with a block before and after. */
const AREA_BYTES = PACKET_BYTES_MAX + 1 + 4 * BLOCK_BYTES;
const PAGE_BYTES = 65_536;

const IV = GHASH_TABLE_BYTES;
const HASH = IV + BLOCK_BYTES;
const COUNTERS = HASH + BLOCK_BYTES;
const KEYSTREAM = COUNTERS + AREA_BYTES;
const TEXT = KEYSTREAM + AREA_BYTES;

const blocksOf = (bytes: number): number => (bytes + BLOCK_BYTES - 1) >> 4;

/**
 * Working memory of GCM, reused by every packet of every key. What takes the time of a packet is done in WebAssembly: node:crypto makes an
 * object for each, which costs several times what it computes. AES stays with it, as a cipher in ECB mode that lives as long as its key.
 */
export class GcmWork {
  #opened: GcmModule | undefined;
  #memory = new Uint8Array();
  /** Whose table is in the memory. */
  #table: Uint8Array | undefined;
  /** Whose keystream is in the memory. */
  #owner: object | undefined;
  /** The packets that it is for, in their order, and where in it each one's begins. */
  readonly #ready = Array.from({ length: READY_PACKETS_MAX }, () => ({ ssrc: 0, index: 0, bytes: 0, at: 0 }));
  #readyCount = 0;
  #counterBytes = 0;
  #next = 0;
  #keystreamAt = 0;

  /** The counter blocks that were added, to be encrypted. */
  get counters(): Uint8Array {
    return this.#memory.subarray(COUNTERS, COUNTERS + this.#counterBytes);
  }

  /** Begins a keystream for packets of one key. */
  clear(owner: object): void {
    this.#owner = owner;
    this.#readyCount = 0;
    this.#counterBytes = 0;
    this.#next = 0;
  }

  /** Adds the counter blocks of a packet: for its tag and for so many bytes. False when there is no room; there is for the first. */
  add(iv: Uint8Array, ssrc: number, index: number, bytes: number): boolean {
    const module = this.#module;
    const blocks = 1 + blocksOf(bytes);
    const at = this.#counterBytes;
    const packet = this.#ready[this.#readyCount];
    if (packet === undefined || at + blocks * BLOCK_BYTES > AREA_BYTES) return false;
    this.#memory.set(iv, IV);
    module.counters(COUNTERS + at, IV, blocks);
    packet.ssrc = ssrc;
    packet.index = index;
    packet.bytes = bytes;
    packet.at = at;
    this.#readyCount++;
    this.#counterBytes += blocks * BLOCK_BYTES;
    return true;
  }

  /** Takes the counter blocks encrypted. */
  setKeystream(keystream: Uint8Array): void {
    this.#memory.set(keystream, KEYSTREAM);
  }

  /** Goes on to the keystream of a packet, when it is the next one here. */
  advance(owner: object, ssrc: number, index: number, bytes: number): boolean {
    const packet = this.#ready[this.#next];
    if (this.#owner !== owner || this.#next >= this.#readyCount || packet?.index !== index || packet.ssrc !== ssrc || packet.bytes !== bytes) return false;
    this.#keystreamAt = KEYSTREAM + packet.at;
    this.#next++;
    return true;
  }

  /** Writes a packet encrypted behind its header, and its tag. */
  seal(table: Uint8Array, packet: Uint8Array, headerBytes: number, out: Uint8Array): void {
    const bytes = packet.length - headerBytes;
    const textAt = this.#load(packet, headerBytes, packet.length);
    this.#crypt(textAt, bytes);
    out.set(packet.subarray(0, headerBytes));
    out.set(this.#memory.subarray(textAt, textAt + bytes), headerBytes);
    out.set(this.#tag(table, headerBytes, bytes), packet.length);
  }

  /** Decrypts the bytes of a packet from `headerBytes` to `end` in their place, when the tag behind them is theirs; false otherwise. */
  open(table: Uint8Array, packet: Uint8Array, headerBytes: number, end: number): boolean {
    const bytes = end - headerBytes;
    const textAt = this.#load(packet, headerBytes, end);
    const tag = this.#tag(table, headerBytes, bytes);
    // Takes a time that tells nothing about where they differ.
    let difference = 0;
    for (let at = 0; at < GCM_TAG_BYTES; at++) difference |= (tag[at] ?? 0) ^ (packet[end + at] ?? 0);
    if (difference !== 0) return false;
    this.#crypt(textAt, bytes);
    packet.set(this.#memory.subarray(textAt, textAt + bytes), headerBytes);
    return true;
  }

  /** Made for the first packet. */
  get #module(): GcmModule {
    if (this.#opened !== undefined) return this.#opened;
    this.#opened = openGcmModule(Math.ceil((TEXT + AREA_BYTES) / PAGE_BYTES));
    this.#memory = new Uint8Array(this.#opened.memory.buffer);
    return this.#opened;
  }

  #crypt(textAt: number, bytes: number): void {
    if (bytes > 0) this.#module.xor(textAt, this.#keystreamAt + BLOCK_BYTES, blocksOf(bytes));
  }

  /** Copies header and text, each to the beginning of a block; where the text is. */
  #load(packet: Uint8Array, headerBytes: number, end: number): number {
    const memory = this.#memory;
    const textAt = TEXT + blocksOf(headerBytes) * BLOCK_BYTES;
    memory.set(packet.subarray(0, headerBytes), TEXT);
    memory.fill(0, TEXT + headerBytes, textAt);
    memory.set(packet.subarray(headerBytes, end), textAt);
    return textAt;
  }

  /** Hashes header, encrypted text and both lengths; good until the next call. @see NIST SP 800-38D section 7.1 */
  #tag(table: Uint8Array, headerBytes: number, textBytes: number): Uint8Array {
    const memory = this.#memory;
    if (this.#table !== table) {
      memory.set(table);
      this.#table = table;
    }
    const blocks = blocksOf(headerBytes) + blocksOf(textBytes);
    const lengthsAt = TEXT + blocks * BLOCK_BYTES;
    memory.fill(0, TEXT + blocksOf(headerBytes) * BLOCK_BYTES + textBytes, lengthsAt + BLOCK_BYTES);
    this.#putBits(lengthsAt + 8, headerBytes);
    this.#putBits(lengthsAt + 16, textBytes);
    memory.fill(0, HASH, HASH + BLOCK_BYTES);
    this.#module.ghash(0, HASH, TEXT, blocks + 1);
    this.#module.xor(HASH, this.#keystreamAt, 1);
    return memory.subarray(HASH, HASH + GCM_TAG_BYTES);
  }

  /** Writes a length in bits, big-endian, before `end`. */
  #putBits(end: number, bytes: number): void {
    const bits = 8 * bytes;
    this.#memory[end - 3] = bits >>> 16;
    this.#memory[end - 2] = bits >>> 8;
    this.#memory[end - 1] = bits;
  }
}
