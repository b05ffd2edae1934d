import type { SrtpSessionKeys } from '../srtp/key-derivation.ts';
import { SRTP_PROFILE_SIZES } from '../srtp/keys.ts';
import { EVP_CTRL_AEAD_GET_TAG, lendKey, type CipherWorkspace, type NativeCipher } from './native-cipher.ts';
import { NativeGcmIv } from './native-gcm-iv.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

/** AEAD_AES_128_GCM by five libcrypto calls a packet. @see RFC 7714 section 8 */
export class NativeGcm implements NativeCipher {
  readonly tagBytes = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtpTagBytes;
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #iv: NativeGcmIv;
  readonly #ivPointer: Pointer;
  readonly #outLength: Pointer;
  readonly #context: Pointer;

  constructor(library: NativeLibrary, memory: NativeMemory, workspace: CipherWorkspace, { key, salt }: SrtpSessionKeys) {
    this.#library = library;
    this.#memory = memory;
    this.#iv = new NativeGcmIv(memory, workspace.iv, salt);
    this.#ivPointer = memory.base + workspace.iv;
    this.#outLength = memory.base + workspace.outLength;
    this.#context = library.EVP_CIPHER_CTX_new();
    lendKey(memory, workspace, key, (pointer) => library.EVP_EncryptInit_ex(this.#context, library.EVP_aes_128_gcm(), 0, pointer, 0));
  }

  begin(ssrc: number): void {
    this.#iv.putSsrc(ssrc);
  }

  protect(packet: number, headerBytes: number, length: number, index: number, out: number): boolean {
    this.#iv.putIndex(index);
    const { bytes, base } = this.#memory;
    for (let at = 0; at < headerBytes; at++) bytes[out + at] = bytes[packet + at] ?? 0;
    const library = this.#library;
    const context = this.#context;
    const outLength = this.#outLength;
    const payloadBytes = length - headerBytes;
    let done = library.EVP_EncryptInit_ex(context, 0, 0, 0, this.#ivPointer);
    done &= library.EVP_EncryptUpdate(context, 0, outLength, base + packet, headerBytes);
    if (payloadBytes > 0) done &= library.EVP_EncryptUpdate(context, base + out + headerBytes, outLength, base + packet + headerBytes, payloadBytes);
    done &= library.EVP_EncryptFinal_ex(context, base + out + length, outLength);
    done &= library.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, this.tagBytes, base + out + length);
    return done === 1;
  }

  close(): void {
    this.#library.EVP_CIPHER_CTX_free(this.#context);
  }
}
