import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import ssh2, { type ClientChannel } from 'ssh2';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const DRAIN_MS = 1_500;

/** The plugin's sources in a folder of their own, to be changed by the test. */
function copyOfPlugin(t: ExecutionContext): { readonly folder: string; change(from: string, to: string): void } {
  const home = temporaryFolder(t);
  const folder = join(home, 'cli');
  cpSync(join(checkout, 'plugins', 'cli'), folder, { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(home, 'node_modules'));
  const file = join(folder, 'cli.plugin.ts');
  return {
    folder,
    change: (from, to) => writeFileSync(file, readFileSync(file, 'utf8').replace(from, to)),
  };
}

/** A shell on a terminal. */
async function openShell(port: number, password: string) {
  const client = new ssh2.Client();
  const shell = { out: '', closed: false, type: (_text: string): void => undefined, client };
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.on('error', reject).on('close', () => (shell.closed = true));
    client.on('ready', () => client.shell((error, opened) => (error ? reject(error) : resolve(opened))));
    client.connect({ host: '127.0.0.1', port, username: 'admin', password });
  });
  channel.on('data', (chunk: Buffer) => (shell.out += chunk.toString()));
  shell.type = (text) => void channel.write(text);
  await until(() => shell.out.includes('> '));
  return shell;
}

test.serial('a shell goes on through a swap, new ones come to the new version, and the old one says goodbye at the drain limit', async (t) => {
  const [port = 0] = await freePorts(1);
  const plugin = copyOfPlugin(t);
  const server = await startTestKernel({ plugins: { cli: { port, path: plugin.folder, drainMs: DRAIN_MS } } });
  try {
    const first = await openShell(port, server.password);
    plugin.change('WCS Core command line', 'Second command line');
    first.type('plugin reload cli\r');
    await until(() => /outcome +swapped/.test(first.out), 'the swap');
    first.type('user list\r');
    await until(() => /admin +admin/.test(first.out), 'an answer by the old version');
    const second = await openShell(port, server.password);
    t.regex(second.out, /Second command line/);
    await until(() => first.closed, 'the end of the old shell');
    t.regex(first.out, /The command line is being reloaded; please reconnect\./);
    second.type('plugin list\r');
    await until(() => /cli +active +1\.0\.0 +cli@2 +1 +0/.test(second.out), 'one session, none draining');
    t.false(second.closed);
    second.client.end();
  } finally {
    await server.stop();
  }
});

test.serial('versions that served a shell are collected', async (t) => {
  const [port = 0] = await freePorts(1);
  const plugin = copyOfPlugin(t);
  const server = await startTestKernel({ plugins: { cli: { port, path: plugin.folder, drainMs: 100 } } });
  try {
    const slot = server.kernel.host.slot('cli');
    for (let round = 1; round <= 4; round++) {
      const shell = await openShell(port, server.password);
      shell.type('plugin rel\t');
      shell.type('user list\r');
      await until(() => shell.out.includes('> '), 'the prompt');
      plugin.change(round === 1 ? 'WCS Core command line' : `Line ${round - 1}`, `Line ${round}`);
      await server.call('plugin.reload', { name: 'cli' });
      await until(() => shell.closed, 'the end of the old shell');
    }
    await until(() => {
      global.gc?.();
      return slot.uncollected <= 1;
    }, 'old versions to be collected').catch(() => undefined);
    t.true(slot.uncollected <= 1, `${slot.uncollected} of 4 are still in memory`);
  } finally {
    await server.stop();
  }
});

test.serial('nothing is left when the server stops: no port, no timer, no socket', async (t) => {
  const held = (): string[] => process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).sort();
  const before = held();
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ plugins: { cli: { port } } });
  const shell = await openShell(port, server.password);
  shell.type('watch 5 plugin list\r');
  await until(() => /cli +active/.test(shell.out));
  await t.throwsAsync(openShell(port, 'wrong'));
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => undefined);
  await until(() => server.kernel.parts.sessions.count('ssh') >= 2);
  await server.stop();
  await until(() => shell.closed && silent.destroyed, 'the clients to see the end');
  await until(() => held().length <= before.length, `${held().join()} against ${before.join()}`);
  const refused = await new Promise((resolve) => connect(port, '127.0.0.1').on('error', resolve).on('connect', () => resolve(undefined)));
  t.true(refused instanceof Error);
});
