import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { typeInfo } from 'tsyringe/dist/cjs/dependency-container.js';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { toyPlugin, type ToyPlugin } from '../../support/toy-plugin.ts';
import { until } from '../../support/until.ts';

interface Kit {
  readonly kernel: TestKernel;
  readonly toys: Readonly<Record<string, PluginFolder>>;
}

async function withToys(toys: Readonly<Record<string, ToyPlugin>>, run: (kit: Kit) => Promise<void> | void): Promise<void> {
  const folders = Object.fromEntries(Object.entries(toys).map(([name, toy]) => [name, new PluginFolder(name, toyPlugin(name, 'v1', toy))]));
  const plugins = Object.fromEntries(Object.entries(folders).map(([name, { folder }]) => [name, { path: folder, drainMs: 200 }]));
  const kernel = await startTestKernel({ config: { log: { level: 'error' } }, plugins });
  try {
    await run({ kernel, toys: folders });
  } finally {
    await kernel.stop();
    for (const folder of Object.values(folders)) folder.remove();
  }
}

const FAULT_VERB = `register(ctx, 'fault', () => { ctx.background(Promise.reject(new Error('on purpose'))); });`;

async function faults(kernel: TestKernel, name: string, count = 5): Promise<void> {
  for (let round = 0; round < count; round++) await kernel.call(`${name}.fault`).catch(() => undefined);
}

const stateOf = (kernel: TestKernel, name: string): string => kernel.kernel.host.slot(name).state;

test.serial('a plugin that fails to prepare, or waits in a circle, leaves the server and the others starting', async (t) => {
  const toys = { bad: { prepare: 'throw new Error("no port");' }, good: {}, left: { manifest: 'after: ["right"]' }, right: { manifest: 'after: ["left"]' } };
  await withToys(toys, ({ kernel }) => {
    t.deepEqual(['bad', 'good', 'left', 'right'].map((name) => stateOf(kernel, name)), ['failed', 'active', 'failed', 'failed']);
    t.regex(kernel.kernel.host.slot('left').error?.message ?? '', /Plugins wait for each other: left -> right -> left/);
    t.is(kernel.kernel.status.health().status, 'degraded');
  });
});

test.serial('new code with too many faults right after its swap gives way to the code before it, once', async (t) => {
  await withToys({ toy: {} }, async ({ kernel, toys }) => {
    toys.toy!.write(toyPlugin('toy', 'v2', { prepare: FAULT_VERB }));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { outcome: 'swapped' });
    await faults(kernel, 'toy');
    await until(async () => (await kernel.call('toy.version')) === 'v1', 'the code before');
    t.is(stateOf(kernel, 'toy'), 'active');
    t.regex(kernel.kernel.host.slot('toy').error?.message ?? '', /^toy@2 had 5 faults within 10 s of its swap; the code before it serves again\. The last fault: on purpose$/);
    t.is(kernel.kernel.host.slot('toy').probation, undefined, 'what was trusted before is not on probation');
    t.like(await kernel.call('plugin.rollback', { name: 'toy' }), { outcome: 'swapped' });
    t.is(await kernel.call('toy.version'), 'v2', 'an operator may insist');
    await faults(kernel, 'toy');
    await until(() => stateOf(kernel, 'toy') === 'failed', 'code that an operator insisted on is taken down');
  });
});

test.serial('faults of the code before a swap do not count against the new code', async (t) => {
  await withToys({ toy: { prepare: FAULT_VERB } }, async ({ kernel, toys }) => {
    await faults(kernel, 'toy', 4);
    toys.toy!.write(toyPlugin('toy', 'v2', { prepare: FAULT_VERB }));
    await kernel.call('plugin.reload', { name: 'toy' });
    await faults(kernel, 'toy', 1);
    t.is(await kernel.call('toy.version'), 'v2');
    t.is(kernel.kernel.host.slot('toy').faultsSeen, 5);
  });
});

test.serial('a rollback of a plugin that was taken down takes the code before the one that failed', async (t) => {
  await withToys({ toy: {} }, async ({ kernel, toys }) => {
    toys.toy!.write(toyPlugin('toy', 'v2', { prepare: FAULT_VERB }));
    await kernel.call('plugin.reload', { name: 'toy' });
    kernel.kernel.host.slot('toy').probation = undefined;
    await faults(kernel, 'toy');
    await until(() => stateOf(kernel, 'toy') === 'failed', 'the take-down');
    await kernel.call('plugin.rollback', { name: 'toy' });
    t.is(await kernel.call('toy.version'), 'v1');
  });
});

