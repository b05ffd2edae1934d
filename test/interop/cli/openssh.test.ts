import { statSync } from 'node:fs';
import { join } from 'node:path';
import testAny, { type TestFn } from 'ava';
import { z } from 'zod';
import { defineOperation } from '../../../core/operations/operation.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { hasOpenSsh, makeKey, SshClient, sshRun, type Login } from './ssh-client.ts';

interface Context {
  server: TestKernel;
  login: Login;
  viewer: Login;
  key: ReturnType<typeof makeKey>;
  /** Logs in by key, on a terminal. */
  terminal: Login;
  aborted: string[];
}

const test = (hasOpenSsh ? testAny.serial : testAny.serial.skip) as TestFn<Context>['serial'];

const VIEWER_PASSWORD = 'viewer password';

testAny.serial.before(async (t) => {
  if (!hasOpenSsh) return;
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ plugins: { cli: { port, loginAttempts: 5 } } });
  const context = t.context as Context;
  const aborted: string[] = [];
  server.kernel.parts.operations.register(
    defineOperation({
      name: 'test.wait',
      summary: 'Waits',
      role: 'viewer',
      input: z.object({}),
      handler: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          aborted.push('started');
          signal.addEventListener('abort', () => {
            aborted.push('aborted');
            reject(new Error('aborted'));
          });
        }),
    }),
  );
  server.kernel.parts.operations.register(
    defineOperation({ name: 'test.echo', summary: 'Answers its input', role: 'admin', input: z.looseObject({ text: z.string() }), cli: { positional: ['text'] }, handler: (input) => input }),
  );
  const key = makeKey('ed25519');
  await server.call('user.add', { name: 'viewer', password: VIEWER_PASSWORD });
  await server.call('user.add', { name: 'chief', password: 'chief password', role: 'admin' });
  await server.call('user.key', { name: 'chief', add: key.publicKey });
  context.server = server;
  context.key = key;
  context.aborted = aborted;
  context.login = { port, user: 'admin', password: server.password };
  context.viewer = { port, user: 'viewer', password: VIEWER_PASSWORD };
  context.terminal = { port, user: 'chief', identity: key.identity, options: ['-tt'] };
});

testAny.serial.after.always(async (t) => {
  await (t.context as Partial<Context>).server?.stop();
});

test('a command runs with the password of the administrator and answers a table', async (t) => {
  const { code, out, err } = await sshRun(t.context.login, ['plugin', 'list']);
  t.is(code, 0, err);
  const [header, rule, ...rows] = out.trimEnd().split('\n');
  t.regex(header ?? '', /^name +state/);
  t.regex(rule ?? '', /^-+$/);
  t.true(rows.some((row) => /^cli +active +1\.0\.0 +cli@1 +1/.test(row)), out);
});

test('--json gives JSON, quoted values arrive as typed', async (t) => {
  const { code, out } = await sshRun(t.context.login, [`test echo 'a  "b"' other='{"n": [1]}' --json`]);
  t.is(code, 0);
  t.deepEqual(JSON.parse(out), { text: 'a  "b"', other: { n: [1] } });
});

test('exit codes tell failures, usage and refusal apart, and errors go to stderr', async (t) => {
  const { login, viewer } = t.context;
  const failed = await sshRun(login, ['session', 'kill', 'no-such-session']);
  t.is(failed.code, 1);
  t.regex(failed.err, /^error: SESSION_E_NOT_FOUND: There is no session/);
  t.is(failed.out, '');
  const unknown = await sshRun(login, ['plugn', 'list']);
  t.is(unknown.code, 2);
  t.regex(unknown.err, /Did you mean plugin list/);
  const missing = await sshRun(login, ['plugin', 'info']);
  t.is(missing.code, 2);
  t.regex(missing.err, /usage: plugin info NAME/);
  const refused = await sshRun(viewer, ['plugin', 'disable', 'cli']);
  t.is(refused.code, 3);
  t.regex(refused.err, /^error: ACCESS_E_REFUSED: plugin\.disable needs the role admin/);
  t.is((await sshRun(viewer, ['log', 'tail'])).code, 3);
  t.is((await sshRun(viewer, ['plugin', 'list'])).code, 0);
});

