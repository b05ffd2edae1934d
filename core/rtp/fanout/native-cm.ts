import { HMAC_BLOCK_BYTES, hmacPads } from '../srtp/hmac-sha1.ts';
import type { SrtpSessionKeys } from '../srtp/key-derivation.ts';
import { SRTP_PROFILE_SIZES, type SrtpProfile } from '../srtp/keys.ts';
import { putU32 } from '../srtp/rtp-header.ts';
import { lendKey, type CipherWorkspace, type NativeCipher } from './native-cipher.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

const SEQUENCE_SPACE = 0x1_0000;
const ROC_BYTES = 4;
const DIGEST_BYTES = 20;
const STATE_WORDS = DIGEST_BYTES / 4;
/** The bit that ends a message, before the zeros and the bit count. @see FIPS 180-4 section 5.1.1 */
const END_OF_MESSAGE = 0x80;
const BIT_COUNT_BYTES = 8;

/**
 * AES in counter mode and HMAC-SHA1 by four libcrypto calls a packet: the states behind the padded keys are computed once, and the
 * padding of the hash is written here, so that each half of the HMAC is one call over whole blocks.
 *
 * @see RFC 3711 section 4
 */
export class NativeCm implements NativeCipher {
  readonly tagBytes: number;
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #work: CipherWorkspace;
  readonly #salt: Uint8Array;
  readonly #context: Pointer;
  readonly #inner: Uint32Array;
  readonly #outer: Uint32Array;

  constructor(profile: SrtpProfile, library: NativeLibrary, memory: NativeMemory, workspace: CipherWorkspace, { key, salt, authKey }: SrtpSessionKeys) {
    this.tagBytes = SRTP_PROFILE_SIZES[profile].rtpTagBytes;
    this.#library = library;
    this.#memory = memory;
    this.#work = workspace;
    this.#salt = Uint8Array.from(salt);
    const pads = hmacPads(authKey);
    this.#inner = this.#stateAfter(pads.inner);
    this.#outer = this.#stateAfter(pads.outer);
    this.#context = library.EVP_CIPHER_CTX_new();
    lendKey(memory, workspace, key, (pointer) => library.EVP_EncryptInit_ex(this.#context, library.EVP_aes_128_ctr(), 0, pointer, 0));
    // The same for every HMAC of 64 and 20 bytes.
    memory.bytes[workspace.outerBlock + DIGEST_BYTES] = END_OF_MESSAGE;
    putU32(memory.bytes, workspace.outerBlock + HMAC_BLOCK_BYTES - 4, (HMAC_BLOCK_BYTES + DIGEST_BYTES) * 8);
  }

  begin(ssrc: number): void {
    const { bytes } = this.#memory;
    const { iv } = this.#work;
    const salt = this.#salt;
    for (let at = 0; at < salt.length; at++) bytes[iv + at] = salt[at] ?? 0;
    bytes[iv + 4] = (salt[4] ?? 0) ^ (ssrc >>> 24);
    bytes[iv + 5] = (salt[5] ?? 0) ^ (ssrc >>> 16);
    bytes[iv + 6] = (salt[6] ?? 0) ^ (ssrc >>> 8);
    bytes[iv + 7] = (salt[7] ?? 0) ^ ssrc;
  }

  protect(packet: number, headerBytes: number, length: number, index: number, out: number): boolean {
    const { bytes, base } = this.#memory;
    const rollOver = Math.floor(index / SEQUENCE_SPACE);
    this.#putIndex(rollOver, index);
    for (let at = 0; at < headerBytes; at++) bytes[out + at] = bytes[packet + at] ?? 0;
    const work = this.#work;
    const payloadBytes = length - headerBytes;
    let done = this.#library.EVP_EncryptInit_ex(this.#context, 0, 0, 0, base + work.iv);
    if (payloadBytes > 0) done &= this.#library.EVP_EncryptUpdate(this.#context, base + out + headerBytes, base + work.outLength, base + packet + headerBytes, payloadBytes);
    this.#authenticate(out, length, rollOver);
    return done === 1;
  }

  close(): void {
    this.#library.EVP_CIPHER_CTX_free(this.#context);
  }

  #putIndex(rollOver: number, index: number): void {
    const { bytes } = this.#memory;
    const at = this.#work.iv;
    const salt = this.#salt;
    bytes[at + 8] = (rollOver >>> 24) ^ (salt[8] ?? 0);
    bytes[at + 9] = (rollOver >>> 16) ^ (salt[9] ?? 0);
    bytes[at + 10] = (rollOver >>> 8) ^ (salt[10] ?? 0);
    bytes[at + 11] = rollOver ^ (salt[11] ?? 0);
    bytes[at + 12] = (index >>> 8) ^ (salt[12] ?? 0);
    bytes[at + 13] = index ^ (salt[13] ?? 0);
  }

  /** Hashes the packet and its roll-over counter where they are, then writes the tag over what stood behind the packet for that. */
  #authenticate(out: number, length: number, rollOver: number): void {
    const { bytes, words, base } = this.#memory;
    const { sha, outerBlock } = this.#work;
    const hashed = length + ROC_BYTES;
    const padded = (hashed + BIT_COUNT_BYTES + HMAC_BLOCK_BYTES) & -HMAC_BLOCK_BYTES;
    putU32(bytes, out + length, rollOver);
    bytes[out + hashed] = END_OF_MESSAGE;
    for (let at = out + hashed + 1; at < out + padded - 4; at++) bytes[at] = 0;
    putU32(bytes, out + padded - 4, (HMAC_BLOCK_BYTES + hashed) * 8);
    this.#load(this.#inner);
    this.#library.SHA1_Update(base + sha, base + out, padded);
    for (let word = 0; word < STATE_WORDS; word++) putU32(bytes, outerBlock + word * 4, words[(sha >> 2) + word] ?? 0);
    this.#load(this.#outer);
    this.#library.SHA1_Update(base + sha, base + outerBlock, HMAC_BLOCK_BYTES);
    for (let at = 0; at < this.tagBytes; at++) bytes[out + length + at] = (words[(sha >> 2) + (at >> 2)] ?? 0) >>> (24 - (at & 3) * 8);
  }

  #load(state: Uint32Array): void {
    const { words } = this.#memory;
    const at = this.#work.sha >> 2;
    for (let word = 0; word < STATE_WORDS; word++) words[at + word] = state[word] ?? 0;
  }

  #stateAfter(pad: Uint8Array): Uint32Array {
    const { words, base } = this.#memory;
    const { sha } = this.#work;
    this.#library.SHA1_Init(base + sha);
    lendKey(this.#memory, this.#work, pad, (pointer) => this.#library.SHA1_Update(base + sha, pointer, HMAC_BLOCK_BYTES));
    return words.slice(sha >> 2, (sha >> 2) + STATE_WORDS);
  }
}