test.serial('a restart that comes while the plugin is being switched off does not start it', async (t) => {
  await withToys({ toy: { prepare: FAULT_VERB } }, async ({ kernel }) => {
    const slot = kernel.kernel.host.slot('toy');
    await faults(kernel, 'toy');
    await until(() => slot.state === 'failed', 'the take-down');
    // Holds the plugin's queue over the moment of the restart, so that the restart waits behind the change.
    let letGo = (): void => undefined;
    const held = slot.exclusive(() => new Promise<void>((resolve) => (letGo = resolve)));
    const disabled = kernel.call('plugin.disable', { name: 'toy' });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    letGo();
    await Promise.all([held, disabled]);
    await kernel.kernel.host.settled('toy');
    t.is(slot.state, 'disabled');
    t.is(slot.active, undefined);
  });
});

test.serial('a restart that fails is tried again', async (t) => {
  await withToys({ toy: { prepare: FAULT_VERB } }, async ({ kernel, toys }) => {
    toys.toy!.write('const = broken');
    await faults(kernel, 'toy');
    await until(() => kernel.kernel.host.slot('toy').error?.code === 'PLUGIN_E_BUILD', 'the first restart to fail');
    toys.toy!.write(toyPlugin('toy', 'v2'));
    await until(() => stateOf(kernel, 'toy') === 'active', 'a later restart');
    t.is(await kernel.call('toy.version'), 'v2');
  });
});

test.serial('a change for a plugin that does not exist is reported and reaches nobody else', async (t) => {
  await withToys({ toy: {} }, async ({ kernel }) => {
    await t.throwsAsync(kernel.kernel.host.applyConfig('nobody'), { instanceOf: WcsError, message: /There is no plugin nobody\. Plugins: .*toy/ });
    await t.notThrowsAsync(kernel.call('config.set', { path: 'plugins.nobody.enabled', value: false }));
    await t.throwsAsync(kernel.kernel.host.reload('nobody'), { instanceOf: WcsError });
    await t.throwsAsync(kernel.kernel.host.rollback('nobody'), { instanceOf: WcsError });
  });
});

test.serial('a plugin whose path changes is swapped to the code there, and one whose path is bad says why', async (t) => {
  await withToys({ toy: {} }, async ({ kernel }) => {
    const elsewhere = new PluginFolder('toy', toyPlugin('toy', 'elsewhere'));
    await kernel.call('config.set', { path: 'plugins.toy.path', value: elsewhere.folder });
    await kernel.kernel.host.settled('toy');
    t.is(await kernel.call('toy.version'), 'elsewhere');
    t.is((await kernel.call('plugin.info', { name: 'toy' }) as { source: string }).source, join(elsewhere.folder, 'toy.plugin.ts'));
    await kernel.call('config.set', { path: 'plugins.toy.path', value: '/no/such/folder' });
    await t.throwsAsync(kernel.kernel.host.settled('toy'), { message: /\/no\/such\/folder holds neither toy\.plugin\.ts/ });
    t.is(await kernel.call('toy.version'), 'elsewhere');
    elsewhere.remove();
  });
});

test.serial('settings changed while a plugin is failed start it with them', async (t) => {
  const toy = { prepare: 'if (ctx.settings.good !== true) throw new Error("not yet");' };
  await withToys({ toy }, async ({ kernel }) => {
    t.is(stateOf(kernel, 'toy'), 'failed');
    await kernel.call('config.set', { path: 'plugins.toy.good', value: true });
    await kernel.kernel.host.settled('toy');
    t.is(stateOf(kernel, 'toy'), 'active');
    t.is(kernel.kernel.host.slot('toy').error, undefined);
  });
});

test.serial('a rollback after a change of settings runs the old code with the present settings', async (t) => {
  const verb = { prepare: 'register(ctx, "shade", () => ctx.settings.shade);', methods: 'reconfigure: () => "applied" as const' };
  await withToys({ toy: verb }, async ({ kernel, toys }) => {
    await kernel.call('config.set', { path: 'plugins.toy.shade', value: 'red' });
    await kernel.kernel.host.settled('toy');
    t.is(await kernel.call('toy.shade'), 'red');
    toys.toy!.write(toyPlugin('toy', 'v2', verb));
    await kernel.call('plugin.reload', { name: 'toy' });
    await kernel.call('config.set', { path: 'plugins.toy.shade', value: 'blue' });
    await kernel.call('plugin.rollback', { name: 'toy' });
    t.deepEqual([await kernel.call('toy.version'), await kernel.call('toy.shade')], ['v1', 'blue']);
  });
});

