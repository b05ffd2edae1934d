import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import ssh2, { type AuthContext } from 'ssh2';
import { createRootLog } from '../../../core/log/root-log.ts';
import { Authentication, MAX_FAILURES, MAX_REQUESTS } from '../../../plugins/cli/server/authentication.ts';
import { generateHostKey, openHostKey } from '../../../plugins/cli/server/host-key.ts';
import { LoginGate, networkOf } from '../../../plugins/cli/server/login-gate.ts';
import { findKey, fingerprintOf, parsePublicKey } from '../../../plugins/cli/server/public-key.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const privateText = generateHostKey();
const privateKey = ssh2.utils.parseKey(privateText);
if (privateKey instanceof Error) throw privateKey;
const publicLine = `ssh-ed25519 ${privateKey.getPublicSSH().toString('base64')} ann`;
const user = { name: 'ann', role: 'admin', sshPublicKeys: [publicLine] } as const;
const blob = Buffer.from('what is signed');

/** Judges requests one after the other and says what became of each. */
function judge({ attempts = 100, places = 1 } = {}) {
  const gate = new LoginGate({ attempts, windowS: 60, blockS: 60 });
  const refusals: string[] = [];
  const log = createRootLog({ level: 'silent', pretty: false, write: () => undefined });
  const users = { list: () => [user], verify: (name: string, password: string) => Promise.resolve(name === 'ann' && password === 'right' ? user : undefined) };
  let free = places;
  const authentication = new Authentication({ users, gate, address: '10.0.0.1', log, admit: () => free-- > 0, onFailure: () => undefined, onRefused: (reason) => refusals.push(reason) });
  const ask = async (request: object): Promise<string> => {
    let verdict = 'unanswered';
    const full = { username: 'ann', service: 'ssh-connection', accept: () => (verdict = 'accepted'), reject: () => (verdict = 'rejected'), ...request };
    await authentication.judge(full as unknown as AuthContext);
    return verdict;
  };
  return { ask, refusals, gate };
}

test('a right password is accepted, a wrong one rejected, the third wrong one ends the connection', async (t) => {
  const { ask, refusals, gate } = judge();
  for (let attempt = 0; attempt < MAX_FAILURES; attempt++) {
    t.is(refusals.length, 0);
    t.is(await ask({ method: 'password', password: 'wrong' }), 'rejected');
  }
  t.deepEqual(refusals, ['too many login attempts']);
  t.is(await judge().ask({ method: 'password', password: 'right' }), 'accepted');
  await gate.close();
});

test('other ways to log in are rejected', async (t) => {
  const { ask } = judge();
  for (const method of ['none', 'keyboard-interactive', 'hostbased']) t.is(await ask({ method }), 'rejected');
});

test('a key is accepted with its signature only', async (t) => {
  const { ask } = judge({ places: 2 });
  const key = { algo: 'ssh-ed25519', data: privateKey.getPublicSSH() };
  const signature = privateKey.sign(blob);
  t.is(await ask({ method: 'publickey', key }), 'accepted', 'an offer');
  t.is(await ask({ method: 'publickey', key, blob, signature }), 'accepted');
  t.is(await ask({ method: 'publickey', key, blob: Buffer.from('something else'), signature }), 'rejected');
  t.is(await ask({ username: 'bob', method: 'publickey', key, blob, signature }), 'rejected');
});

test('a signature that can not be checked is a wrong one', async (t) => {
  const { ask } = judge();
  const key = { algo: 'rsa-sha2-512', data: privateKey.getPublicSSH() };
  t.is(await ask({ method: 'publickey', key, blob, signature: Buffer.alloc(64), hashAlgo: 'sha512' }), 'rejected');
  t.is(await ask({ method: 'publickey', key, blob, signature: Buffer.alloc(0), hashAlgo: 'no such hash' }), 'rejected');
});

test('offers are limited as well, and a full house is full', async (t) => {
  const { ask, refusals } = judge();
  for (let request = 0; request < MAX_REQUESTS; request++) await ask({ method: 'none' });
  t.is(refusals.length, 0);
  t.is(await ask({ method: 'password', password: 'right' }), 'rejected');
  t.is(refusals.length, 1);
  const full = judge({ places: 0 });
  t.is(await full.ask({ method: 'password', password: 'right' }), 'rejected');
  t.deepEqual(full.refusals, ['too many users are logged in']);
});

test('an address waits after its wrong logins, the right ones do not count, many at once gain nothing', async (t) => {
  const gate = new LoginGate({ attempts: 3, windowS: 60, blockS: 60 });
  for (let login = 0; login < 10; login++) {
    t.is(await gate.enter('10.0.0.1'), 'open');
    await gate.forgive('10.0.0.1');
  }
  const verdicts = await Promise.all(Array.from({ length: 6 }, () => gate.enter('10.0.0.1')));
  t.deepEqual(verdicts, ['open', 'open', 'open', 'blocks', 'blocked', 'blocked']);
  t.is(await gate.enter('10.0.0.2'), 'open');
  await gate.close();
  t.is(await gate.enter('10.0.0.1'), 'open', 'forgotten when closed');
  await gate.close();
});

test('addresses of one IPv6 network count as one', (t) => {
  t.is(networkOf('2001:db8:0:1:aaaa::1'), networkOf('2001:db8::1:bbbb:0:0:2'));
  t.not(networkOf('2001:db8:0:1::1'), networkOf('2001:db8:0:2::1'));
  t.is(networkOf('::1'), '0:0:0:0::/64');
  t.is(networkOf('192.0.2.1'), '192.0.2.1');
});

test('keys are read from a .pub line; other text, private keys and old kinds are refused', (t) => {
  t.regex(fingerprintOf(parsePublicKey(publicLine).getPublicSSH()), /^SHA256:[\w+/]{43}$/);
  for (const line of ['', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'ssh-dss AAAAB3NzaC1kc3M=', privateText, 'x'.repeat(100_000)]) {
    t.throws(() => parsePublicKey(line), { message: /no public key/ });
  }
  t.is(findKey(['damaged line', publicLine], privateKey.getPublicSSH())?.type, 'ssh-ed25519');
  t.is(findKey([publicLine], Buffer.alloc(3)), undefined);
});

test('every host key made can be read again', (t) => {
  const sound = Array.from({ length: 1500 }, generateHostKey).filter((key) => !(ssh2.utils.parseKey(key) instanceof Error));
  t.is(sound.length, 1500);
});

test('the host key is kept, the same for starts at once, and a damaged one is reported', async (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = await Promise.all([openHostKey(folder), openHostKey(folder)]);
  t.deepEqual(first, second);
  t.deepEqual(await openHostKey(folder), first);
  writeFileSync(join(folder, 'ssh-host-ed25519-key'), 'damaged');
  await t.throwsAsync(openHostKey(folder), { message: /holds no private key/ });
});
