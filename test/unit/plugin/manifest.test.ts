import test from 'ava';
import type { ErrorCode } from '../../../core/errors/codes.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { checkDefinition } from '../../../core/plugin/manifest.ts';

const good = { name: 'echo', version: '1.0.0', apiVersion: '^1.0.0' };
const create = (): object => ({});

test('a right definition comes back as it is', (t) => {
  const definition = { manifest: { ...good, requires: ['x'], handoff: 2 }, create };
  t.is<unknown, unknown>(checkDefinition(definition, 'echo'), definition);
});

const WRONG: readonly (readonly [string, unknown, ErrorCode, RegExp])[] = [
  ['no object', 7, 'PLUGIN_E_MANIFEST', /must `export default definePlugin/],
  ['no create', { manifest: good }, 'PLUGIN_E_MANIFEST', /must `export default definePlugin/],
  ['no manifest fields', { manifest: {}, create }, 'PLUGIN_E_MANIFEST', /manifest\.name: .*manifest\.version: .*manifest\.apiVersion: /],
  ['manifest null', { manifest: null, create }, 'PLUGIN_E_MANIFEST', /Plugin echo: manifest/],
  ['bad name', { manifest: { ...good, name: 'Echo!' }, create }, 'PLUGIN_E_MANIFEST', /manifest\.name: lower-case letters, digits and dashes/],
  ['bad version', { manifest: { ...good, version: 'one' }, create }, 'PLUGIN_E_MANIFEST', /manifest\.version: a semantic version such as 1\.0\.0/],
  ['bad range', { manifest: { ...good, apiVersion: 'soon' }, create }, 'PLUGIN_E_MANIFEST', /manifest\.apiVersion: a semver range such as \^1\.0\.0/],
  ['other name', { manifest: { ...good, name: 'other' }, create }, 'PLUGIN_E_MANIFEST', /calls itself other in its manifest; use one name for both/],
  ['other API', { manifest: { ...good, apiVersion: '^9.0.0' }, create }, 'PLUGIN_E_API_VERSION', /^Plugin echo is written for plugin API \^9\.0\.0; this server has 1\.0\.0\.$/],
];

for (const [what, exported, code, sentence] of WRONG) {
  test(`a definition with a fault says which: ${what}`, (t) => {
    const error = t.throws(() => checkDefinition(exported, 'echo'), { instanceOf: WcsError, message: sentence });
    t.is(error.code, code);
  });
}
