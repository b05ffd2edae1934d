import type { RtpOpener } from '../srtp/cipher.ts';
import type { SrtpSessionKeys } from '../srtp/key-derivation.ts';
import { SRTP_PROFILE_SIZES } from '../srtp/keys.ts';
import { u32At } from '../srtp/rtp-header.ts';
import type { CipherWorkspace } from './native-cipher.ts';
import { NativeGcmIv } from './native-gcm-iv.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

/** No datagram, and no packet on a stream, is longer. @see RFC 768, RFC 4571 section 2 */
export const OPENED_BYTES_MAX = 0x1_0000;

const EVP_CTRL_AEAD_SET_TAG = 0x11;
const TAG_BYTES = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtpTagBytes;
const SSRC_OFFSET = 8;

/** Opens packets of AEAD_AES_128_GCM by five libcrypto calls each, on a copy in native memory. @see RFC 7714 section 8 */
export class NativeGcmOpener implements RtpOpener {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #at: number;
  readonly #iv: NativeGcmIv;
  readonly #ivPointer: Pointer;
  readonly #outLength: Pointer;
  readonly #context: Pointer;
  #closed = false;

  /** @param at place for a packet of `OPENED_BYTES_MAX`, which openers share */
  constructor(library: NativeLibrary, memory: NativeMemory, workspace: CipherWorkspace, at: number, { key, salt }: SrtpSessionKeys) {
    this.#library = library;
    this.#memory = memory;
    this.#at = at;
    this.#iv = new NativeGcmIv(memory, workspace.iv, salt);
    this.#ivPointer = memory.base + workspace.iv;
    this.#outLength = memory.base + workspace.outLength;
    this.#context = library.EVP_CIPHER_CTX_new();
    memory.bytes.set(key, workspace.secret);
    library.EVP_DecryptInit_ex(this.#context, library.EVP_aes_128_gcm(), 0, memory.base + workspace.secret, 0);
    memory.bytes.fill(0, workspace.secret, workspace.secret + key.length);
  }

  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    if (this.#closed || packet.length > OPENED_BYTES_MAX) return undefined;
    const { bytes } = this.#memory;
    const end = packet.length - TAG_BYTES;
    bytes.set(packet, this.#at);
    this.#iv.putSsrc(u32At(packet, SSRC_OFFSET));
    this.#iv.putIndex(index);
    if (!this.#isOpened(headerBytes, end)) {
      // What libcrypto notes of it would be taken for an error of whoever looks next, a TLS connection for instance.
      this.#library.ERR_clear_error();
      return undefined;
    }
    packet.set(bytes.subarray(this.#at + headerBytes, this.#at + end), headerBytes);
    return packet.subarray(0, end);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#library.EVP_CIPHER_CTX_free(this.#context);
  }

  /** Opens the payload where it is. */
  #isOpened(headerBytes: number, end: number): boolean {
    const library = this.#library;
    const context = this.#context;
    const outLength = this.#outLength;
    const packet = this.#memory.base + this.#at;
    const payload = packet + headerBytes;
    if (library.EVP_DecryptInit_ex(context, 0, 0, 0, this.#ivPointer) !== 1) return false;
    if (library.EVP_DecryptUpdate(context, 0, outLength, packet, headerBytes) !== 1) return false;
    if (end > headerBytes && library.EVP_DecryptUpdate(context, payload, outLength, payload, end - headerBytes) !== 1) return false;
    if (library.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, packet + end) !== 1) return false;
    return library.EVP_DecryptFinal_ex(context, packet + end, outLength) === 1;
  }
}
