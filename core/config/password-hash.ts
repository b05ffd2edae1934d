import { createHmac, randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

/** About 50 ms and 16 MiB for one check. @see RFC 7914 section 2 */
const COST = { N: 16_384, r: 8, p: 1 } as const;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** Longest password looked at; bounds the work of a hostile one. */
const MAX_PASSWORD_CHARS = 1024;

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** `scrypt$16384$8$1$salt$hash`, the last two in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return hashText(salt, await derive(password, salt, KEY_BYTES, COST));
}

/** A hash that no password has: a check against it takes as long as any other. */
export function hashOfNobody(): string {
  return hashText(randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
}

function hashText(salt: Buffer, key: Buffer): string {
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** True for a text that `hashPassword` could have made. */
export function isPasswordHash(text: unknown): text is string {
  return typeof text === 'string' && /^scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/.test(text);
}

/** A password to be shown once: 120 random bits as 20 letters, digits, `-` and `_`. */
export function generatePassword(): string {
  return randomBytes(15).toString('base64url');
}

/** Checks passwords against hashes in constant time; remembers a good one only as a keyed digest, so that the next check is cheap. */
export class PasswordVerifier {
  readonly #digestKey = randomBytes(32);
  readonly #good = new Map<string, Buffer>();

  /** False also for a damaged hash. */
  async verify(password: string, hash: string): Promise<boolean> {
    const [, , , , salt = '', expected = ''] = hash.split('$');
    if (password.length > MAX_PASSWORD_CHARS || !isPasswordHash(hash)) return false;
    const digest = createHmac('sha256', this.#digestKey).update(hash).update('\0').update(password).digest();
    const known = this.#good.get(hash);
    if (known !== undefined && timingSafeEqual(known, digest)) return true;
    const key = await derive(password, Buffer.from(salt, 'base64url'), KEY_BYTES, COST);
    const good = timingSafeEqual(key, Buffer.from(expected, 'base64url'));
    if (good) this.#good.set(hash, digest);
    return good;
  }

  /** Forgets a hash that is no longer in use. */
  forget(hash: string): void {
    this.#good.delete(hash);
  }
}
