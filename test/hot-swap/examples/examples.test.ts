import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { prebuildPlugins } from '../../../core/plugin/prebuild.ts';
import { LineClient } from '../../support/line-client.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** A copy of an example that a test may edit; its packages come from the checkout. */
function copyOf(t: ExecutionContext, example: string): string {
  const parent = temporaryFolder(t);
  const folder = join(parent, example);
  cpSync(join(checkout, 'examples', example), folder, { recursive: true });
  return folder;
}

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}.`);
  writeFileSync(file, text.replace(from, to));
}

async function greetOnce(t: ExecutionContext, port: number): Promise<void> {
  const client = new LineClient(port);
  t.is(await client.ask('Ada'), 'Good day, Ada! (1)');
  client.socket.destroy();
}

test.serial('hello, in TypeScript from a folder, goes on through a swap with its count and half a line', async (t) => {
  const folder = copyOf(t, 'hello-ts');
  const [port = 0] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { hello: { path: folder, port } } });
  const client = new LineClient(port);
  t.is(await client.ask('Ada'), 'Good day, Ada! (1)');
  client.socket.write('Gr');
  await until(() => kernel.kernel.parts.sessions.list()[0]?.bytesIn() === 6, 'half a line to arrive');
  edit(join(folder, 'hello.plugin.ts'), '}! (${++answered})', '}! Number ${++answered}');
  t.like(await kernel.call('plugin.reload', { name: 'hello' }), { outcome: 'swapped', lastSwap: { moved: 1, draining: 0 } });
  t.is(await client.ask('ace'), 'Good day, Grace! Number 2');
  t.deepEqual(await kernel.call('hello.announce', { text: 'Tea is ready.' }), { clients: 1 });
  await until(() => client.lines.at(-1) === 'Tea is ready.', 'the announcement');
  await kernel.call('config.set', { path: 'plugins.hello.greeting', value: 'Hi' });
  await until(async () => (await client.ask('Ada')).startsWith('Hi, Ada!'), 'the new greeting');
  t.is(kernel.kernel.host.slot('hello').active?.number, 2, 'a greeting needs no swap');
  client.socket.write('x'.repeat(5000));
  await until(() => client.lines.at(-1) === 'Goodbye: line too long' && client.closed, 'the goodbye');
  await kernel.stop();
});

test.serial('clock, in JavaScript from an npm package, keeps each session\'s time zone through a swap', async (t) => {
  const folder = copyOf(t, 'clock-js');
  const project = temporaryFolder(t);
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(folder, join(project, 'node_modules', 'wcs-plugin-clock'));
  const [port = 0] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { clock: { package: 'wcs-plugin-clock', port, periodMs: 10 } }, packagesFrom: project });
  const client = new LineClient(port);
  await until(() => /^\d\d:\d\d:\d\d UTC$/.test(client.lines[0] ?? ''), 'the first line');
  client.socket.write('Asia/Tokyo\n');
  await until(() => client.lines.at(-1)?.endsWith(' Asia/Tokyo'), 'the other zone');
  edit(join(folder, 'clock.plugin.js'), '`${timeIn(', '`now ${timeIn(');
  t.like(await kernel.call('plugin.reload', { name: 'clock' }), { outcome: 'swapped', lastSwap: { moved: 1, draining: 0 } });
  await until(() => /^now \d\d:\d\d:\d\d Asia\/Tokyo$/.test(client.lines.at(-1) ?? ''), 'the new code');
  t.regex(String(await kernel.call('clock.time')), /^\d\d:\d\d:\d\d$/);
  await t.throwsAsync(kernel.call('clock.time', { zone: 'Moon' }), { message: /zone/ });
  client.socket.destroy();
  await kernel.stop();
});

test.serial('prebuilt bundles run as the sources do, and the sources win where both are', async (t) => {
  const root = temporaryFolder(t);
  const librariesFolder = join(checkout, 'core');
  t.deepEqual([...(await prebuildPlugins({ from: join(checkout, 'examples'), to: join(root, 'dist', 'plugins'), librariesFolder }))].sort(), ['clock', 'hello']);
  const [port = 0] = await freePorts(1);
  const prebuilt = await startTestKernel({ root, plugins: { hello: { port } } });
  t.true(prebuilt.kernel.host.slot('hello').source?.prebuilt);
  await greetOnce(t, port);
  await prebuilt.stop();
  cpSync(join(checkout, 'examples', 'hello-ts'), join(root, 'plugins', 'hello'), { recursive: true });
  const sources = await startTestKernel({ root, plugins: { hello: { port } } });
  t.false(sources.kernel.host.slot('hello').source?.prebuilt);
  await greetOnce(t, port);
  await sources.stop();
});
