import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { discoverPlugins, discoverPrebuilt, pluginFromFolder, pluginFromPackage } from '../../../core/plugin/plugin-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const root = temporaryFolder();

function file(path: string, text = ''): string {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

test('a folder of plugins gives one for each sub-folder with an entry, links included', (t) => {
  const entry = file('many/one/one.plugin.ts');
  file('many/not-a-plugin/readme.md');
  file('many/readme.md');
  file('elsewhere/two.plugin.js');
  symlinkSync(join(root, 'elsewhere'), join(root, 'many', 'linked'));
  t.deepEqual(discoverPlugins(join(root, 'many')).map(({ name }) => name).sort(), ['one', 'two']);
  t.like(discoverPlugins(join(root, 'many')).find(({ name }) => name === 'one'), { entry, prebuilt: false, folder: dirname(entry) });
});

test('a folder of plugins that is missing or a file holds none', (t) => {
  t.deepEqual(discoverPlugins(join(root, 'missing')), []);
  t.deepEqual(discoverPlugins(file('a-file')), []);
  t.deepEqual(discoverPrebuilt(file('b-file')), []);
});

test('prebuilt bundles are named by their files; maps and hashes are none', (t) => {
  const entry = file('dist/echo.cjs');
  file('dist/echo.cjs.map');
  file('dist/echo.hash');
  t.deepEqual(discoverPrebuilt(join(root, 'dist')), [{ name: 'echo', folder: join(root, 'dist'), entry, prebuilt: true }]);
});

test('a package says its entry by wcsPlugin, else by main', (t) => {
  file('p/node_modules/@team/one/package.json', '{"wcsPlugin":"lib/entry.js","main":"other.js"}');
  const entry = file('p/node_modules/@team/one/lib/entry.js');
  t.like(pluginFromPackage('mine', '@team/one', join(root, 'p')), { name: 'mine', entry });
  file('q/package.json', '{"main":"m.js"}');
  const main = file('q/m.js');
  t.like(pluginFromFolder('q', join(root, 'q')), { entry: main });
});

const BAD: readonly (readonly [string, string | undefined, RegExp])[] = [
  ['no JSON', '{', /Plugin x: .*package\.json is no readable package\.json/],
  ['null', 'null', /holds neither x\.plugin\.ts/],
  ['main is a number', '{"main":1}', /holds neither x\.plugin\.ts/],
  ['main is missing', '{"main":"gone.js"}', /holds neither x\.plugin\.ts/],
  ['no package.json', undefined, /holds neither x\.plugin\.ts \(or \.js\) nor a package\.json with "wcsPlugin" or "main"/],
];
for (const [what, text, sentence] of BAD) {
  test(`a folder without a usable package.json says so: ${what}`, (t) => {
    const folder = join(root, `bad-${what.replaceAll(' ', '-')}`);
    mkdirSync(folder, { recursive: true });
    if (text !== undefined) writeFileSync(join(folder, 'package.json'), text);
    const error = t.throws(() => pluginFromFolder('x', folder), { instanceOf: WcsError, message: sentence });
    t.is(error.code, 'PLUGIN_E_NOT_FOUND');
  });
}

test('a path that is a file and a package that is not installed say so', (t) => {
  t.throws(() => pluginFromFolder('x', file('plain.js')), { instanceOf: WcsError, message: /holds neither/ });
  t.throws(() => pluginFromPackage('x', 'never-installed', root), { instanceOf: WcsError, message: /the package never-installed is not installed; run `npm install never-installed`/ });
});
