import { createHash, timingSafeEqual, verify, X509Certificate } from 'node:crypto';
import { ProtocolError } from '../../errors/wcs-error.ts';

/** One line of `a=fingerprint`; plain data. @see RFC 8122 section 5 */
export interface Fingerprint {
  /** Name of the hash as the description writes it, e.g. `sha-256`; compared without regard to case. */
  readonly algorithm: string;
  /** Upper-case hexadecimal bytes with colons: `AB:CD:…`. */
  readonly value: string;
}

const FINGERPRINT = /^[0-9A-F]{2}(?::[0-9A-F]{2}){15,63}$/;

/** The two words of `a=fingerprint`; undefined for what is none. */
export function fingerprintOf(algorithm: string, value: string): Fingerprint | undefined {
  const bytes = value.toUpperCase();
  return FINGERPRINT.test(bytes) ? { algorithm: algorithm.toLowerCase(), value: bytes } : undefined;
}

/** Hashes that a description may name, by their names in it. MD5 and SHA-1 are refused: a certificate can be forged for them. @see RFC 8122 section 5 */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-224', 'sha224'],
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
]);
/** What our CertificateRequest allows: SHA-256 with the key type that each code stands for. @see RFC 5246 section 7.4.1.4.1 */
const SHA256 = 4;
const KEY_TYPES: ReadonlyMap<number, string> = new Map([[1, 'rsa'], [3, 'ec']]);

/** The end-entity certificate (DER) of a Certificate message; undefined when the peer has none. @see RFC 5246 section 7.4.2 */
export function firstCertificate(body: Buffer): Buffer | undefined {
  if (body.length < 3 || body.readUIntBE(0, 3) !== body.length - 3) throw new ProtocolError('The DTLS certificate list has a wrong length.');
  if (body.length === 3) return undefined;
  const length = body.length < 6 ? 0 : body.readUIntBE(3, 3);
  if (length === 0 || 6 + length > body.length) throw new ProtocolError('The DTLS certificate has a wrong length.', 3);
  return body.subarray(6, 6 + length);
}

/**
 * True when a certificate has one of the fingerprints. Only those of the strongest hash that the description names (and
 * we know) count, so that a weaker one beside it opens no door. @see RFC 8122 section 5
 */
export function matchesFingerprint(certificate: Uint8Array, fingerprints: readonly Fingerprint[]): boolean {
  const known = fingerprints.flatMap(({ algorithm, value }) => {
    const hash = HASHES.get(algorithm.toLowerCase());
    return hash === undefined ? [] : [{ hash, digest: Buffer.from(value.replaceAll(':', ''), 'hex') }];
  });
  const strongest = Math.max(...known.map(({ digest }) => digest.length));
  return known.some(({ hash, digest }) => {
    const actual = createHash(hash).update(certificate).digest();
    return digest.length === strongest && digest.length === actual.length && timingSafeEqual(actual, digest);
  });
}

/** The end-entity certificate of a Certificate message, in memory of its own, or why it is not the peer's. @throws ProtocolError when it is malformed */
export function checkCertificate(body: Buffer, fingerprints: readonly Fingerprint[]): Buffer | { readonly info: 'Failed by DTLS fingerprint error'; readonly detail: string } {
  const certificate = firstCertificate(body);
  if (certificate === undefined) return { info: 'Failed by DTLS fingerprint error', detail: 'The peer has no certificate.' };
  if (!matchesFingerprint(certificate, fingerprints)) return { info: 'Failed by DTLS fingerprint error', detail: 'The certificate is not the one of the description.' };
  return Buffer.from(certificate);
}

/**
 * True when a signature, as a CertificateVerify message has it, proves that the peer owns the key of its certificate.
 *
 * @param transcript what is signed: every handshake message before it, from the ClientHello with the cookie on
 * @throws ProtocolError when the message or the certificate is malformed
 * @see RFC 5246 section 7.4.8
 */
export function provesPossession(body: Buffer, certificate: Uint8Array, transcript: Uint8Array): boolean {
  if (body.length < 4 || body.readUInt16BE(2) !== body.length - 4) throw new ProtocolError('The DTLS CertificateVerify has a wrong length.');
  const keyType = KEY_TYPES.get(body.readUInt8(1));
  if (body.readUInt8(0) !== SHA256 || keyType === undefined) throw new ProtocolError('The DTLS CertificateVerify has an algorithm that was not asked for.');
  const key = publicKeyOf(certificate);
  return key.asymmetricKeyType === keyType && verify('sha256', transcript, key, body.subarray(4));
}

function publicKeyOf(certificate: Uint8Array): X509Certificate['publicKey'] {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch (cause) {
    throw new ProtocolError(`The DTLS peer's certificate cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
