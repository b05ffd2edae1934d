import { connect } from 'node:net';
import test from 'ava';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { toyPlugin } from '../../support/toy-plugin.ts';
import { until } from '../../support/until.ts';

/** Sessions without connections, opened by an operation; `take` and `give` are statements of the hand-over. */
function dialogs(version: string, { take = '', give = '', handoff = true } = {}): string {
  return toyPlugin('toy', version, {
    manifest: handoff ? 'handoff: 1' : '',
    prepare: `
      register(ctx, 'open', () => {
        const session = ctx.sessions.open({ protocol: 'toy', kind: 'client' });
        session.entry.update({ state: 'UP', bytesIn: () => 42 });
        session.onGoodbye = (reason) => { globalThis.goodbyes = [...(globalThis.goodbyes ?? []), '${version}: ' + reason]; };
        session.publish({ name: 'toy-stream', owner: 'toy', meta: { protocol: 'toy' } });
        return session.id;
      });`,
    methods: `
      exportSession(session) { ${give} return {}; },
      importSession(session) { session.onGoodbye = (reason) => { globalThis.goodbyes = [...(globalThis.goodbyes ?? []), '${version}: ' + reason]; }; ${take} }`,
  });
}

declare global {
  var goodbyes: string[] | undefined;
  var handshaking: boolean | undefined;
}

async function withDialogs(run: (kit: { kernel: TestKernel; plugin: PluginFolder; id: string }) => Promise<void>): Promise<void> {
  globalThis.goodbyes = undefined;
  const plugin = new PluginFolder('toy', dialogs('v1'));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder, drainMs: 60_000 } } });
  try {
    await run({ kernel, plugin, id: (await kernel.call('toy.open')) as string });
  } finally {
    await kernel.stop();
    plugin.remove();
  }
}

const rowOf = async (kernel: TestKernel): Promise<unknown> => ((await kernel.call('session.list')) as unknown[])[0];

test.serial('a session that moved keeps its counts as numbers, and is killed by the version that has it', async (t) => {
  await withDialogs(async ({ kernel, plugin, id }) => {
    plugin.write(dialogs('v2'));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { lastSwap: { moved: 1, draining: 0 } });
    t.like(await rowOf(kernel), { sessionId: id, state: 'UP', bytesIn: 42 });
    const slot = kernel.kernel.host.slot('toy');
    await until(() => {
      global.gc?.();
      return slot.uncollected === 0;
    }, 'the old code to be collected while the session lives');
    await kernel.call('session.kill', { sessionId: id });
    t.deepEqual(globalThis.goodbyes, ['v2: Stopped by rest /terminate']);
    t.is(kernel.kernel.parts.sessions.count(), 0);
  });
});

test.serial('a session that the new version refuses keeps its facts, and is killed by the version that has it', async (t) => {
  await withDialogs(async ({ kernel, plugin, id }) => {
    plugin.write(dialogs('v2', { take: 'session.entry.update({ state: "MOVING", bytesIn: () => 1 }); throw new Error("not mine");' }));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { lastSwap: { moved: 0, draining: 1 } });
    t.like(await rowOf(kernel), { state: 'UP', bytesIn: 42 });
    t.is(kernel.kernel.parts.media.find('toy-stream')?.state, 'live');
    await kernel.call('session.kill', { sessionId: id });
    t.deepEqual(globalThis.goodbyes, ['v1: Stopped by rest /terminate']);
    t.is(kernel.kernel.parts.sessions.count(), 0);
    await until(() => kernel.kernel.host.slot('toy').draining.size === 0, 'the previous version to retire');
  });
});

for (const [what, hooks] of [
  ['the old version closes while it exports', { give: 'session.close("over");' }],
  ['the new version closes while it imports', { take: 'session.close("over");' }],
  ['the new version closes and then throws', { take: 'session.close("over"); throw new Error("after that");' }],
] as const) {
  test.serial(`a session that ${what} is gone from both`, async (t) => {
    await withDialogs(async ({ kernel, plugin }) => {
      plugin.write(dialogs('v2', hooks));
      await kernel.call('plugin.reload', { name: 'toy' });
      plugin.write(dialogs('v3'));
      if ('give' in hooks) {
        await kernel.call('toy.open').catch(() => undefined);
        await kernel.call('plugin.reload', { name: 'toy' });
      }
      const { host, parts } = kernel.kernel;
      await until(() => host.slot('toy').draining.size === 0, 'the previous version to retire');
      t.is(host.slot('toy').active?.sessions.size, parts.sessions.count(), 'every session of the plugin is on the list');
      t.true((globalThis.goodbyes ?? []).some((line) => line.endsWith(': over')));
      t.is(host.slot('toy').faultsSeen, 0);
    });
  });
}

