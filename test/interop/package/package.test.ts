import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ERRORS } from '../../../core/errors/codes.ts';
import { discoverPrebuilt } from '../../../core/plugin/plugin-source.ts';
import { blocksOf, GuideReader } from '../../support/guide-reader.ts';
import { InstalledPackage } from '../../support/installed-package.ts';
import { LineClient } from '../../support/line-client.ts';
import { checkout, freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const guide = readFileSync(join(checkout, 'docs/PLUGINS.md'), 'utf8');
let project: InstalledPackage;

test.before(async () => {
  project = await InstalledPackage.install();
});

test.after.always(() => project.remove());

test.serial('the package has no sources and knows its version', async (t) => {
  const files = readdirSync(join(project.folder, 'node_modules/wcs-core'), { recursive: true }).map(String);
  t.deepEqual(files.filter((file) => /^(?:core|plugins|test)\/.*\.ts$/.test(file)), []);
  const { code, output } = await project.run('wcs-core', ['--version']);
  t.is(code, 0);
  t.regex(output, /^\d+\.\d+\.\d+\n$/);
});

test.serial('plugins made with it compile against its types and pass its conformance kit', async (t) => {
  t.timeout(180_000);
  t.like(await project.run('wcs-core', ['create-plugin', 'line-echo']), { code: 0 });
  t.like(await project.run('wcs-core', ['create-plugin', 'tick', '--js']), { code: 0 });
  const types = await project.run('npm', ['run', '--silent', 'typecheck'], 'line-echo');
  t.is(types.code, 0, types.output);
  await Promise.all(['line-echo', 'tick'].map(async (folder) => {
    const tests = await project.run('npm', ['test', '--silent'], folder);
    t.is(tests.code, 0, tests.output);
    t.regex(tests.output, /5 tests passed/);
  }));
});

test.serial('the libraries and the API can be imported outside of the server', async (t) => {
  const code = "import { definePlugin } from 'wcs-core'; import * as nal from 'wcs-core/formats/nal'; console.log(typeof definePlugin, Object.keys(nal).length > 0)";
  t.like(await project.run(process.execPath, ['--input-type=module', '-e', code]), { code: 0, output: 'function true\n' });
});

test.serial('the server runs from it, and builds a plugin in TypeScript with its libraries', async (t) => {
  const [port = 0] = await freePorts(1);
  await project.run('wcs-core', ['create-plugin', 'greeter']);
  const entry = join(project.folder, 'greeter', 'greeter.plugin.ts');
  const code = readFileSync(entry, 'utf8').replace("'Good day'", '`Good day ${annexBToLengthPrefixed(Uint8Array.of(0, 0, 1, 9)).length}`');
  writeFileSync(entry, `import { annexBToLengthPrefixed } from 'wcs-core/formats/nal';\n${code}`);
  const others: readonly (readonly [string, unknown])[] = discoverPrebuilt(join(project.folder, 'node_modules/wcs-core/dist/plugins')).map(({ name }) => [name, { enabled: false }] as const);
  writeFileSync(join(project.folder, 'wcs.yml'), JSON.stringify({ network: { host: '127.0.0.1' }, plugins: { ...Object.fromEntries(others), greeter: { path: './greeter', port } } }));
  const server = project.start('wcs-core', ['start']);
  let output = '';
  server.stdout?.on('data', (chunk) => (output += String(chunk)));
  server.stderr?.on('data', (chunk) => (output += String(chunk)));
  await until(() => output.includes('is running'), 'the server to start', 60_000);
  const client = new LineClient(port);
  t.is(await client.ask('Ada'), 'Good day 5, Ada! (1)', output);
  t.true(existsSync(join(project.folder, 'state')));
  client.socket.destroy();
});

test.serial('a reader who follows the guide word for word gets what it says', async (t) => {
  t.timeout(240_000);
  const ports = await freePorts(2);
  const project = await InstalledPackage.install({ WCS_URL: `http://127.0.0.1:${ports[1] ?? 0}` });
  const reader = new GuideReader(t, project, ports);
  try {
    for (const block of blocksOf(guide)) await reader.follow(block);
  } finally {
    reader.leave();
    await project.remove();
  }
});

test('the guide explains every error code of plugins', (t) => {
  for (const code of Object.keys(ERRORS).filter((each) => each.startsWith('PLUGIN_E_'))) t.true(guide.includes(`| \`${code}\` |`), code);
});

test('the guide names files and folders that exist', (t) => {
  const named = [...guide.matchAll(/`(examples\/[\w./-]+)`/g)].map(([, path = '']) => path);
  t.true(named.length > 0);
  for (const path of named) t.true(existsSync(join(checkout, path)), path);
});
