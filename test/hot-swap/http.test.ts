import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel } from '../support/test-kernel.ts';

/** The plugin in a folder of its own, whose code a test may change. */
function copyOfPlugin(t: ExecutionContext): { folder: string; setVersion(version: string): void } {
  const root = temporaryFolder(t);
  const folder = join(root, 'http');
  cpSync(join(checkout, 'plugins', 'http'), folder, { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'));
  const entry = join(folder, 'http.plugin.ts');
  const code = readFileSync(entry, 'utf8');
  return { folder, setVersion: (version) => writeFileSync(entry, code.replace("version: '1.0.0'", `version: '${version}'`)) };
}

test('A swap under load loses no request and no kept-alive connection, and a request in flight finishes', async (t) => {
  const copy = copyOfPlugin(t);
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ plugins: { http: { path: copy.folder, port, tlsPort: 'off' } } });
  t.teardown(() => server.stop());
  const authorization = `Basic ${Buffer.from(`admin:${server.password}`).toString('base64')}`;
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));
  server.kernel.parts.operations.register({ name: 'test.hold', summary: 'Answers when told', role: 'viewer', input: z.object({}), handler: () => held.then(() => ({ held: true })) });

  const slow = fetch(`http://127.0.0.1:${port}/rest-api/test/hold`, { method: 'POST', headers: { authorization } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const localPorts = new Set<number | undefined>();
  const ask = () =>
    new Promise<number | undefined>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path: '/health', agent }, (response) => {
        localPorts.add(response.socket.localPort);
        response.resume().on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });
  const swapping = new AbortController();
  const swaps = (async () => {
    for (let round = 1; round <= 5; round++) {
      copy.setVersion(`1.0.${round}`);
      t.like(await server.call('plugin.reload', { name: 'http' }), { outcome: 'swapped', generation: `http@${round + 1}` });
    }
    swapping.abort();
  })();
  const statuses: (number | undefined)[] = [];
  while (!swapping.signal.aborted) statuses.push(await ask());
  await swaps;
  t.deepEqual([...new Set(statuses)], [200]);
  t.true(statuses.length > 20);
  t.is(localPorts.size, 1, 'the one connection is kept throughout');

  finish();
  t.deepEqual(await (await slow).json(), { held: true });
  const { version } = (await server.call('plugin.info', { name: 'http' })) as { version: string };
  t.is(version, '1.0.5');
});

test('New settings restart it in place, and the page tells the new HLS port', async (t) => {
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ plugins: { http: { port, tlsPort: 'off' } } });
  t.teardown(() => server.stop());
  const policy = async () => (await fetch(`http://127.0.0.1:${port}/player`)).headers.get('content-security-policy') ?? '';
  t.regex(await policy(), /\*:8082/);
  await server.call('config.set', { path: 'plugins.http.hlsPort', value: 9982 });
  await server.kernel.host.applyConfig('http');
  t.regex(await policy(), /\*:9982/);
});
