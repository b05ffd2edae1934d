import type { SrtpOpener } from '../srtp/cipher.ts';
import type { SrtpSession } from '../srtp/key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, SRTP_PROFILE_SIZES } from '../srtp/keys.ts';
import { u32At } from '../srtp/rtp-header.ts';
import { EVP_CTRL_AEAD_SET_TAG, lendKey } from './native-cipher.ts';
import { NativeGcmIv } from './native-gcm-iv.ts';
import { NativeGcmRtcp, type NativeRtcpContexts } from './native-gcm-rtcp.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

/** No datagram, and no packet on a stream, is longer. @see RFC 768, RFC 4571 section 2 */
export const OPENED_BYTES_MAX = 0x1_0000;

const TAG_BYTES = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtpTagBytes;
const SSRC_OFFSET = 8;

/** Opens packets of AEAD_AES_128_GCM by libcrypto, on a copy in native memory. @see RFC 7714 sections 8 and 9 */
export class NativeGcmOpener implements SrtpOpener {
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #contexts: NativeRtcpContexts;
  readonly #at: number;
  readonly #key: Uint8Array;
  readonly #iv: NativeGcmIv;
  readonly #ivPointer: Pointer;
  readonly #outLength: Pointer;
  /** For RTP, made for the first packet: a viewer sends none. */
  #context: Pointer | undefined;
  readonly #rtcp: NativeGcmRtcp;
  #closed = false;

  /** @param at place for a packet of `OPENED_BYTES_MAX`, which openers share */
  constructor(contexts: NativeRtcpContexts, at: number, { rtp, rtcp }: SrtpSession) {
    const { library, memory, workspace } = contexts;
    this.#contexts = contexts;
    this.#library = library;
    this.#memory = memory;
    this.#at = at;
    this.#key = rtp.key;
    this.#iv = new NativeGcmIv(memory, workspace.iv, rtp.salt);
    this.#ivPointer = memory.base + workspace.iv;
    this.#outLength = memory.base + workspace.outLength;
    this.#rtcp = new NativeGcmRtcp(contexts, rtcp);
  }

  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined {
    if (this.#closed || packet.length > OPENED_BYTES_MAX) return undefined;
    const { bytes } = this.#memory;
    const end = packet.length - TAG_BYTES;
    bytes.set(packet, this.#at);
    this.#iv.putSsrc(u32At(packet, SSRC_OFFSET));
    this.#iv.putIndex(index);
    return this.#taken(packet, headerBytes, this.#isOpened(headerBytes, end) ? end : 0);
  }

  openRtcp(packet: Uint8Array): Uint8Array | undefined {
    if (this.#closed || packet.length > OPENED_BYTES_MAX) return undefined;
    this.#memory.bytes.set(packet, this.#at);
    return this.#taken(packet, RTCP_CLEAR_BYTES, this.#rtcp.open(this.#at, packet.length));
  }

  rtcpIndex(packet: Uint8Array): number {
    return u32At(packet, packet.length - SRTCP_INDEX_BYTES) % SRTCP_ENCRYPTED_FLAG;
  }

  close(): void {
    if (this.#context !== undefined) this.#library.EVP_CIPHER_CTX_free(this.#context);
    this.#context = undefined;
    this.#closed = true;
  }

  #newContext(): Pointer {
    const { memory, workspace } = this.#contexts;
    const context = this.#library.EVP_CIPHER_CTX_new();
    lendKey(memory, workspace, this.#key, (pointer) => this.#library.EVP_DecryptInit_ex(context, this.#library.EVP_aes_128_gcm(), 0, pointer, 0));
    return context;
  }

  /** The packet with what is plain of it; nothing when there is no end. */
  #taken(packet: Uint8Array, from: number, end: number): Uint8Array | undefined {
    if (end === 0) {
      // What libcrypto notes of a failure would be taken for an error of whoever looks next, a TLS connection for instance.
      this.#library.ERR_clear_error();
      return undefined;
    }
    packet.set(this.#memory.bytes.subarray(this.#at + from, this.#at + end), from);
    return packet.subarray(0, end);
  }

  /** Opens the payload where it is. */
  #isOpened(headerBytes: number, end: number): boolean {
    const library = this.#library;
    const context = (this.#context ??= this.#newContext());
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
