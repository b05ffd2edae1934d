import test from 'ava';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { until } from '../../support/until.ts';
import { WcsServer } from '../../support/wcs-server.ts';

/** Faults within a minute that take a plugin down. */
const FAULT_LIMIT = 5;

/** A third party's plugin that fails on request, by the ways in which code can fail outside of any call of the kernel. */
const FAULTY_PLUGIN = `
  import { readFile } from 'node:fs';
  import { definePlugin } from 'wcs-core';
  import { z } from 'zod';
  const WAYS = {
    rawTimer: () => void setTimeout(() => { throw new Error('on purpose: rawTimer'); }, 5),
    timer: (ctx) => void ctx.timers.after(5, () => { throw new Error('on purpose: timer'); }),
    rejection: () => void Promise.reject(new Error('on purpose: rejection')),
    lateRejection: () => void new Promise((resolve) => setTimeout(resolve, 5)).then(() => { throw new Error('on purpose: lateRejection'); }),
    background: (ctx) => void ctx.background(Promise.reject(new Error('on purpose: background'))),
    callback: () => void readFile('/', () => { throw new Error('on purpose: callback'); }),
    notAnError: () => void Promise.reject(undefined),
  };
  export default definePlugin({
    manifest: { name: 'faulty', version: '1.0.0', apiVersion: '^1.0.0' },
    create: (ctx) => ({
      prepare() {
        ctx.operations.register({
          name: 'faulty.fail', summary: 'Fail on purpose', role: 'admin', input: z.object({ way: z.string() }),
          handler: ({ way }) => WAYS[way](ctx),
        });
      },
    }),
  });
`;

const plugins = { faulty: FAULTY_PLUGIN, broken: 'export default {', throwing: 'throw new Error("on purpose: module");' };
const folders = Object.entries(plugins).map(([name, code]) => new PluginFolder(name, code));
let server: WcsServer;

test.before(async () => {
  const paths = Object.fromEntries(folders.map(({ name, folder }) => [name, { path: folder }]));
  server = await WcsServer.open({ plugins: { ...paths, absent: { path: '/nowhere/at/all' } } });
});

test.after.always(async () => {
  await server.close();
  for (const folder of folders) folder.remove();
});

const faults = (): string[] => server.log.flatMap(({ msg }) => (typeof msg === 'string' && msg.startsWith('Fault of ') ? [msg] : []));

test.serial('A plugin that cannot be compiled or throws at start is reported, and the rest serves', async (t) => {
  const health = await server.health();
  t.is(health?.status, 'degraded');
  t.deepEqual(health?.plugins.filter(({ state }) => state !== 'active').map(({ name }) => name), ['absent', 'broken', 'throwing']);
  t.regex(health?.plugins.find(({ name }) => name === 'broken')?.error ?? '', /broken\.plugin\.ts/);
  t.regex(health?.plugins.find(({ name }) => name === 'throwing')?.error ?? '', /on purpose: module/);
  t.true(server.log.some(({ msg }) => String(msg).includes('/nowhere/at/all')));
});

test.serial('Whatever a plugin throws in a timer, a callback or a promise is attributed to it, and the server lives', async (t) => {
  const ways = ['rawTimer', 'timer', 'lateRejection', 'callback'];
  for (const [index, way] of ways.entries()) {
    await server.call('faulty.fail', { way });
    await until(() => faults().length > index, way);
    t.is(faults().at(-1), `Fault of faulty@1: on purpose: ${way}`);
  }
  t.false(server.log.some(({ msg }) => String(msg).startsWith('Uncaught error')));
  t.is((await server.pluginHealth('faulty'))?.state, 'active', 'fewer than five');
  t.like((await server.call('plugin.info', { name: 'faulty' })).body, { faultsInLastMinute: ways.length });
});

test.serial('Five faults take only that plugin down; it is started again after a while', async (t) => {
  for (const name of ['broken', 'throwing', 'absent', 'faulty']) await server.call('plugin.disable', { name });
  // Its count begins anew with it.
  await server.call('plugin.enable', { name: 'faulty' });
  t.like(await server.health(), { httpStatus: 200, status: 'ok' });
  const before = faults().length;
  const publisher = new RtmpClient(server.ports.rtmp);
  t.teardown(() => publisher.close());
  await publisher.publish('demo');
  const ways = ['rejection', 'background', 'notAnError', 'timer', 'rejection'];
  t.is(ways.length, FAULT_LIMIT);
  for (const [index, way] of ways.entries()) {
    await server.call('faulty.fail', { way });
    await until(() => faults().length > before + index, way);
  }
  const down = await until(async () => {
    const health = await server.pluginHealth('faulty');
    return health?.state === 'failed' ? health : undefined;
  }, 'the plugin to be down');
  t.regex(down.error ?? '', /Too many faults; the last: on purpose: rejection\. Next start in 1 s\./);
  t.like(await server.health(), { httpStatus: 200, status: 'degraded' });
  t.is((await server.call('faulty.fail', { way: 'timer' })).status, 404, 'its operations are gone');
  t.false(publisher.closed);
  await until(async () => (await server.pluginHealth('faulty'))?.state === 'active', 'its restart');
  t.like(await server.health(), { httpStatus: 200, status: 'ok' });
  t.is((await server.pluginHealth('faulty'))?.generation, 'faulty@3');
  t.deepEqual((await server.health())?.plugins.filter(({ name, generation }) => name !== 'faulty' && generation !== `${name}@1`), [], 'the others were left alone');
  t.false(publisher.closed);
});