test.serial('a release of a session that throws is a fault of the plugin and of nobody else', async (t) => {
  const plugin = new PluginFolder('toy', toyPlugin('toy', 'v1', { prepare: `
    register(ctx, 'open', () => { const session = ctx.sessions.open({ protocol: 'toy', kind: 'client' }); session.scope.add('bad', () => { throw new Error('bad release'); }); return session.id; });` }));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder } } });
  await kernel.call('session.kill', { sessionId: await kernel.call('toy.open') });
  await until(() => kernel.kernel.host.slot('toy').faultsSeen === 1, 'the fault');
  t.is(kernel.kernel.parts.sessions.count(), 0);
  await kernel.stop();
  plugin.remove();
});

test.serial('a version that drains does not take a listener from the one that serves', async (t) => {
  const [port = 0] = await freePorts(1);
  const code = (version: string): string =>
    toyPlugin('toy', version, {
      prepare: `
        await ctx.listen.http({ port: ${port}, tls: false, http2: false }, { onRequest: (exchange) => exchange.response.end('${version}') });
        const again = () => ctx.listen.http({ port: ${port}, tls: false, http2: false }, { onRequest: (exchange) => exchange.response.end('late ${version}') });
        register(ctx, 'again', () => again);`,
      methods: 'drain: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve()))',
    });
  const plugin = new PluginFolder('toy', code('v1'));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder, drainMs: 1500 } } });
  try {
    const again = (await kernel.call('toy.again')) as () => Promise<unknown>;
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
    t.is(await ask(), 'v1');
    plugin.write(code('v2'));
    await kernel.call('plugin.reload', { name: 'toy' });
    await t.throwsAsync(again, { instanceOf: WcsError, message: /toy@1 is draining; http:127\.0\.0\.1:\d+ is served by toy@2/ });
    t.is(await ask(), 'v2');
    t.is(kernel.kernel.parts.listeners.list()[0]?.leases, 2, 'one of each version');
  } finally {
    await kernel.stop();
    plugin.remove();
  }
});

test.serial('a plugin switched off after a swap takes no connection with the version that still drains', async (t) => {
  const [port = 0] = await freePorts(1);
  const code = (version: string): string =>
    toyPlugin('toy', version, {
      prepare: `await ctx.listen.tcp({ port: ${port} }, (connection) => { connection.end(Buffer.from('${version}')); });`,
      methods: 'drain: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve()))',
    });
  const plugin = new PluginFolder('toy', code('v1'));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder, drainMs: 1500 } } });
  try {
    plugin.write(code('v2'));
    await kernel.call('plugin.reload', { name: 'toy' });
    await kernel.call('plugin.disable', { name: 'toy' });
    const socket = connect(port, '127.0.0.1');
    let got = '';
    socket.on('data', (chunk) => (got += chunk.toString()));
    await new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined));
    t.is(got, '');
    t.is(kernel.kernel.host.slot('toy').draining.size, 2);
  } finally {
    await kernel.stop();
    plugin.remove();
  }
});

test.serial('a session that had no data at the swap moves as soon as it has', async (t) => {
  await withDialogs(async ({ kernel, plugin, id }) => {
    plugin.write(dialogs('v2', { give: 'if (globalThis.handshaking) return undefined;' }));
    await kernel.call('plugin.reload', { name: 'toy' });
    globalThis.handshaking = true;
    plugin.write(dialogs('v3'));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { lastSwap: { moved: 0, draining: 1 } });
    globalThis.handshaking = false;
    const slot = kernel.kernel.host.slot('toy');
    await until(() => slot.active?.sessions.size === 1, 'the session to move');
    t.like(await rowOf(kernel), { sessionId: id, state: 'UP' });
    await kernel.call('session.kill', { sessionId: id });
    t.deepEqual(globalThis.goodbyes, ['v3: Stopped by rest /terminate']);
  });
});
