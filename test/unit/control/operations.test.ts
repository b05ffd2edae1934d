import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ERRORS } from '../../../core/errors/codes.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import type { Publication } from '../../../core/media/publication.ts';
import { AUDIO, META, video, VIDEO } from '../../support/media.ts';
import { toyPlugin } from '../../support/toy-plugin.ts';
import { startTestKernel, type TestKernel } from '../../support/test-kernel.ts';

let kernel: TestKernel;
test.before(async () => {
  kernel = await startTestKernel({ config: { log: { level: 'silent' } } });
});
test.after.always(() => kernel.stop());

function publish(name: string, sessionId: string): { publication: Publication; ended: string[] } {
  const ended: string[] = [];
  const publication = kernel.kernel.parts.media.publish({ name, owner: sessionId, tracks: [VIDEO, AUDIO], meta: { ...META, sessionId }, onTerminate: (reason) => ended.push(reason) });
  return { publication, ended };
}

async function namesOf(filter: object): Promise<string[]> {
  return ((await kernel.call('stream.find', filter)) as { name: string }[]).map(({ name }) => name).sort();
}

async function refused(t: ExecutionContext, operation: string, input: object, code: keyof typeof ERRORS): Promise<void> {
  const error = await t.throwsAsync(kernel.call(operation, input), { instanceOf: WcsError }, operation);
  t.is(error.code, code, operation);
}

test.serial('stream.find narrows by every field given and counts the viewers of each stream', async (t) => {
  const { sessions } = kernel.kernel.parts;
  const [a, b] = [publish('a', 's-a'), publish('b', 's-b')];
  const viewer = sessions.open({ protocol: 'x', plugin: 'x', kind: 'client', kill: () => undefined });
  viewer.update({ role: 'play', streamName: 'a' });
  a.publication.write(video(0, true));
  t.deepEqual(await namesOf({}), ['a', 'b']);
  t.deepEqual(await namesOf({ name: 'a' }), ['a']);
  t.deepEqual(await namesOf({ sessionId: 's-b' }), ['b']);
  t.deepEqual(await namesOf({ mediaSessionId: a.publication.stream.id }), ['a']);
  t.deepEqual(await namesOf({ mediaSessionIds: [a.publication.stream.id, b.publication.stream.id, 'none'] }), ['a', 'b']);
  t.deepEqual(await namesOf({ status: 'PUBLISHING', published: 'true' }), ['a', 'b']);
  b.publication.suspend('gone for a moment');
  t.deepEqual(await namesOf({ status: 'PENDING' }), ['b']);
  const rows = (await kernel.call('stream.find', { display: ['metrics'] })) as Record<string, unknown>[];
  t.like(rows.find(({ name }) => name === 'a'), { viewers: 1, hasVideo: true, videoCodec: 'h264', audioCodec: 'aac/48000/2', mediaProvider: 'test', status: 'PUBLISHING' });
  t.like(rows.find(({ name }) => name === 'a')?.metrics, { VIDEO_CODEC: 'h264', VIDEO_K_FRAMES: 1, VIDEO_P_FRAMES: 0 });
  t.is(rows.find(({ name }) => name === 'b')?.viewers, 0);
  viewer.close();
  a.publication.end('done');
  b.publication.end('done');
});

test.serial('what is not there is a 404, whoever asks for it', async (t) => {
  t.is(ERRORS.MEDIA_E_NOT_FOUND, 'notFound');
  t.is(ERRORS.SESSION_E_NOT_FOUND, 'notFound');
  await refused(t, 'stream.find', { name: 'nothing' }, 'MEDIA_E_NOT_FOUND');
  await refused(t, 'stream.find', { published: false }, 'MEDIA_E_NOT_FOUND');
  await refused(t, 'stream.find_all', {}, 'MEDIA_E_NOT_FOUND');
  await refused(t, 'stream.terminate', { name: 'nothing' }, 'MEDIA_E_NOT_FOUND');
  await refused(t, 'stream.metrics', { mediaSessionId: 'nothing' }, 'MEDIA_E_NOT_FOUND');
  await refused(t, 'connection.find_all', {}, 'SESSION_E_NOT_FOUND');
  await refused(t, 'connection.terminate', { sessionId: 'nobody' }, 'SESSION_E_NOT_FOUND');
  await refused(t, 'plugin.info', { name: 'nothing' }, 'PLUGIN_E_NOT_FOUND');
  await refused(t, 'plugin.disable', { name: 'nothing' }, 'PLUGIN_E_NOT_FOUND');
  await refused(t, 'plugin.enable', {}, 'OPERATION_E_INPUT');
  await refused(t, 'no.such', {}, 'OPERATION_E_UNKNOWN');
});

test.serial('stream.terminate ends what matches and tells the publisher, and nothing else', async (t) => {
  const [a, b] = [publish('a', 's-a'), publish('b', 's-b')];
  await kernel.call('stream.terminate', { name: 'a' });
  t.deepEqual([a.ended, b.ended], [['Stopped by rest /terminate'], []]);
  t.deepEqual(await namesOf({}), ['b']);
  await kernel.call('stream.terminate');
  t.deepEqual(b.ended, ['Stopped by rest /terminate']);
  await refused(t, 'stream.find_all', {}, 'MEDIA_E_NOT_FOUND');
});

