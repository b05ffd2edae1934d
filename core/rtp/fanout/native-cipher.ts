import { HMAC_BLOCK_BYTES } from '../srtp/hmac-sha1.ts';
import type { NativeMemory } from './native-memory.ts';

/** What a cipher may write behind a packet: the tag, or the hash's padding before that. */
export const SCRATCH_BYTES = 128;

/** @see openssl/evp.h */
export const EVP_CTRL_AEAD_GET_TAG = 0x10;
export const EVP_CTRL_AEAD_SET_TAG = 0x11;

const AES_BLOCK_BYTES = 16;
/** `SHA_CTX`: five words of state, a bit count of two, a block of data, a byte count. @see openssl/sha.h */
const SHA_CTX_BYTES = 96;

/** Protects RTP packets inside of one block of native memory, where places are byte offsets. */
export interface NativeCipher {
  readonly tagBytes: number;
  /** Comes before the packets of one SSRC. */
  begin(ssrc: number): void;
  /**
   * Writes the protected form of the packet at `packet` to `out`, which has `SCRATCH_BYTES` to spare behind the packet's length.
   *
   * @param index extended sequence number
   * @returns false when libcrypto failed
   */
  protect(packet: number, headerBytes: number, length: number, index: number, out: number): boolean;
  /** Gives native memory back; nothing may be called afterwards. */
  close(): void;
}

/** Working memory that all ciphers of an engine share: no call leaves anything in it that a later one needs. */
export interface CipherWorkspace {
  readonly iv: number;
  /** Takes lengths that nobody reads. */
  readonly outLength: number;
  readonly sha: number;
  /** Second input block of an HMAC. */
  readonly outerBlock: number;
  /** Keys on their way into libcrypto. */
  readonly secret: number;
}

/** Lends a key to libcrypto: what is called gets a pointer to it, and it is wiped afterwards. */
export function lendKey<T>({ bytes, base }: NativeMemory, { secret }: CipherWorkspace, key: Uint8Array, use: (pointer: number) => T): T {
  bytes.set(key, secret);
  const result = use(base + secret);
  bytes.fill(0, secret, secret + key.length);
  return result;
}

/** Sets the shared working memory aside. */
export function cipherWorkspace(memory: NativeMemory): CipherWorkspace {
  return {
    iv: memory.take(AES_BLOCK_BYTES),
    outLength: memory.take(4),
    sha: memory.take(SHA_CTX_BYTES),
    outerBlock: memory.take(HMAC_BLOCK_BYTES),
    secret: memory.take(HMAC_BLOCK_BYTES),
  };
}
