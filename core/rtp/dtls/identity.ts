import { X509Certificate } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors/wcs-error.ts';
import type { Log } from '../../log/log.ts';
import { makeDtlsCertificate, parseDtlsCertificate, type DtlsIdentity } from './handshake.ts';

const CERT_FILE = 'dtls-cert.pem';
const KEY_FILE = 'dtls-key.pem';
/** A certificate with less left than this is made anew at the next start. */
const RENEW_BEFORE_MS = 90 * 24 * 3_600_000;

/**
 * The certificate that peers see, kept in the plugin's state folder: descriptions that an earlier version of the
 * plugin has answered hold its fingerprint, so that every version must have the same one.
 */
export async function openDtlsIdentity(folder: string, log: Log): Promise<DtlsIdentity> {
  const [certFile, keyFile] = [join(folder, CERT_FILE), join(folder, KEY_FILE)];
  const kept = await readIdentity(certFile, keyFile).catch((error: unknown) => {
    if (!isMissing(error)) log.warn('The DTLS certificate is made anew.', { certFile, reason: messageOf(error) });
    return undefined;
  });
  if (kept !== undefined) return kept;
  const { cert, key } = await makeDtlsCertificate();
  await writePrivate(keyFile, key);
  await writePrivate(certFile, cert);
  return parseDtlsCertificate(cert, key);
}

async function readIdentity(certFile: string, keyFile: string): Promise<DtlsIdentity | undefined> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  if (new Date(new X509Certificate(cert).validTo).getTime() - Date.now() < RENEW_BEFORE_MS) return undefined;
  return parseDtlsCertificate(cert, key);
}

/** By way of a rename: a crash leaves the old file or the new one, never half of one. */
async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