test('a public key logs in, another key does not', async (t) => {
  const { login, key } = t.context;
  const other = makeKey('ed25519');
  t.is((await sshRun({ port: login.port, user: 'chief', identity: key.identity }, ['plugin', 'list'])).code, 0);
  const refused = await sshRun({ port: login.port, user: 'chief', identity: other.identity }, ['plugin', 'list']);
  t.is(refused.code, 255);
  t.regex(refused.err, /Permission denied \(publickey,password\)/);
  t.is((await sshRun({ port: login.port, user: 'viewer', identity: key.identity }, ['plugin', 'list'])).code, 255);
});

test('RSA and ECDSA keys log in as well', async (t) => {
  const { login, server } = t.context;
  for (const type of ['rsa', 'ecdsa']) {
    const key = makeKey(type);
    await server.call('user.key', { name: 'chief', add: key.publicKey });
    const { code, err } = await sshRun({ port: login.port, user: 'chief', identity: key.identity }, ['stat']);
    t.is(code, 0, `${type}: ${err}`);
  }
  t.is(((await server.call('user.key', { name: 'chief' })) as unknown[]).length, 3);
});

test('a shell without a terminal runs the lines of its input and keeps the first failure', async (t) => {
  const { code, out, err } = await sshRun(t.context.login, [], '# a script\nplugin list --json\nno such command\n\nstat core_stats\nexit\nplugin list\n');
  t.is(code, 2);
  t.regex(err, /no such command/);
  t.is(out.match(/"name": "cli"/g)?.length, 1, out);
});

test('users are managed with the WCS phrases; a password may come on the next line', async (t) => {
  const { login, server } = t.context;
  t.is((await sshRun(login, ['add user guest guest-password'])).code, 0);
  const users = await sshRun(login, ['show', 'users']);
  t.regex(users.out, /^name +role +keys\n-+\n/);
  t.regex(users.out, /^guest +viewer +0$/m);
  const changed = await sshRun(login, ['passwd', 'guest'], 'another password\n');
  t.is(changed.code, 0, changed.err);
  t.is((await sshRun({ ...login, user: 'guest', password: 'another password' }, ['plugin list'])).code, 0);
  const own = await sshRun({ ...login, user: 'guest', password: 'another password' }, ['passwd'], 'a third password\n');
  t.is(own.code, 0, own.err);
  t.is((await sshRun({ ...login, user: 'guest', password: 'a third password' }, ['passwd viewer no-no-no-no'])).code, 3);
  const open = new SshClient({ ...login, user: 'guest', password: 'a third password', options: ['-tt'] });
  await open.shown('> ');
  t.is((await sshRun(login, ['remove user guest'])).code, 0);
  await open.shown('The session ends: the user was removed.');
  await open.done;
  t.false(server.kernel.parts.users.list().some(({ name }) => name === 'guest'));
});

test('help explains commands from their schemas', async (t) => {
  const { login } = t.context;
  t.regex((await sshRun(login, ['help'])).out, /^plugin reload +Build a plugin anew/m);
  t.regex((await sshRun(login, ['help', 'plugin'])).out, /^plugin list/m);
  const { out } = await sshRun(login, ['plugin', 'disable', '--help']);
  t.regex(out, /Usage: plugin disable NAME \[--cascade\]/);
  t.regex(out, /^cascade +true\|false +default false +Also stop/m);
});

test('stat shows the metrics by group, all or one', async (t) => {
  const all = await sshRun(t.context.login, ['stat']);
  t.regex(all.out, /^cli_stats:\n {2}cli_sessions +1$/m);
  const one = await sshRun(t.context.login, ['stat', 'cli_stats', '--json']);
  t.deepEqual(Object.keys(JSON.parse(one.out) as object), ['cli_stats']);
  t.is((await sshRun(t.context.login, ['stat', 'cli_statz'])).code, 2);
});

test('log tail follows the log at the level asked for', async (t) => {
  const { login, server } = t.context;
  const client = new SshClient(login, ['log', 'tail', '-n', '0', '--level', 'warn']);
  const stop = setInterval(() => {
    server.kernel.parts.log.info('a quiet line');
    server.kernel.parts.log.warn('a loud line', { password: 'hush' });
  }, 20);
  await client.shown('a loud line');
  clearInterval(stop);
  client.child.kill('SIGTERM');
  await client.done;
  t.notRegex(client.out, /quiet|hush/);
});

test('the host key is made once, for the server alone to read', (t) => {
  const file = join(t.context.server.folder, 'state', 'plugins', 'cli', 'ssh-host-ed25519-key');
  t.is(statSync(file).mode & 0o777, 0o600);
});