test.serial('a plugin that waits for another starts when that one does, and both stop in one cascade', async (t) => {
  const toys = { base: { manifest: 'provides: ["ground"], enabledByDefault: false' }, house: { manifest: 'requires: ["ground"], provides: ["roof"]' }, bird: { manifest: 'requires: ["roof"]' } };
  await withToys(toys, async ({ kernel }) => {
    t.deepEqual(['base', 'house', 'bird'].map((name) => stateOf(kernel, name)), ['disabled', 'failed', 'failed']);
    await kernel.call('plugin.enable', { name: 'base' });
    await until(() => stateOf(kernel, 'bird') === 'active', 'the plugins that waited');
    const refused = await t.throwsAsync(kernel.call('plugin.disable', { name: 'base' }), { instanceOf: WcsError, message: /Plugin base is needed by bird, house; disable these first or say cascade/ });
    t.is(refused.code, 'PLUGIN_E_REQUIRED');
    t.like(await kernel.call('plugin.info', { name: 'base' }), { neededBy: ['bird', 'house'], state: 'active', canRollBack: false });
    await kernel.call('plugin.disable', { name: 'base', cascade: true });
    t.deepEqual(['base', 'house', 'bird'].map((name) => stateOf(kernel, name)), ['disabled', 'disabled', 'disabled']);
  });
});

test.serial('code that makes a circle with what serves is refused, and the server still stops in order', async (t) => {
  await withToys({ one: { manifest: 'provides: ["x"]' }, two: { manifest: 'requires: ["x"]' } }, async ({ kernel, toys }) => {
    toys.one!.write(toyPlugin('one', 'v2', { manifest: 'provides: ["x"], after: ["two"]' }));
    const error = await t.throwsAsync(kernel.call('plugin.reload', { name: 'one' }), { instanceOf: WcsError });
    t.is(error.code, 'PLUGIN_E_CYCLE');
    t.is(await kernel.call('one.version'), 'v1');
  });
});

test.serial('a plugin switched off after a swap is not served by the version that still drains', async (t) => {
  await withToys({ toy: { methods: 'drain: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve()))' } }, async ({ kernel, toys }) => {
    toys.toy!.write(toyPlugin('toy', 'v2'));
    await kernel.call('plugin.reload', { name: 'toy' });
    t.is(kernel.kernel.host.slot('toy').draining.size, 1);
    await kernel.call('plugin.disable', { name: 'toy' });
    await t.throwsAsync(kernel.call('toy.version'), { message: /There is no operation/ });
  });
});

test.serial('versions that are refused, and unchanged ones, leave no class and no settings schema behind', async (t) => {
  const module = 'import { injectable } from "wcs-core"; @injectable() class Kept {}; export const kept = Kept;';
  await withToys({ toy: { module } }, async ({ kernel, toys }) => {
    const before = typeInfo.size;
    await kernel.call('plugin.reload', { name: 'toy' });
    for (const bad of [{ create: 'throw new Error("create");' }, { prepare: 'throw new Error("prepare");' }, { activate: 'throw new Error("activate");' }, { manifest: 'requires: ["nobody"]' }]) {
      toys.toy!.write(toyPlugin('toy', 'bad', { module, ...bad }));
      await t.throwsAsync(kernel.call('plugin.reload', { name: 'toy' }), { instanceOf: WcsError });
      t.is(typeInfo.size, before, JSON.stringify(bad));
    }
    toys.toy!.write(toyPlugin('toy', 'bad', { create: 'throw new Error("no");' }).replace('z.looseObject({})', 'z.strictObject({})'));
    await t.throwsAsync(kernel.call('plugin.reload', { name: 'toy' }), { message: 'Plugin toy threw in create(): no' });
    await t.notThrowsAsync(kernel.call('config.set', { path: 'plugins.toy.anything', value: 1 }), 'the loose schema counts');
  });
});

