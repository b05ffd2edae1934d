import type { SrtpSessionKeys } from '../srtp/key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTCP_ENCRYPTED_FLAG, SRTCP_INDEX_BYTES, SRTP_PROFILE_SIZES } from '../srtp/keys.ts';
import { putU32, RTCP_SSRC_OFFSET, u32At } from '../srtp/rtp-header.ts';
import { EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_TAG, lendKey, type CipherWorkspace } from './native-cipher.ts';
import { NativeGcmIv } from './native-gcm-iv.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

const TAG_BYTES = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtcpTagBytes;

/** libcrypto's contexts for all SRTCP of an engine: it is too rare for a context of each peer's own, and they are given the peer's key every time. */
export class NativeRtcpContexts {
  readonly library: NativeLibrary;
  readonly memory: NativeMemory;
  readonly workspace: CipherWorkspace;
  readonly sealing: Pointer;
  readonly opening: Pointer;

  constructor(library: NativeLibrary, memory: NativeMemory, workspace: CipherWorkspace) {
    this.library = library;
    this.memory = memory;
    this.workspace = workspace;
    this.sealing = library.EVP_CIPHER_CTX_new();
    this.opening = library.EVP_CIPHER_CTX_new();
    library.EVP_EncryptInit_ex(this.sealing, library.EVP_aes_128_gcm(), 0, 0, 0);
    library.EVP_DecryptInit_ex(this.opening, library.EVP_aes_128_gcm(), 0, 0, 0);
  }
}

/** SRTCP of one direction under AEAD_AES_128_GCM, inside of native memory, where places are byte offsets. @see RFC 7714 section 9 */
export class NativeGcmRtcp {
  readonly #contexts: NativeRtcpContexts;
  readonly #keys: SrtpSessionKeys;
  readonly #iv: NativeGcmIv;
  readonly #outLength: Pointer;

  constructor(contexts: NativeRtcpContexts, keys: SrtpSessionKeys) {
    this.#contexts = contexts;
    this.#keys = keys;
    this.#iv = new NativeGcmIv(contexts.memory, contexts.workspace.iv, keys.salt);
    this.#outLength = contexts.memory.base + contexts.workspace.outLength;
  }

  /** Writes the protected form of a compound packet to a place with `SRTP_OVERHEAD_BYTES_MAX` to spare and answers its length; 0 when libcrypto failed. */
  protect(packet: Uint8Array, index: number, out: number): number {
    const { bytes } = this.#contexts.memory;
    const tagAt = out + packet.length;
    const indexAt = tagAt + TAG_BYTES;
    bytes.set(packet, out);
    putU32(bytes, indexAt, (SRTCP_ENCRYPTED_FLAG | index) >>> 0);
    this.#begin(out, index);
    return this.#isSealed(out, tagAt, indexAt) ? indexAt + SRTCP_INDEX_BYTES - out : 0;
  }

  /** Opens a packet where it is and answers the length of what is plain then; 0 when it isn't authentic, and what is there is of no use. */
  open(at: number, length: number): number {
    const { bytes } = this.#contexts.memory;
    const indexAt = at + length - SRTCP_INDEX_BYTES;
    const tagAt = indexAt - TAG_BYTES;
    const word = u32At(bytes, indexAt);
    // What isn't encrypted is associated data. @see RFC 7714 section 9.3
    const clearBytes = word >= SRTCP_ENCRYPTED_FLAG ? RTCP_CLEAR_BYTES : tagAt - at;
    this.#begin(at, word % SRTCP_ENCRYPTED_FLAG);
    return this.#isOpened(at, at + clearBytes, tagAt, indexAt) ? tagAt - at : 0;
  }

  /** Readies the initialisation vector. */
  #begin(packet: number, index: number): void {
    const { memory } = this.#contexts;
    this.#iv.putSsrc(u32At(memory.bytes, packet + RTCP_SSRC_OFFSET));
    this.#iv.putIndex(index);
  }

  #isSealed(packet: number, tagAt: number, indexAt: number): boolean {
    const { library, memory, workspace, sealing: context } = this.#contexts;
    const { base } = memory;
    const payload = base + packet + RTCP_CLEAR_BYTES;
    const payloadBytes = tagAt - packet - RTCP_CLEAR_BYTES;
    if (lendKey(memory, workspace, this.#keys.key, (key) => library.EVP_EncryptInit_ex(context, 0, 0, key, base + workspace.iv)) !== 1) return false;
    if (library.EVP_EncryptUpdate(context, 0, this.#outLength, base + packet, RTCP_CLEAR_BYTES) !== 1) return false;
    if (library.EVP_EncryptUpdate(context, 0, this.#outLength, base + indexAt, SRTCP_INDEX_BYTES) !== 1) return false;
    if (payloadBytes > 0 && library.EVP_EncryptUpdate(context, payload, this.#outLength, payload, payloadBytes) !== 1) return false;
    if (library.EVP_EncryptFinal_ex(context, base + tagAt, this.#outLength) !== 1) return false;
    return library.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, base + tagAt) === 1;
  }

  #isOpened(packet: number, payload: number, tagAt: number, indexAt: number): boolean {
    const { library, memory, workspace, opening: context } = this.#contexts;
    const { base } = memory;
    if (lendKey(memory, workspace, this.#keys.key, (key) => library.EVP_DecryptInit_ex(context, 0, 0, key, base + workspace.iv)) !== 1) return false;
    if (library.EVP_DecryptUpdate(context, 0, this.#outLength, base + packet, payload - packet) !== 1) return false;
    if (library.EVP_DecryptUpdate(context, 0, this.#outLength, base + indexAt, SRTCP_INDEX_BYTES) !== 1) return false;
    if (tagAt > payload && library.EVP_DecryptUpdate(context, base + payload, this.#outLength, base + payload, tagAt - payload) !== 1) return false;
    if (library.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, base + tagAt) !== 1) return false;
    return library.EVP_DecryptFinal_ex(context, base + tagAt, this.#outLength) === 1;
  }
}
