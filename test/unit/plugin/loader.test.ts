import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { typeInfo } from 'tsyringe/dist/cjs/dependency-container.js';
import * as api from '../../../core/api.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { loadPlugin, type LoadedPlugin } from '../../../core/plugin/loader.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
mkdirSync(join(folder, 'node_modules', 'shipped'), { recursive: true });
writeFileSync(join(folder, 'node_modules', 'shipped', 'package.json'), '{"name":"shipped","main":"main.js"}');
writeFileSync(join(folder, 'node_modules', 'shipped', 'main.js'), 'module.exports = { answer: 42 };');

const definition = 'manifest: { name: "echo", version: "1.0.0", apiVersion: "^1.0.0" }, create: () => ({})';

function load(text: string): LoadedPlugin {
  const hash = createHash('sha256').update(text).digest('hex');
  return loadPlugin({ name: 'echo', folder, entry: join(folder, 'echo.cjs'), prebuilt: true }, { text, hash, inputs: [] }, 'echo@3', new Map<string, unknown>([['wcs-core', api]]));
}

test.serial('host modules are the kernel\'s own, packages come from the plugin\'s folder, and require.resolve finds their files', (t) => {
  const { definition: loaded } = load(`const { answer } = require('shipped'); module.exports = { ${definition}, api: require('wcs-core'), answer, at: require.resolve('shipped') };`);
  t.like(loaded, { answer: 42, at: join(folder, 'node_modules', 'shipped', 'main.js') });
  t.is((loaded as unknown as { api: unknown }).api, api);
});

test.serial('an error names the plugin, and its stack the generation', (t) => {
  const error = t.throws(() => load('\nthrow new Error("at load");'), { instanceOf: WcsError, message: 'Plugin echo failed while its module was evaluated: at load' });
  t.is(error.code, 'PLUGIN_E_EVALUATE');
  t.regex((error.cause as Error).stack ?? '', /plugin:\/\/echo@3\/echo\.cjs:2/);
  t.throws(() => load('module.exports = {'), { instanceOf: WcsError, message: /while its module was evaluated: Unexpected/ });
  t.throws(() => load('require("not-installed")'), { instanceOf: WcsError, message: /Cannot find module 'not-installed'/ });
});

const DECORATED = 'const { injectable } = require("wcs-core"); class Left {} injectable()(Left);';

test.serial('decorated classes are handed out for eviction, and evicted at once when the code is refused', (t) => {
  const before = typeInfo.size;
  const { classes } = load(`${DECORATED} module.exports = { ${definition} };`);
  t.deepEqual(classes.map(({ name }) => name), ['Left']);
  for (const each of classes) typeInfo.delete(each);
  t.throws(() => load(`${DECORATED} throw new Error("late");`), { instanceOf: WcsError });
  t.is(typeInfo.size, before, 'after a throw');
  t.throws(() => load(`${DECORATED} module.exports = { manifest: {}, create() {} };`), { instanceOf: WcsError });
  t.is(typeInfo.size, before, 'after a manifest that is refused');
});
