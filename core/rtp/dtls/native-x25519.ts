import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';

/** The part of tweetnacl that werift's handshake uses, by its own names. */
interface Curve25519 {
  /** @see RFC 7748 section 5 */
  scalarMult: (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array;
  readonly box: { keyPair: () => { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array } };
}

/** Private keys as node:crypto has them, by the memory of their bytes: importing one costs more than using it. */
const privateKeys = new WeakMap<ArrayBufferLike, KeyObject>();

/**
 * Lets werift's handshakes compute X25519 by node:crypto: in JavaScript it is an eighth of all that a new peer costs. To be called
 * once by the kernel, since what it leaves in werift must outlive every version of a plugin.
 *
 * @returns false where werift no longer has it from where it was looked for; then nothing has changed
 */
export function useNativeX25519(): boolean {
  return (isUsed ??= replaceX25519());
}

let isUsed: boolean | undefined;

function replaceX25519(): boolean {
  const curve = curveOfWerift();
  if (curve === undefined) return false;
  const { scalarMult } = curve;
  curve.box.keyPair = Object.assign(newKeyPair, curve.box.keyPair);
  curve.scalarMult = (secretKey, publicKey) => {
    const privateKey = privateKeys.get(secretKey.buffer);
    return privateKey === undefined ? scalarMult(secretKey, publicKey) : sharedSecret(privateKey, publicKey);
  };
  return true;
}

/** Werift's own copy, which nobody else uses. */
function curveOfWerift(): Curve25519 | undefined {
  try {
    const ofWerift = createRequire(createRequire(import.meta.url).resolve('werift'));
    const { scalarMult, box } = ofWerift('tweetnacl') as Partial<Curve25519>;
    return typeof scalarMult === 'function' && typeof box?.keyPair === 'function' ? (ofWerift('tweetnacl') as Curve25519) : undefined;
  } catch {
    return undefined;
  }
}

function newKeyPair(): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const { privateKey } = generateKeyPairSync('x25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  // Each in memory of its own: werift takes all that is there.
  const [publicKey, secretKey] = [new Uint8Array(Buffer.from(x, 'base64url')), new Uint8Array(Buffer.from(d, 'base64url'))];
  privateKeys.set(secretKey.buffer, privateKey);
  return { publicKey, secretKey };
}

/** @throws Error for a public key that gives nothing but zeros. @see RFC 7748 section 6.1 */
function sharedSecret(privateKey: KeyObject, publicKey: Uint8Array): Uint8Array {
  const x = Buffer.from(publicKey).toString('base64url');
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }) });
}
