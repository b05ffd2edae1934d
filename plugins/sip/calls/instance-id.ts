import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TelephoneAccount } from 'wcs-core';

const FILE = 'server-id';
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** The id of this server, which it keeps when it starts anew; it stands in no message. @param folder of the plugin's state */
export function openServerId(folder: string): string {
  const file = join(folder, FILE);
  const known = readId(file);
  if (known !== undefined) return known;
  const id = randomUUID();
  writeFileSync(file, `${id}\n`, { mode: 0o600 });
  return id;
}

/** What a registrar knows an account of this server by, also after a restart: the old registration gives way to the new one. @see RFC 5626 section 4.1, RFC 9562 section 5.8 */
export function instanceOf(serverId: string, { login, authenticationName, domain, outboundProxy, port }: TelephoneAccount): string {
  const hex = createHash('sha256').update(JSON.stringify([serverId, login, authenticationName, domain, outboundProxy, port])).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function readId(file: string): string | undefined {
  try {
    const id = readFileSync(file, 'utf8').trim();
    return UUID.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
