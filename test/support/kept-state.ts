import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashPassword } from '../../core/config/password-hash.ts';
import { removeFolder } from './temporary-folder.ts';

const ADMIN = 'admin.json';
const FILES = [ADMIN, 'tls-cert.pem', 'tls-key.pem'];

/**
 * What a first start makes at the price of a whole test, a certificate and the hash of a password, kept for the
 * kernels of all tests: a state folder begins with it.
 */
export class KeptState {
  readonly #folder: string;

  /** @param build folder for what can be made again; where there is none, nothing is kept */
  constructor(build: string) {
    this.#folder = join(build, 'test-state');
  }

  /** Makes a state folder in which `password` is the administrator's. */
  async begin(stateDir: string, password: string): Promise<void> {
    mkdirSync(stateDir);
    if (existsSync(this.#folder)) for (const file of FILES) copyFileSync(join(this.#folder, file), join(stateDir, file));
    else writeFileSync(join(stateDir, ADMIN), JSON.stringify({ hash: await hashPassword(password) }));
  }

  /** Keeps what the first kernel has made of its folder. */
  keep(stateDir: string): void {
    const build = join(this.#folder, '..');
    if (existsSync(this.#folder) || !existsSync(build)) return;
    const made = mkdtempSync(`${this.#folder}-`);
    for (const file of FILES) copyFileSync(join(stateDir, file), join(made, file));
    try {
      renameSync(made, this.#folder);
    } catch {
      // Another process was first.
      removeFolder(made);
    }
  }
}
