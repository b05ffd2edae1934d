import { z } from 'zod';
import { WcsError } from '../errors/wcs-error.ts';
import { AdminSecret } from './admin-secret.ts';
import type { Environment } from './environment.ts';
import { openStateDir, readStateJson, writeStateFile } from './load.ts';
import { hashOfNobody, hashPassword, isPasswordHash, PasswordVerifier } from './password-hash.ts';

const FILE = 'users.json';
const MAX_USERS = 1000;
const MAX_SSH_KEYS = 20;

const storedUser = z.object({
  name: z.string().regex(/^[\w.@-]{1,64}$/),
  role: z.enum(['viewer', 'admin']),
  hash: z.string().refine(isPasswordHash),
  /** `ssh-ed25519 AAAA…`, as in an authorized_keys file. */
  sshPublicKeys: z.array(z.string().regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\r\n]{0,200})?$/)).max(MAX_SSH_KEYS).default([]),
});
const storedUsers = z.array(storedUser).max(MAX_USERS);

type StoredUser = z.output<typeof storedUser>;

/** Who may administer the server, without the password. */
export interface User {
  readonly name: string;
  readonly role: 'viewer' | 'admin';
  readonly sshPublicKeys: readonly string[];
}

/** What a new user is made of. */
export interface NewUser {
  readonly name: string;
  readonly role: 'viewer' | 'admin';
  readonly password: string;
  readonly sshPublicKeys?: readonly string[];
}

/** Where users are kept, and the name of the built-in administrator. */
export interface UsersOptions {
  readonly stateDir: string;
  readonly adminUser: string;
  readonly env: Environment;
}

/** Who may administer the server: the built-in administrator and those in `users.json` of the state folder. */
export class Users {
  readonly #stateDir: string;
  readonly #adminUser: string;
  readonly #admin: AdminSecret;
  readonly #verifier = new PasswordVerifier();
  /** Checked for unknown names, so that they take as long as known ones. */
  readonly #nobody = hashOfNobody();
  #users: readonly StoredUser[];
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(options: UsersOptions, admin: AdminSecret, users: readonly StoredUser[]) {
    this.#stateDir = options.stateDir;
    this.#adminUser = options.adminUser;
    this.#admin = admin;
    this.#users = users;
  }

  /** @throws WcsError CONFIG_E_UNREADABLE when a file is damaged */
  static async open(options: UsersOptions): Promise<Users> {
    await openStateDir(options.stateDir);
    const admin = await AdminSecret.open(options);
    const isStored = (value: unknown): value is StoredUser[] => storedUsers.safeParse(value).success;
    const stored = await readStateJson(options.stateDir, FILE, isStored);
    return new Users(options, admin, storedUsers.parse(stored ?? []));
  }

  /** The administrator's password, if this start generated it: to be printed once. */
  get generatedPassword(): string | undefined {
    return this.#admin.generated;
  }

  /** The user of that name and password; undefined for a wrong name or password alike. */
  async verify(name: string, password: string): Promise<User | undefined> {
    if (name === this.#adminUser) return (await this.#admin.verify(password)) ? this.#adminAsUser() : undefined;
    const user = this.#users.find((other) => other.name === name);
    const good = await this.#verifier.verify(password, user?.hash ?? this.#nobody);
    return good && user !== undefined ? shown(user) : undefined;
  }

  /** The administrator first, then all others by name. */
  list(): User[] {
    return [this.#adminAsUser(), ...this.#users.map(shown).sort((a, b) => (a.name < b.name ? -1 : 1))];
  }

  /** @throws WcsError OPERATION_E_CONFLICT when the name is taken; OPERATION_E_INPUT when a part is not valid */
  async add(user: NewUser): Promise<void> {
    const stored = storedUser.safeParse({ ...user, hash: await hashedOf(user.password) });
    if (!stored.success) throw new WcsError('OPERATION_E_INPUT', `The user is not valid: ${stored.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; ')}.`);
    await this.#write((users) => {
      if (user.name === this.#adminUser || users.some((other) => other.name === user.name)) throw new WcsError('OPERATION_E_CONFLICT', `There is a user ${user.name} already.`);
      if (users.length >= MAX_USERS) throw new WcsError('OPERATION_E_CONFLICT', `There are ${MAX_USERS} users already.`);
      return [...users, stored.data];
    });
  }

  /** @throws WcsError OPERATION_E_INPUT for an unknown name or the built-in administrator */
  async remove(name: string): Promise<void> {
    await this.#write((users) => {
      this.#known(users, name);
      return users.filter((other) => other.name !== name);
    });
  }

  /** Sets another password. @throws WcsError OPERATION_E_INPUT for an unknown name or the built-in administrator */
  async passwd(name: string, password: string): Promise<void> {
    this.#known(this.#users, name);
    const hash = await hashedOf(password);
    await this.#write((users) => {
      this.#known(users, name);
      return users.map((other) => (other.name === name ? { ...other, hash } : other));
    });
  }

  /** Replaces a user's SSH public keys. @throws WcsError OPERATION_E_INPUT for a key that is none, an unknown name or the built-in administrator */
  async setSshPublicKeys(name: string, sshPublicKeys: readonly string[]): Promise<void> {
    await this.#write((users) => {
      this.#known(users, name);
      const keys = storedUser.shape.sshPublicKeys.safeParse(sshPublicKeys);
      if (!keys.success) throw new WcsError('OPERATION_E_INPUT', `A user has at most ${MAX_SSH_KEYS} keys, each as in an authorized_keys file.`);
      return users.map((other) => (other.name === name ? { ...other, sshPublicKeys: keys.data } : other));
    });
  }

  #adminAsUser(): User {
    return { name: this.#adminUser, role: 'admin', sshPublicKeys: [] };
  }

  #known(users: readonly StoredUser[], name: string): void {
    if (users.some((other) => other.name === name)) return;
    const hint = name === this.#adminUser ? 'its password is in WCS_ADMIN_PASSWORD, or made anew when admin.json is removed from the state folder' : 'there is no such user';
    throw new WcsError('OPERATION_E_INPUT', `User ${JSON.stringify(name.slice(0, 64))}: ${hint}.`);
  }

  async #write(edit: (users: readonly StoredUser[]) => readonly StoredUser[]): Promise<void> {
    const write = this.#lastWrite.then(async () => {
      const next = edit(this.#users);
      await writeStateFile(this.#stateDir, FILE, `${JSON.stringify(next, undefined, 2)}\n`);
      const kept = new Set(next.map(({ hash }) => hash));
      for (const { hash } of this.#users) if (!kept.has(hash)) this.#verifier.forget(hash);
      this.#users = next;
    });
    this.#lastWrite = write.catch(() => undefined);
    await write;
  }
}

function hashedOf(password: string): Promise<string> {
  if (password.length < 8 || password.length > 1024) throw new WcsError('OPERATION_E_INPUT', 'A password needs 8 to 1024 characters.');
  return hashPassword(password);
}

function shown({ name, role, sshPublicKeys }: StoredUser): User {
  return { name, role, sshPublicKeys };
}
