import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { bundlePlugin } from '../../../core/plugin/bundler.ts';
import type { PluginSource } from '../../../core/plugin/plugin-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const formats = join(folder, 'formats');
const entry = join(folder, 'echo.plugin.ts');
const source: PluginSource = { name: 'echo', folder, entry, prebuilt: false };

test.serial('equal code has equal hashes, and the hash follows a file that is only imported', async (t) => {
  mkdirSync(formats, { recursive: true });
  writeFileSync(join(formats, 'sum.ts'), 'export const sum = (a: number, b: number) => a + b;');
  writeFileSync(entry, "import { sum } from 'wcs-core/formats/sum'; import pkg from 'some-package'; export default [sum, pkg];");
  const first = await bundlePlugin(source, folder);
  t.is((await bundlePlugin(source, folder)).hash, first.hash);
  t.deepEqual([...first.inputs].sort(), [entry, join(formats, 'sum.ts')].sort());
  t.true(first.text.includes('require("some-package")'), 'packages stay outside');
  writeFileSync(join(formats, 'sum.ts'), 'export const sum = (a: number, b: number) => b + a;');
  t.not((await bundlePlugin(source, folder)).hash, first.hash);
});

test.serial('what does not compile is reported with file, line and column of each error', async (t) => {
  writeFileSync(entry, "import { gone } from './gone.ts';\nexport default gone;\n  const = 3;\n");
  const syntax = await t.throwsAsync(bundlePlugin(source, folder), { instanceOf: WcsError });
  t.is(syntax.code, 'PLUGIN_E_BUILD');
  t.regex(syntax.message, /^Plugin echo does not compile: echo\.plugin\.ts:3:9: /);
  writeFileSync(entry, "import { gone } from './gone.ts';\nexport default gone;\n");
  await t.throwsAsync(bundlePlugin(source, folder), { message: /echo\.plugin\.ts:1:22: Could not resolve "\.\/gone\.ts"/ });
});

test.serial('a missing entry file is an error of the plugin, prebuilt or not', async (t) => {
  rmSync(entry, { force: true });
  for (const prebuilt of [false, true]) {
    const error = await t.throwsAsync(bundlePlugin({ ...source, prebuilt }, folder), { instanceOf: WcsError });
    t.is(error.code, 'PLUGIN_E_BUILD', `prebuilt: ${prebuilt}`);
    t.regex(error.message, /echo/);
  }
});

test.serial('a prebuilt bundle is taken as it is', async (t) => {
  const prebuilt = join(folder, 'echo.cjs');
  writeFileSync(prebuilt, 'module.exports = 1;');
  const bundle = await bundlePlugin({ ...source, entry: prebuilt, prebuilt: true }, folder);
  t.is(bundle.text, 'module.exports = 1;');
  t.deepEqual(bundle.inputs, [prebuilt]);
});