test.serial('session.kill asks the owner with the reason, and session.list narrows', async (t) => {
  const { sessions } = kernel.kernel.parts;
  const reasons: string[] = [];
  const open = (protocol: string): ReturnType<typeof sessions.open> => sessions.open({ protocol, plugin: 'p', kind: 'client', peer: { address: '127.0.0.1', port: 9 }, kill: (reason) => reasons.push(reason) });
  const [one, two] = [open('x'), open('y')];
  t.like(await kernel.call('session.list', { protocol: 'x' }), [{ sessionId: one.id, peer: '127.0.0.1:9' }]);
  t.is(((await kernel.call('connection.find_all')) as unknown[]).length, 2);
  await kernel.call('session.kill', { sessionId: two.id });
  t.deepEqual(reasons, ['Stopped by rest /terminate']);
  one.close();
  two.close();
});

test.serial('config.set, unset and diff show what changes, with secrets hidden', async (t) => {
  t.like(await kernel.call('config.set', { path: 'plugins.echo.token', value: 'very-secret' }), [{ path: 'plugins.echo.token' }]);
  t.like(await kernel.call('config.set', { path: 'log.level', value: 'error' }), [{ path: 'log.level', from: 'silent', to: 'error' }]);
  const shown = JSON.stringify([await kernel.call('config.get', { path: 'plugins.echo' }), await kernel.call('config.set', { path: 'plugins.echo.token', value: 'other-secret' })]);
  t.notRegex(shown, /very-secret|other-secret/);
  t.regex(shown, /plugins\.echo\.token/);
  const text = JSON.stringify({ network: { host: '127.0.0.1' }, plugins: { echo: { password: 'third-secret', size: 3 } } });
  const diff = (await kernel.call('config.diff', { text })) as { changes: { path: string }[]; problems: unknown[] };
  t.deepEqual(diff.problems, []);
  t.true(diff.changes.some(({ path }) => path === 'plugins.echo.size'));
  t.notRegex(JSON.stringify(diff), /-secret/);
  t.is(kernel.kernel.parts.config.plugin('echo').settings.size, undefined, 'a diff changes nothing');
  t.regex(JSON.stringify(await kernel.call('config.diff', { text: 'network: { hots: x }' })), /hots/);
  t.is(((await kernel.call('config.unset', { path: 'plugins.echo' })) as unknown[]).length, 1);
  t.like(await kernel.call('config.unset', { path: 'log.level' }), [{ path: 'log.level', to: 'silent' }]);
  await refused(t, 'config.set', { path: 'log.level', value: 'shouting' }, 'CONFIG_E_INVALID');
});

test.serial('ports.list counts what is taken and what rests', async (t) => {
  const port = kernel.kernel.parts.ports.single('media');
  const rowOf = async (): Promise<unknown> => ((await kernel.call('ports')) as { range: string }[]).find(({ range }) => range === 'media');
  t.like(await rowOf(), { busy: 1, quarantined: 0 });
  port.release();
  t.like(await rowOf(), { busy: 0, quarantined: 1 });
});

test.serial('stat.show gives all groups or one', async (t) => {
  const all = (await kernel.call('stat')) as { group: string; name: string; value: number }[];
  t.true(new Set(all.map(({ group }) => group)).size > 4);
  const one = (await kernel.call('stat', { group: 'plugin_stats' })) as typeof all;
  t.deepEqual(one.map(({ name, value }) => [name, value]), [['plugins_active', 0], ['plugins_failed', 0], ['plugin_generations_uncollected', 0]]);
});

test.serial('a viewer reads and does not change', async (t) => {
  const call = { caller: { kind: 'rest' as const, user: 'v', role: 'viewer' as const }, signal: new AbortController().signal };
  const { operations } = kernel.kernel.parts;
  await t.notThrowsAsync(operations.call('plugin.list', {}, call));
  for (const { name } of operations.list().filter(({ name: each }) => /set|unset|kill|terminate|enable|disable|reload|rollback|level|config/.test(each))) {
    const error = await t.throwsAsync(operations.call(name, {}, call), { instanceOf: WcsError }, name);
    t.is(error.code, 'ACCESS_E_REFUSED', name);
  }
});

test.serial('health is starting, ok, degraded while an enabled plugin does not serve or says that it can not in full, and stopping', async (t) => {
  const other = await startTestKernel({ config: { log: { level: 'silent' } } });
  t.like(other.kernel.status.health(), { status: 'ok', plugins: [] });
  writeFileSync(join(other.folder, 'broken.plugin.js'), 'throw new Error("at load");');
  await t.throwsAsync(async () => {
    await other.call('config.set', { path: 'plugins.broken.path', value: other.folder });
    await other.kernel.host.settled('broken');
  }, { message: /at load/ });
  t.like(other.kernel.status.health(), { status: 'degraded', plugins: [{ name: 'broken', state: 'failed' }] });
  await other.call('config.unset', { path: 'plugins.broken' });
  const folder = mkdtempSync(join(other.folder, 'half-'));
  writeFileSync(join(folder, 'half.plugin.ts'), toyPlugin('half', '1', { module: 'let away = true;', prepare: "register(ctx, 'mend', () => (away = false));", methods: "trouble: () => (away ? 'a half of it is away' : undefined)," }));
  await other.call('config.set', { path: 'plugins.half.path', value: folder });
  await other.kernel.host.settled('half');
  t.like(other.kernel.status.health(), { status: 'degraded', plugins: [{ name: 'half', state: 'active', trouble: 'a half of it is away' }] });
  await other.call('half.mend');
  t.is(other.kernel.status.health().status, 'ok');
  const stopping = other.stop();
  t.is(other.kernel.status.health().status, 'stopping');
  await stopping;
});
