import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { Config } from '../../../core/config/config.ts';
import { maskChange, type Change } from '../../../core/config/diff.ts';
import type { Problem } from '../../../core/config/problem.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

function setUp(text: string | undefined, env: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const file = join(folder, 'wcs.yml');
  if (text !== undefined) writeFileSync(file, text);
  const stateDir = join(folder, 'state');
  return { file, stateDir, load: () => Config.load({ file, stateDir, env }) };
}

async function problemsOf(text: string, env: Record<string, string> = {}): Promise<readonly Problem[]> {
  try {
    await setUp(text, env).load();
    return [];
  } catch (error) {
    if (error instanceof WcsError && error.code === 'CONFIG_E_INVALID') return error.details['problems'] as Problem[];
    throw error;
  }
}

test('nothing configured gives the defaults', async (t) => {
  const { load, stateDir } = setUp(undefined);
  const config = await load();
  t.deepEqual(config.kernel.ports.calls, { from: 30000, to: 30999 });
  t.deepEqual(config.kernel.ports.media, { from: 31000, to: 31999 });
  t.is(config.kernel.admin.user, 'admin');
  t.is(config.kernel.network.host, '0.0.0.0');
  t.is(config.source('log.level'), 'default');
  t.is(statSync(stateDir).mode & 0o777, 0o700);
});

test('file, environment and run time cover each other in this order and each value knows its source', async (t) => {
  const { load, stateDir } = setUp('log: { level: warn }\nports:\n  cameras: { from: 40000, to: 40100 }\nnetwork:\n', { WCS_LOG_LEVEL: 'debug', wcs_ports_cameras_to: '40200' });
  const config = await load();
  t.is(config.kernel.log.level, 'debug');
  t.deepEqual(config.kernel.ports.cameras, { from: 40000, to: 40200 });
  t.is(config.source('ports.cameras.from'), 'file');
  t.is(config.source('ports.cameras.to'), 'environment');
  t.deepEqual(await config.set('log.level', 'trace'), [{ path: 'log.level', from: 'debug', to: 'trace', source: 'runtime' }]);
  t.is((await load()).kernel.log.level, 'trace');
  t.is(statSync(join(stateDir, 'overrides.json')).mode & 0o777, 0o600);
  t.deepEqual(await config.unset('log'), [{ path: 'log.level', from: 'trace', to: 'debug', source: 'environment' }]);
  t.is((await load()).source('log.level'), 'environment');
});

test('a mistyped key is told with its line and the nearest key', async (t) => {
  t.deepEqual(await problemsOf('log:\n  level: info\nports:\n  media:\n    form: 31000\n'), [{ line: 5, column: 5, key: 'ports.media.form', message: 'unknown setting; did you mean "from"?' }]);
  const [far] = await problemsOf('zzzzzzzz: 1\n');
  t.true(far?.message.startsWith('unknown setting; there are log, network'));
});

test('wrong values, YAML errors and doubled keys are told with their line', async (t) => {
  const [type] = await problemsOf('log:\n  level: loud\n');
  t.like(type, { line: 2, column: 3, key: 'log.level' });
  const [range] = await problemsOf('ports:\n  media: { from: 2, to: 1 }\n');
  t.like(range, { line: 2, key: 'ports.media', message: '"from" is above "to"' });
  t.like((await problemsOf('log:\n  level: info\n level: x\n'))[0], { key: '' });
  t.like((await problemsOf('a: 1\na: 2\n'))[0], { line: 2, column: 1 });
  t.like((await problemsOf('- a\n'))[0], { line: 1, message: 'the text must be settings of the form "key: value"' });
  t.like((await problemsOf('plugins: { a: { __proto__: { b: 1 } } }'))[0], { message: 'the key "__proto__" is not allowed' });
  t.regex((await problemsOf('', { WCS_LOG_LEVEL: 'loud' }))[0]?.message ?? '', /from the environment, WCS_LOG_LEVEL/);
});

const rtmp = z.object({ port: z.number().int().default(1935), name: z.string().default('x'), password: z.string().optional(), origins: z.array(z.string()).default([]) });

test("a plugin's settings are validated by its own schema, by line, and completed", async (t) => {
  const { load } = setUp('plugins:\n  rtmp:\n    port: 1936\n    drainMs: 5\n  calls: off\n  hls: on\n', { WCS_PLUGINS_RTMP_NAME: '007', WCS_PLUGINS_RTMP_ORIGINS: 'a, b', WCS_PLUGINS_CDN_ENABLED: 'false', WCS_NONSENSE: '1' });
  const config = await load();
  t.deepEqual(config.plugin('rtmp').settings, { port: 1936 });
  const release = config.registerPluginSchema('rtmp', rtmp);
  t.deepEqual(config.plugin('rtmp'), { enabled: undefined, path: undefined, package: undefined, drainMs: 5, settings: { port: 1936, name: '007', origins: ['a', 'b'] } });
  t.deepEqual([config.plugin('calls').enabled, config.plugin('hls').enabled, config.plugin('cdn').enabled, config.plugin('none').enabled], [false, true, false, undefined]);
  t.deepEqual(config.unmatchedVariables(), ['WCS_NONSENSE']);
  const strict = t.throws(() => config.registerPluginSchema('rtmp', z.object({ prot: z.number().optional() })), { instanceOf: WcsError });
  t.true(strict.message.includes('line 3, column 5: plugins.rtmp.port: unknown setting; did you mean "prot"?'), strict.message);
  t.is(config.plugin('rtmp').settings['name'], '007');
  release();
  t.deepEqual(config.plugin('rtmp').settings, { port: 1936 });
});

