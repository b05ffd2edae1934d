import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { NetLog } from './net-log.ts';
import { makeSelfSigned } from './self-signed.ts';

/** Names of the self-signed pair inside the state folder. */
const SELF_SIGNED_CERT = 'tls-cert.pem';
const SELF_SIGNED_KEY = 'tls-key.pem';
/** A self-signed certificate is renewed when it has less left than this. */
const RENEW_BEFORE_MS = 30 * 24 * 3_600_000;
/** A PEM file larger than this is no certificate chain or key. */
const PEM_MAX_BYTES = 1024 * 1024;

/** A validated certificate (chain) and its key, PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
  /** Of the leaf, `AB:CD:…`. */
  readonly fingerprintSha256: string;
  readonly notAfter: Date;
}

/** Where the pair comes from. */
export interface CertificateOptions {
  /** Folder for the self-signed pair (the state folder). */
  readonly dir: string;
  readonly log: NetLog;
  /** The user's own pair: both or neither. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The server's TLS certificate: the user's files, or a self-signed pair made on first start; exchanged while listeners run. */
export class Certificates {
  readonly #options: CertificateOptions;
  readonly #listeners = new Set<() => void>();
  #current: CertificatePair;
  #context: SecureContext;

  private constructor(options: CertificateOptions, pair: CertificatePair) {
    this.#options = options;
    this.#current = pair;
    this.#context = createSecureContext({ cert: pair.cert, key: pair.key });
  }

  /**
   * Reads the configured pair, or makes and keeps a self-signed one.
   *
   * @throws WcsError NET_E_TLS naming the file and what is wrong with it
   */
  static async open(options: CertificateOptions): Promise<Certificates> {
    const pair = await load(options);
    if (pair.notAfter.getTime() < Date.now()) {
      options.log.warn('The TLS certificate has expired; clients will refuse it. Renew tls.cert.', { notAfter: pair.notAfter.toISOString() });
    }
    return new Certificates(options, pair);
  }

  get current(): CertificatePair {
    return this.#current;
  }

  /** The current pair, ready for TLS. */
  context(): SecureContext {
    return this.#context;
  }

  /** Calls back after each change of `current`; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Reads the files again and, when they are sound, uses them for every handshake from now on.
   *
   * @throws WcsError NET_E_TLS naming what is wrong; the pair in use stays
   */
  async reload(): Promise<void> {
    const pair = await load(this.#options);
    if (pair.notAfter.getTime() < Date.now()) {
      throw new WcsError('NET_E_TLS', `The new certificate expired on ${pair.notAfter.toISOString()}; the one in use stays.`);
    }
    if (pair.fingerprintSha256 === this.#current.fingerprintSha256 && pair.cert === this.#current.cert && pair.key === this.#current.key) return;
    this.#context = createSecureContext({ cert: pair.cert, key: pair.key });
    this.#current = pair;
    this.#options.log.info('The TLS certificate was exchanged.', { fingerprintSha256: pair.fingerprintSha256, notAfter: pair.notAfter.toISOString() });
    for (const listener of this.#listeners) listener();
  }
}

async function load(options: CertificateOptions): Promise<CertificatePair> {
  const { certFile, keyFile } = options;
  if (certFile !== undefined && keyFile !== undefined) return readPair(certFile, keyFile);
  if (certFile === undefined && keyFile === undefined) return selfSignedPair(options);
  throw new WcsError('NET_E_TLS', 'Only one of tls.cert and tls.key is set; set both, or neither for a self-signed certificate.');
}

async function selfSignedPair({ dir, log }: CertificateOptions): Promise<CertificatePair> {
  const certFile = join(dir, SELF_SIGNED_CERT);
  const keyFile = join(dir, SELF_SIGNED_KEY);
  const kept = await readPair(certFile, keyFile).catch((error: unknown) => {
    if (!isMissing(error)) log.warn('The self-signed certificate is made anew.', { reason: messageOf(error) });
    return undefined;
  });
  if (kept !== undefined && kept.notAfter.getTime() - Date.now() > RENEW_BEFORE_MS) return kept;
  const made = await makeSelfSigned();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writePrivate(keyFile, made.key);
  await writePrivate(certFile, made.cert);
  const pair = parsePair(made.cert, made.key, certFile, keyFile);
  log.info('A self-signed TLS certificate was made.', { certFile, fingerprintSha256: pair.fingerprintSha256, notAfter: pair.notAfter.toISOString() });
  return pair;
}

/** By way of a rename: a crash leaves the old file or the new one, never half of one. */
async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readPair(certFile: string, keyFile: string): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)]);
  return parsePair(cert, key, certFile, keyFile);
}

async function readPem(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new WcsError('NET_E_TLS', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
  if (text.length > PEM_MAX_BYTES) throw new WcsError('NET_E_TLS', `${path} is larger than ${PEM_MAX_BYTES} bytes: no PEM file of a certificate.`);
  return text;
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof WcsError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function parsePair(cert: string, key: string, certFile: string, keyFile: string): CertificatePair {
  const leaf = parsed(certFile, 'PEM certificate', () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, 'PEM private key without a pass phrase', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new WcsError('NET_E_TLS', `${keyFile} is not the key of ${certFile}; the first certificate of the file must be the server's own.`);
  }
  parsed(certFile, 'certificate chain that TLS accepts', () => createSecureContext({ cert, key }));
  return { cert, key, fingerprintSha256: leaf.fingerprint256, notAfter: new Date(leaf.validTo) };
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new WcsError('NET_E_TLS', `${file} is no ${what}: ${messageOf(cause)}`, { cause });
  }
}
