import { createHash, timingSafeEqual } from 'node:crypto';
import { WcsError } from 'wcs-core';
import ssh2, { type ParsedKey } from 'ssh2';

/** Kinds of keys that may log in; DSA and other old ones may not. */
const KINDS = new Set(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa']);
/** Longest line of a key: 16384-bit RSA with a comment. */
const MAX_KEY_LENGTH = 8_192;

/**
 * Reads a line of an `authorized_keys` file without options: `ssh-ed25519 AAAA… comment`.
 *
 * @throws WcsError OPERATION_E_INPUT when it is none
 */
export function parsePublicKey(line: string): ParsedKey {
  const [kind = ''] = line.trim().split(' ');
  const key = line.length > MAX_KEY_LENGTH || !KINDS.has(kind) ? undefined : ssh2.utils.parseKey(line.trim());
  if (key === undefined || key instanceof Error || key.isPrivateKey()) {
    throw new WcsError('OPERATION_E_INPUT', `That is no public key of the kinds ${[...KINDS].join(', ')}; give the line of the .pub file.`);
  }
  return key;
}

/** `SHA256:` and the digest in base64, as OpenSSH shows keys. */
export function fingerprintOf(publicKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`;
}

/** The one of these keys whose wire form is `data`; a line that can't be read matches nothing. */
export function findKey(lines: readonly string[], data: Buffer): ParsedKey | undefined {
  for (const line of lines) {
    const key = keyOrNothing(line);
    const own = key?.getPublicSSH();
    if (own !== undefined && own.length === data.length && timingSafeEqual(own, data)) return key;
  }
  return undefined;
}

function keyOrNothing(line: string): ParsedKey | undefined {
  try {
    return parsePublicKey(line);
  } catch {
    return undefined;
  }
}