test('schemas of two generations may be released in either order', async (t) => {
  const config = await setUp('').load();
  const settings = () => config.plugin('rtmp').settings;
  const releaseOld = config.registerPluginSchema('rtmp', z.object({ v: z.number().default(1) }));
  const releaseNew = config.registerPluginSchema('rtmp', z.object({ v: z.number().default(2) }));
  releaseOld();
  t.deepEqual(settings(), { v: 2 });
  const releaseFailed = config.registerPluginSchema('rtmp', z.object({ v: z.number().default(3) }));
  releaseFailed();
  t.deepEqual(settings(), { v: 2 });
  releaseNew();
  t.deepEqual(settings(), {});
});

test('a switch in a higher layer adds to the section below it', async (t) => {
  const { load } = setUp('plugins: { rtmp: { port: 1940 } }', { WCS_PLUGINS_RTMP: 'off' });
  const config = await load();
  t.like(config.plugin('rtmp'), { enabled: false, settings: { port: 1940 } });
  await config.set('plugins.rtmp', 'on');
  t.like(config.plugin('rtmp'), { enabled: true, settings: { port: 1940 } });
  await config.set('plugins.rtmp.port', 1950);
  t.like(config.plugin('rtmp'), { enabled: true, settings: { port: 1950 } });
});

test('what is not valid is refused at run time and changes nothing, also on disk', async (t) => {
  const { load, stateDir } = setUp('');
  const config = await load();
  await config.set('plugins.new.x', 1);
  const before = readFileSync(join(stateDir, 'overrides.json'), 'utf8');
  for (const [path, value] of [['log.level', 'loud'], ['log.lvel', 'info'], ['', 1], ['a..b', 1], ['plugins.__proto__.x', 1], ['log.level', null]] as const) {
    await t.throwsAsync(config.set(path, value), { instanceOf: WcsError }, path);
  }
  t.is(readFileSync(join(stateDir, 'overrides.json'), 'utf8'), before);
  await Promise.all([config.set('log.level', 'warn'), config.set('media.gopCacheFrames', 7), config.set('plugins.new.x', 2)]);
  const again = await load();
  t.deepEqual([again.kernel.log.level, again.kernel.media.gopCacheFrames, again.plugin('new').settings], ['warn', 7, { x: 2 }]);
});

test('a preview shows what would change and changes nothing; secrets are masked where they are shown', async (t) => {
  const { load } = setUp('plugins: { rtmp: { port: 1, password: hunter22 } }\ntls: { cert: a.pem, key: b.pem }\n');
  const config = await load();
  const { changes } = config.preview('plugins: { rtmp: { port: 2, password: hunter33 } }\n');
  t.deepEqual(changes.map(({ path }) => path), ['plugins.rtmp.password', 'plugins.rtmp.port', 'tls.cert', 'tls.key']);
  t.false(JSON.stringify(changes.map(maskChange)).includes('hunter'));
  t.is(config.plugin('rtmp').settings['port'], 1);
  t.is(config.preview('log: {').problems.length > 0, true);
  const entries = config.entries();
  t.false(JSON.stringify(entries).includes('hunter'));
  t.deepEqual(entries.find(({ path }) => path === 'tls.key'), { path: 'tls.key', value: 'b.pem', source: 'file' });
  t.deepEqual(entries.find(({ path }) => path === 'ports.calls.from'), { path: 'ports.calls.from', value: 30000, source: 'default' });
});

test('the watched file is taken when it is valid, reported when it is not, and may appear later', async (t) => {
  const { load, file } = setUp(undefined);
  const config = await load();
  const changes: Change[] = [];
  const problems: Problem[] = [];
  const stop = config.watch((some) => changes.push(...some), (some) => problems.push(...some));
  writeFileSync(file, 'log: { level: debug }\n');
  await until(() => changes.length === 1, 'the first change');
  t.is(config.kernel.log.level, 'debug');
  writeFileSync(file, 'log: { level: nonsense }\n');
  await until(() => problems.length === 1, 'the problem');
  t.is(config.kernel.log.level, 'debug');
  writeFileSync(file, 'log: { level: error }\n');
  await until(() => changes.length === 2, 'the second change');
  await config.set('log.level', 'trace');
  t.like(changes[2], { from: 'error', to: 'trace', source: 'runtime' });
  await stop();
});

test('a file that was asked for but is missing, and damaged run-time settings, are told by name', async (t) => {
  const { file, stateDir, load } = setUp(undefined);
  const missing = await t.throwsAsync(Config.load({ file, fileRequired: true, stateDir, env: {} }), { instanceOf: WcsError });
  t.is(missing.code, 'CONFIG_E_UNREADABLE');
  writeFileSync(join(stateDir, 'overrides.json'), '{"log.level":');
  const damaged = await t.throwsAsync(load(), { instanceOf: WcsError });
  t.true(damaged.message.includes('overrides.json'));
});