test('the shell on a terminal prompts, answers, keeps history and leaves with Ctrl-D', async (t) => {
  const client = new SshClient(t.context.terminal);
  let at = await client.shown('> ');
  client.type('test echo one\r');
  at = await client.shown('text  one\r\n', at);
  at = await client.shown('> ', at);
  client.type('\u001B[A');
  at = await client.shown('test echo one', at);
  client.type('\r');
  at = await client.shown('text  one\r\n', at);
  await client.shown('> ', at);
  client.type('\u0004');
  t.is(await client.done, 0);
});

test('the tab key completes commands, names of plugins, and options', async (t) => {
  const client = new SshClient(t.context.terminal);
  let at = await client.shown('> ');
  client.type('plugin rel');
  at = await client.shown('rel', at);
  client.type('\t');
  at = await client.shown('oad ', at);
  client.type('cl');
  await client.shown('cl', at);
  client.type('\t');
  at = await client.shown('i ', at);
  client.type('--he');
  at = await client.shown('--he', at);
  client.type('\t');
  at = await client.shown('lp ', at);
  client.type('\r');
  await client.shown('Usage: plugin reload NAME', at);
  client.type('exit\r');
  t.is(await client.done, 0);
});

test('Ctrl-C stops a command and the shell goes on; Ctrl-Z stops nothing', async (t) => {
  const { aborted } = t.context;
  const client = new SshClient(t.context.terminal);
  let at = await client.shown('> ');
  client.type('\u001Atest wait\r');
  await until(() => aborted.includes('started'));
  client.type('\u0003');
  at = await client.shown('^C', at);
  await until(() => aborted.includes('aborted'));
  at = await client.shown('> ', at);
  client.type('watch 1 test echo again\r');
  at = await client.shown('text  again', at);
  at = await client.shown('text  again', at);
  client.type('\u0003');
  at = await client.shown('> ', await client.shown('^C', at));
  client.type('half a line\u0003');
  at = await client.shown('^C', at);
  client.type('test echo whole\r');
  await client.shown('text  whole', at);
  client.type('quit\r');
  t.is(await client.done, 0);
});

test('a password typed at the prompt is neither shown nor remembered', async (t) => {
  const client = new SshClient(t.context.terminal);
  let at = await client.shown('> ');
  client.type('passwd viewer\r');
  at = await client.shown('password: ', at);
  client.type(`${VIEWER_PASSWORD}\r`);
  at = await client.shown('name  viewer', at);
  at = await client.shown('> ', at);
  client.type('add user temporary typed-password\r');
  at = await client.shown('name  temporary', at);
  at = await client.shown('> ', at);
  const before = client.out.length;
  client.type('\u001B[A');
  await client.shown('passwd viewer', at);
  client.type('\u0003');
  await client.shown('> ', await client.shown('^C', before));
  client.type('remove user temporary\r');
  await client.shown('name  temporary', before);
  client.type('exit\r');
  await client.done;
  t.false(client.out.includes(VIEWER_PASSWORD));
  t.is(client.out.split('typed-password').length, 2, 'only while it was typed');
});

test('forwarding, file transfer and agents are refused', async (t) => {
  const { login, key } = t.context;
  const byKey = { port: login.port, user: 'chief', identity: key.identity };
  const forward = new SshClient({ ...byKey, options: ['-N', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1'] });
  t.is(await forward.done, 255);
  const direct = new SshClient({ ...byKey, options: ['-W', `127.0.0.1:${login.port}`] });
  t.is(await direct.done, 255);
  t.regex(direct.err, /prohibited|failed/);
  t.not(await new SshClient({ ...byKey, options: ['-s'] }, ['sftp']).done, 0);
});

test('wrong passwords are counted: after some the address has to wait, even with the right one', async (t) => {
  const { login, server } = t.context;
  const attempt = async (password: string): Promise<number> => (await sshRun({ ...login, password }, ['stat'])).code;
  t.deepEqual([await attempt('wrong'), await attempt('wrong'), await attempt(server.password)], [255, 255, 0]);
  t.deepEqual([await attempt('wrong'), await attempt('wrong'), await attempt('wrong')], [255, 255, 255]);
  t.is(await attempt(server.password), 255);
  t.true(server.logLines.some((line) => line.includes('Too many wrong logins')));
  t.false(server.logLines.some((line) => line.includes(server.password)));
});
