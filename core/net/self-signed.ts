import { hostname } from 'node:os';

/** The longest that all common clients accept. */
const VALIDITY_MS = 820 * 24 * 3_600_000;
/** For peers whose clock is behind. */
const BACKDATE_MS = 24 * 3_600_000;

/** Makes an ECDSA P-256 key and a certificate for this machine's name, localhost and the loopback addresses; PEM. */
export async function makeSelfSigned(nowMs = Date.now()): Promise<{ cert: string; key: string }> {
  // Loaded on first start only: the X.509 library costs more than the rest of this room together.
  const { generate } = await import('selfsigned');
  const name = hostname() || 'localhost';
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(nowMs - BACKDATE_MS),
    notAfterDate: new Date(nowMs + VALIDITY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [
        { type: 2, value: name },
        { type: 2, value: 'localhost' },
        { type: 7, ip: '127.0.0.1' },
        { type: 7, ip: '::1' },
      ] },
    ],
  });
  return { cert: made.cert, key: made.private };
}
