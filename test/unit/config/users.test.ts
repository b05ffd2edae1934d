import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hashOfNobody, isPasswordHash, PasswordVerifier } from '../../../core/config/password-hash.ts';
import { Users } from '../../../core/config/users.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function setUp(env: Record<string, string> = {}) {
  const stateDir = join(temporaryFolder(), 'state');
  return { stateDir, open: () => Users.open({ stateDir, adminUser: 'admin', env }) };
}

test('the password is generated once, works at every start, and is on disk only as a hash', async (t) => {
  const { stateDir, open } = setUp();
  const first = await open();
  const password = first.generatedPassword ?? '';
  t.true(password.length >= 20);
  const second = await open();
  t.is(second.generatedPassword, undefined);
  for (const users of [first, second, second]) t.like(await users.verify('admin', password), { name: 'admin', role: 'admin' });
  for (const wrong of ['', password.slice(1), `${password}x`, 'x'.repeat(5000)]) t.is(await second.verify('admin', wrong), undefined);
  t.is(statSync(join(stateDir, 'admin.json')).mode & 0o777, 0o600);
  t.false(readFileSync(join(stateDir, 'admin.json'), 'utf8').includes(password));
});

test('WCS_ADMIN_PASSWORD goes before the stored one and is never stored', async (t) => {
  const { stateDir, open } = setUp({ WCS_ADMIN_PASSWORD: 'from-environment' });
  const users = await open();
  t.is(users.generatedPassword, undefined);
  t.truthy(await users.verify('admin', 'from-environment'));
  t.throws(() => statSync(join(stateDir, 'admin.json')));
});

test('unknown names are checked against a hash like any other, which no password has', async (t) => {
  const hash = hashOfNobody();
  t.true(isPasswordHash(hash));
  t.not(hashOfNobody(), hash);
  t.false(await new PasswordVerifier().verify('password1', hash));
});

test('users are added, listed, given another password and removed, and last over a restart', async (t) => {
  const { stateDir, open } = setUp();
  const users = await open();
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ops@example';
  await Promise.all([users.add({ name: 'eve', role: 'viewer', password: 'password1', sshPublicKeys: [key] }), users.add({ name: 'bob', role: 'admin', password: 'password2' })]);
  const again = await open();
  t.deepEqual(again.list().map(({ name }) => name), ['admin', 'bob', 'eve']);
  t.deepEqual(await again.verify('eve', 'password1'), { name: 'eve', role: 'viewer', sshPublicKeys: [key] });
  t.is(await again.verify('nobody', 'password1'), undefined);
  await again.passwd('eve', 'password3');
  t.is(await again.verify('eve', 'password1'), undefined);
  t.truthy(await again.verify('eve', 'password3'));
  await again.remove('eve');
  t.is(await again.verify('eve', 'password3'), undefined);
  t.is(statSync(join(stateDir, 'users.json')).mode & 0o777, 0o600);
  t.false(readFileSync(join(stateDir, 'users.json'), 'utf8').includes('password'));
});

test('a taken name, a weak password, a bad key and an unknown user are refused', async (t) => {
  const { stateDir, open } = setUp();
  const users = await open();
  const good = { name: 'eve', role: 'viewer', password: 'password1' } as const;
  await users.add(good);
  for (const wrong of [good, { ...good, name: 'admin' }, { ...good, name: 'a b' }, { ...good, name: 'z', password: 'short' }, { ...good, name: 'z', sshPublicKeys: ['x\ny z'] }]) {
    await t.throwsAsync(users.add(wrong), { instanceOf: WcsError });
  }
  await t.throwsAsync(users.remove('admin'), { instanceOf: WcsError });
  await t.throwsAsync(users.passwd('nobody', 'password1'), { instanceOf: WcsError });
  t.is(users.list().length, 2);
  writeFileSync(join(stateDir, 'users.json'), '[{"name":"eve"}]');
  await t.throwsAsync(open(), { instanceOf: WcsError, message: /users\.json/ });
});