for (const [what, code] of [['nothing', 'undefined'], ['a promise', 'Promise.resolve({})'], ['a number', '7']] as const) {
  test.serial(`a create() that returns ${what} is refused with a clear sentence`, async (t) => {
    await withToys({ toy: { create: `if (1 + 1 === 2) return ${code};` } }, ({ kernel }) => {
      t.regex(kernel.kernel.host.slot('toy').error?.message ?? '', /create\(\) must return the plugin's instance/);
    });
  });
}

/** Lets what a retired version does afterwards be looked at. */
async function late(t: ExecutionContext, statement: string): Promise<string> {
  let message = '';
  await withToys({ toy: { module: 'let context;', create: 'context = ctx;', prepare: `register(ctx, "late", () => () => { ${statement} });` } }, async ({ kernel }) => {
    const act = (await kernel.call('toy.late')) as () => void;
    await kernel.call('plugin.disable', { name: 'toy' });
    await until(() => kernel.kernel.host.slot('toy').draining.size === 0, 'the plugin to retire');
    message = t.throws(act, { instanceOf: WcsError }).message;
    t.is(kernel.kernel.parts.sessions.count(), 0, 'no session that nobody ends');
  });
  return message;
}

test.serial('a retired version opens no session and registers nothing', async (t) => {
  t.regex(await late(t, 'ctx.sessions.open({ protocol: "toy", kind: "client" })'), /toy@1 is retired; it opens no more sessions/);
  t.regex(await late(t, 'register(ctx, "more", () => 1)'), /toy@1 is retired; operation toy\.more comes too late/);
});

test.serial('what begins with an event of the bus begins in the version that serves, also while another drains', async (t) => {
  const counting = (version: string): ToyPlugin => ({
    module: 'let begun = 0;',
    prepare: `register(ctx, 'begun', () => begun); ctx.sessions.open({ protocol: 'toy', kind: 'client' });`,
    activate: `ctx.media.whileServing('streamPublished', ({ stream }) => { begun++; ctx.log.error('${version} begins ' + stream.name); });`,
  });
  await withToys({ toy: counting('v1') }, async ({ kernel, toys }) => {
    const publish = (name: string): void => {
      kernel.kernel.parts.media.publish({ name, owner: name, tracks: [], meta: { plugin: 'test', protocol: 'test', sessionId: name, params: {} } }).end('test over');
    };
    publish('first');
    toys.toy!.write(toyPlugin('toy', 'v2', counting('v2')));
    await kernel.call('plugin.reload', { name: 'toy' });
    t.is(kernel.kernel.host.slot('toy').draining.size, 1, 'the session of v1 is still there');
    publish('second');
    t.is(await kernel.call('toy.begun'), 1);
    t.deepEqual(kernel.logLines.flatMap((line) => /v\d begins \w+/.exec(line) ?? []), ['v1 begins first', 'v2 begins second']);
  });
});

test.serial('what a plugin leaves behind is its own fault, also in the context of another', async (t) => {
  const provider = { manifest: 'provides: ["work"]', prepare: `
    ctx.capabilities.provide('work', { reject: () => { void Promise.reject(new Error('rejected')); }, later: () => { setTimeout(() => { throw new Error('thrown later'); }, 1); } });
    register(ctx, 'reject', () => { void Promise.reject(new Error('by operation')); });
    ctx.timers.after(1, () => { void Promise.reject(new Error('by timer')); });` };
  const user = { manifest: 'requires: ["work"]', prepare: `
    const work = ctx.capabilities.get('work');
    register(ctx, 'use', async () => { work.reject(); work.later(); await ctx.operations.call('provider.reject', {}, { caller: { kind: 'kernel', user: 'u', role: 'admin' }, signal: new AbortController().signal }); });` };
  // ava takes uncaught errors for failures of the test: they are kept to the kernel's own listeners meanwhile.
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const others = events.map((event) => process.rawListeners(event) as ((...parameters: unknown[]) => void)[]);
  for (const event of events) process.removeAllListeners(event);
  try {
    await withToys({ provider, user }, async ({ kernel }) => {
      await kernel.call('user.use');
      await until(() => kernel.kernel.host.slot('provider').faultsSeen === 4, 'four faults of the provider');
      t.is(kernel.kernel.host.slot('user').faultsSeen, 0);
    });
  } finally {
    events.forEach((event, index) => others[index]?.forEach((listener) => process.on(event, listener)));
  }
});

test.serial('a server that is told to stop while a plugin starts ends that one too', async (t) => {
  await withToys({ toy: {}, slow: { manifest: 'enabledByDefault: false', prepare: 'await new Promise((resolve) => setTimeout(resolve, 300));' } }, async ({ kernel }) => {
    const starting = kernel.call('plugin.enable', { name: 'slow' }).catch((error: unknown) => error);
    await until(() => stateOf(kernel, 'slow') === 'loading', 'the start');
    await kernel.kernel.host.stopAll();
    await starting;
    t.deepEqual(kernel.kernel.host.slots.filter((slot) => slot.active !== undefined), []);
    await t.throwsAsync(kernel.kernel.host.reload('toy'), { message: /The server is stopping/ });
  });
});

test.serial('a package.json that is none leaves the server starting and the plugin failed with the reason', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ broken');
  const kernel = await startTestKernel({ plugins: { broken: { path: folder } } });
  t.regex(kernel.kernel.host.slot('broken').error?.message ?? '', /package\.json is no readable package\.json/);
  t.like(await kernel.call('plugin.info', { name: 'broken' }), { state: 'failed', sessions: 0 });
  await kernel.stop();
});
