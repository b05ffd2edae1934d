import { defineOperation, looseBoolean, WcsError, type OperationCall, type PluginContext, type Users } from 'wcs-core';
import { z } from 'zod';
import { findKey, fingerprintOf, parsePublicKey } from './public-key.ts';

const name = z.string().regex(/^[\w.@-]{1,64}$/, 'Expected 1 to 64 letters, digits or _ . @ -').describe('User');
const role = z.enum(['viewer', 'admin']);
const password = z.string().min(8).max(1024).meta({ writeOnly: true, description: '8 to 1024 characters; asked for when not given' });

/** What the operations need of their surroundings. */
export interface UserOperationsParts {
  readonly users: Users;
  /** Called when a user may no longer be here. */
  onRemoved(name: string): void;
}

/** `user.*`, with the WCS phrases (`show users`, `add user`, `passwd`, `remove user`) as other names. */
export function registerUserOperations(operations: PluginContext['operations'], parts: UserOperationsParts): void {
  const { users } = parts;
  operations.register(listUsers(users));
  operations.register(
    defineOperation({
      name: 'user.add',
      aliases: ['add.user'],
      summary: 'Add a user',
      role: 'admin',
      input: z.object({ name, password, role: role.default('viewer').describe('viewer reads, admin also changes') }),
      cli: { positional: ['name', 'password'] },
      handler: async (input) => {
        await users.add(input);
        return { name: input.name, role: input.role };
      },
    }),
  );
  operations.register(
    defineOperation({
      name: 'user.passwd',
      aliases: ['passwd'],
      summary: 'Set a password; one\'s own without a name',
      // Everyone may set the own password; the handler refuses the others'.
      role: 'viewer',
      input: z.object({ name: name.optional(), password }),
      cli: { positional: ['name', 'password'] },
      handler: async (input, call) => {
        const whose = input.name ?? call.caller.user;
        refuseForeign(whose, call);
        await users.passwd(whose, input.password);
        return { name: whose };
      },
    }),
  );
  operations.register(
    defineOperation({
      name: 'user.remove',
      aliases: ['remove.user'],
      summary: 'Remove a user; sessions of that user end',
      role: 'admin',
      input: z.object({ name }),
      cli: { positional: ['name'] },
      handler: async (input) => {
        await users.remove(input.name);
        parts.onRemoved(input.name);
        return { name: input.name };
      },
    }),
  );
  operations.register(userKey(users));
}

function listUsers(users: Users) {
  return defineOperation({
    name: 'user.list',
    aliases: ['show.users'],
    summary: 'Users and their roles',
    role: 'admin',
    input: z.object({ detail: looseBoolean().default(false).describe('Also the fingerprints of their keys') }),
    handler: ({ detail }) =>
      users.list().map((user) => ({
        name: user.name,
        role: user.role,
        keys: detail ? user.sshPublicKeys.map(shownKey) : user.sshPublicKeys.length,
      })),
  });
}

function userKey(users: Users) {
  return defineOperation({
    name: 'user.key',
    summary: 'List, add or remove the SSH public keys by which a user logs in',
    role: 'admin',
    input: z.object({
      name,
      add: z.string().max(8192).optional().describe('The line of a .pub file'),
      remove: z.string().max(200).optional().describe('Fingerprint (SHA256:...) of the key to remove'),
    }),
    cli: { positional: ['name', 'add'] },
    handler: async (input) => {
      const user = users.list().find((known) => known.name === input.name);
      if (user === undefined) throw new WcsError('OPERATION_E_INPUT', `There is no user ${input.name}.`);
      const kept = user.sshPublicKeys.filter((key) => shownKey(key) !== input.remove);
      if (input.remove !== undefined && kept.length === user.sshPublicKeys.length) {
        throw new WcsError('OPERATION_E_INPUT', `User ${input.name} has no key ${JSON.stringify(input.remove)}.`);
      }
      const added = input.add?.trim();
      const isNew = added !== undefined && findKey(kept, parsePublicKey(added).getPublicSSH()) === undefined;
      const keys = isNew ? [...kept, added] : kept;
      if (input.add !== undefined || input.remove !== undefined) await users.setSshPublicKeys(input.name, keys);
      return keys.map((key) => ({ key: shownKey(key), comment: key.split(' ').slice(2).join(' ') }));
    },
  });
}

function shownKey(line: string): string {
  return fingerprintOf(parsePublicKey(line).getPublicSSH());
}

function refuseForeign(whose: string, { caller }: OperationCall): void {
  if (caller.role === 'admin' || caller.user === whose) return;
  throw new WcsError('ACCESS_E_REFUSED', `${caller.user} may set the own password only.`);
}
