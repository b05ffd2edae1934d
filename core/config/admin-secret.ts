import { generatePassword, hashPassword, isPasswordHash, PasswordVerifier } from './password-hash.ts';
import type { Environment } from './environment.ts';
import { openStateDir, readStateJson, writeStateFile } from './load.ts';

const FILE = 'admin.json';

interface StoredSecret {
  readonly hash: string;
}

/** The administrator's password: generated at the first start and stored as a hash, or given by `WCS_ADMIN_PASSWORD`. */
export class AdminSecret {
  /** The password in clear, only in the process that generated it: to be printed once. */
  readonly generated: string | undefined;
  readonly #hash: string;
  readonly #verifier = new PasswordVerifier();

  private constructor(hash: string, generated: string | undefined) {
    this.#hash = hash;
    this.generated = generated;
  }

  /** @throws WcsError CONFIG_E_UNREADABLE when the stored secret is damaged */
  static async open({ stateDir, env }: { readonly stateDir: string; readonly env: Environment }): Promise<AdminSecret> {
    const given = env['WCS_ADMIN_PASSWORD'];
    if (given !== undefined && given !== '') return new AdminSecret(await hashPassword(given), undefined);
    await openStateDir(stateDir);
    const stored = await readStateJson(stateDir, FILE, isStoredSecret);
    if (stored !== undefined) return new AdminSecret(stored.hash, undefined);
    const generated = generatePassword();
    const hash = await hashPassword(generated);
    await writeStateFile(stateDir, FILE, `${JSON.stringify({ hash })}\n`);
    return new AdminSecret(hash, generated);
  }

  /** Takes the same time whether the password is right or wrong, but for a right one asked again. */
  verify(password: string): Promise<boolean> {
    return this.#verifier.verify(password, this.#hash);
  }
}

function isStoredSecret(value: unknown): value is StoredSecret {
  return typeof value === 'object' && value !== null && 'hash' in value && isPasswordHash(value.hash);
}
