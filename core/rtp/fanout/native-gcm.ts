import type { SrtpSessionKeys } from '../srtp/key-derivation.ts';
import { SRTP_PROFILE_SIZES } from '../srtp/keys.ts';
import type { CipherWorkspace, NativeCipher } from './native-cipher.ts';
import type { NativeLibrary, Pointer } from './native-library.ts';
import type { NativeMemory } from './native-memory.ts';

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const SEQUENCE_SPACE = 0x1_0000;

/** AEAD_AES_128_GCM by five libcrypto calls a packet. @see RFC 7714 section 8 */
export class NativeGcm implements NativeCipher {
  readonly tagBytes = SRTP_PROFILE_SIZES.AEAD_AES_128_GCM.rtpTagBytes;
  readonly #library: NativeLibrary;
  readonly #memory: NativeMemory;
  readonly #iv: number;
  readonly #ivPointer: Pointer;
  readonly #outLength: Pointer;
  readonly #salt: Uint8Array;
  readonly #context: Pointer;

  constructor(library: NativeLibrary, memory: NativeMemory, workspace: CipherWorkspace, { key, salt }: SrtpSessionKeys) {
    this.#library = library;
    this.#memory = memory;
    this.#iv = workspace.iv;
    this.#ivPointer = memory.base + workspace.iv;
    this.#outLength = memory.base + workspace.outLength;
    this.#salt = Uint8Array.from(salt);
    this.#context = library.EVP_CIPHER_CTX_new();
    memory.bytes.set(key, workspace.secret);
    library.EVP_EncryptInit_ex(this.#context, library.EVP_aes_128_gcm(), 0, memory.base + workspace.secret, 0);
    memory.bytes.fill(0, workspace.secret, workspace.secret + key.length);
  }

  begin(ssrc: number): void {
    const { bytes } = this.#memory;
    const iv = this.#iv;
    const salt = this.#salt;
    bytes[iv] = salt[0] ?? 0;
    bytes[iv + 1] = salt[1] ?? 0;
    bytes[iv + 2] = (ssrc >>> 24) ^ (salt[2] ?? 0);
    bytes[iv + 3] = (ssrc >>> 16) ^ (salt[3] ?? 0);
    bytes[iv + 4] = (ssrc >>> 8) ^ (salt[4] ?? 0);
    bytes[iv + 5] = ssrc ^ (salt[5] ?? 0);
  }

  protect(packet: number, headerBytes: number, length: number, index: number, out: number): boolean {
    this.#putIndex(index);
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

  #putIndex(index: number): void {
    const { bytes } = this.#memory;
    const at = this.#iv;
    const salt = this.#salt;
    const rollOver = Math.floor(index / SEQUENCE_SPACE);
    bytes[at + 6] = (rollOver >>> 24) ^ (salt[6] ?? 0);
    bytes[at + 7] = (rollOver >>> 16) ^ (salt[7] ?? 0);
    bytes[at + 8] = (rollOver >>> 8) ^ (salt[8] ?? 0);
    bytes[at + 9] = rollOver ^ (salt[9] ?? 0);
    bytes[at + 10] = (index >>> 8) ^ (salt[10] ?? 0);
    bytes[at + 11] = index ^ (salt[11] ?? 0);
  }
}
