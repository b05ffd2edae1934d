import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { messageOf, WcsError } from 'wcs-core';
import ssh2 from 'ssh2';
import { fingerprintOf } from './public-key.ts';

/** The key by which clients know this server. */
export interface HostKey {
  /** OpenSSH private key format. */
  readonly privateKey: string;
  /** `SHA256:…`, as ssh shows it at the first connection. */
  readonly fingerprint: string;
}

const FILE = 'ssh-host-ed25519-key';

/**
 * Reads the host key from a folder; makes it at the first start, readable by the server's user only.
 *
 * @throws WcsError CONFIG_E_UNREADABLE for a damaged file
 */
export async function openHostKey(folder: string): Promise<HostKey> {
  const file = join(folder, FILE);
  const privateKey = (await readIfPresent(file)) ?? (await generate(file));
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error || !key.isPrivateKey()) {
    throw new WcsError('CONFIG_E_UNREADABLE', `${file} holds no private key; remove it to have one made, and tell the operators that the key changed.`);
  }
  return { privateKey, fingerprint: fingerprintOf(key.getPublicSSH()) };
}

/** A new Ed25519 private key in OpenSSH format. */
export function generateHostKey(): string {
  for (;;) {
    const { private: privateKey } = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'wcs-core' });
    // The library writes about one key in 200 (those whose public half begins with a zero byte) in a form nobody can read.
    if (!(ssh2.utils.parseKey(privateKey) instanceof Error)) return privateKey;
  }
}

async function generate(file: string): Promise<string> {
  const privateKey = generateHostKey();
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, privateKey, { mode: 0o600, flag: 'wx' });
  try {
    // A link appears whole or not at all, and never replaces a key that another start made meanwhile.
    await link(draft, file);
    return privateKey;
  } catch (error) {
    const present = await readIfPresent(file);
    if (present !== undefined) return present;
    throw new WcsError('CONFIG_E_UNREADABLE', `${file} can not be written: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new WcsError('CONFIG_E_UNREADABLE', `${file} can not be read: ${messageOf(error)}`, { cause: error });
  }
}
