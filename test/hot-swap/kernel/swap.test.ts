import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { ErrorCode } from '../../../core/errors/codes.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { LineClient } from '../../support/line-client.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** A line-echo server whose answers name its version and count the session's lines; sessions are handed over. */
function echo(version: string, extra: { prepare?: string; activate?: string; module?: string; apiVersion?: string; import?: string } = {}): string {
  return `
    import { definePlugin, inject, injectable, TOKENS, type PluginContext } from 'wcs-core';
    import { z } from 'zod';
    ${extra.module ?? ''}
    @injectable()
    class Greeter { greet(line: string, count: number) { return '${version} ' + count + ' ' + line + '\\n'; } }
    @injectable()
    class Echo {
      #counts = new Map();
      constructor(@inject(TOKENS.context) private readonly ctx: PluginContext<{ port: number }>, @inject(Greeter) private readonly greeter: Greeter) {}
      async prepare() {
        ${extra.prepare ?? ''}
        await this.ctx.listen.tcp({ port: this.ctx.settings.port }, (connection) => {
          const session = this.ctx.sessions.open({ protocol: 'echo', kind: 'client' });
          this.#serve(session, connection, 0);
        });
        this.ctx.operations.register({ name: 'echo.version', summary: 'v', role: 'viewer', input: z.object({}), handler: () => '${version}' });
      }
      activate() { ${extra.activate ?? ''} }
      exportSession(session) { return { count: this.#counts.get(session) }; }
      importSession(session, data) { ${extra.import ?? ''} this.#serve(session, session.connections[0], data.count); }
      #serve(session, connection, count) {
        this.#counts.set(session, count);
        session.scope.add('count', () => this.#counts.delete(session));
        session.attach(connection, {
          onData: (chunk) => {
            for (const line of chunk.toString().split('\\n').filter(Boolean)) {
              if (line === 'fault') throw new Error('asked for a fault');
              count++;
              this.#counts.set(session, count);
              connection.write(Buffer.from(this.greeter.greet(line, count)));
            }
          },
          onClose: () => session.close('gone'),
        });
      }
    }
    export default definePlugin({
      manifest: { name: 'echo', version: '1.0.0', apiVersion: '${extra.apiVersion ?? '^1.0.0'}', handoff: 1 },
      configSchema: z.object({ port: z.number() }),
      create: (_ctx, container) => container.resolve(Echo),
    });
  `;
}

async function withEcho(run: (kit: { plugin: PluginFolder; kernel: TestKernel; port: number }) => Promise<void>): Promise<void> {
  const [port = 0] = await freePorts(1);
  const plugin = new PluginFolder('echo', echo('v1'));
  // A quiet log: its ring of recent lines would look like a leak while it fills.
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { echo: { path: plugin.folder, port, drainMs: 500 } } });
  try {
    await run({ plugin, kernel, port });
  } finally {
    await kernel.stop();
    plugin.remove();
  }
}

/** Swaps after which the heap is looked at first, and how many lie between two looks. */
const WARM_UP_SWAPS = 40;
const SWAPS_PER_LOOK = 20;

test.serial('a session goes on through a swap with the new code, and nothing of it is lost', async (t) => {
  await withEcho(async ({ plugin, kernel, port }) => {
    const client = new LineClient(port);
    t.is(await client.ask('a'), 'v1 1 a');
    plugin.write(echo('v2'));
    const outcome = await kernel.call('plugin.reload', { name: 'echo' });
    t.like(outcome, { outcome: 'swapped', state: 'active', sessions: 1, lastSwap: { moved: 1, draining: 0 } });
    t.is(await client.ask('b'), 'v2 2 b');
    t.is(await kernel.call('echo.version'), 'v2');
    t.like(await kernel.call('plugin.reload', { name: 'echo' }), { outcome: 'unchanged' });
    await kernel.call('plugin.rollback', { name: 'echo' });
    t.is(await client.ask('c'), 'v1 3 c');
    client.socket.destroy();
    await until(() => kernel.kernel.parts.sessions.count() === 0, 'the session to end');
  });
});

const BROKEN: readonly (readonly [string, string, ErrorCode])[] = [
  ['does not compile', 'const = ;', 'PLUGIN_E_BUILD'],
  ['throws at evaluation', echo('bad', { module: 'throw new Error("at load");' }), 'PLUGIN_E_EVALUATE'],
  ['throws in prepare', echo('bad', { prepare: 'throw new Error("no");' }), 'PLUGIN_E_PREPARE'],
  ['throws in activate', echo('bad', { activate: 'throw new Error("no");' }), 'PLUGIN_E_FAULT'],
  ['wants another API version', echo('bad', { apiVersion: '^9.0.0' }), 'PLUGIN_E_API_VERSION'],
  ['exports no definition', 'export const x = 1;', 'PLUGIN_E_MANIFEST'],
];

test.serial('a broken version leaves the old one serving, whatever breaks', async (t) => {
  await withEcho(async ({ plugin, kernel, port }) => {
    const client = new LineClient(port);
    t.is(await client.ask('a'), 'v1 1 a');
    for (const [what, code, expected] of BROKEN) {
      plugin.write(code);
      const error = await t.throwsAsync(kernel.call('plugin.reload', { name: 'echo' }), { instanceOf: WcsError }, what);
      t.is(error.code, expected, what);
      t.true((await client.ask('x')).startsWith('v1 '), what);
      t.true((await new LineClient(port).ask('new')).startsWith('v1 1'), what);
      t.is(await kernel.call('echo.version'), 'v1');
    }
    const versions = new Set(kernel.kernel.parts.listeners.list().map((row) => row.leases));
    t.deepEqual([...versions], [1]);
  });
});

test.serial('a session that the new version refuses stays with the old one until the drain limit', async (t) => {
  await withEcho(async ({ plugin, kernel, port }) => {
    const client = new LineClient(port);
    await client.ask('a');
    plugin.write(echo('v2', { import: 'throw new Error("not mine");' }));
    t.like(await kernel.call('plugin.reload', { name: 'echo' }), { lastSwap: { moved: 0, draining: 1 } });
    t.is(await client.ask('b'), 'v1 2 b');
    t.is(await new LineClient(port).ask('new'), 'v2 1 new');
    await until(() => client.closed, 'the drain limit');
  });
});

test.serial('a disabled plugin gives its port up and an enabled one takes it again', async (t) => {
  await withEcho(async ({ kernel, port }) => {
    t.like(await kernel.call('plugin.disable', { name: 'echo' }), { state: 'disabled' });
    await until(() => kernel.kernel.parts.listeners.list().length === 0, 'the listener to close');
    const client = new LineClient(port);
    await until(() => client.closed, 'a refused connection');
    t.like(await kernel.call('plugin.enable', { name: 'echo' }), { state: 'active' });
    t.is(await new LineClient(port).ask('a'), 'v1 1 a');
  });
});

test.serial('a fault ends one session; too many in a short time take the plugin down and it comes back', async (t) => {
  await withEcho(async ({ kernel, port }) => {
    const bystander = new LineClient(port);
    await bystander.ask('a');
    const first = new LineClient(port);
    first.socket.write('fault\n');
    await until(() => first.closed, 'the faulty session to end');
    t.is(await bystander.ask('b'), 'v1 2 b');
    for (let round = 0; round < 4; round++) new LineClient(port).socket.write('fault\n');
    await until(async () => JSON.stringify(await kernel.call('plugin.list')).includes('"failed"'), 'the plugin to be taken down');
    await until(async () => JSON.stringify(await kernel.call('plugin.list')).includes('"active"'), 'the restart');
    t.is(await new LineClient(port).ask('again'), 'v1 1 again');
  });
});

test.serial('200 swaps under live sessions and new connections lose nothing and leave no old code behind', async (t) => {
  t.timeout(120_000);
  await withEcho(async ({ plugin, kernel, port }) => {
    const clients = Array.from({ length: 20 }, () => new LineClient(port));
    await Promise.all(clients.map((client) => client.ask('start')));
    let expected = 1;
    const heaps: number[] = [];
    const switches: number[] = [];
    for (let round = 1; round <= 200; round++) {
      const broken = round % 10 === 0;
      plugin.write(broken ? echo(`r${round}`, { prepare: 'throw new Error("on purpose");' }) : echo(`r${round}`));
      const swap = kernel.call('plugin.reload', { name: 'echo' }).catch(() => undefined);
      const newcomer = new LineClient(port);
      const answers = await Promise.all([...clients.map((client) => client.ask('x')), newcomer.ask('new')]);
      newcomer.socket.destroy();
      expected++;
      await swap;
      t.true(answers.slice(0, -1).every((answer) => answer.split(' ')[1] === String(expected)), `round ${round}`);
      if (!broken) switches.push(kernel.kernel.host.slot('echo').lastSwap?.switchMs ?? 99);
      if (round >= WARM_UP_SWAPS && round % SWAPS_PER_LOOK === 0) {
        await collectedVersions(kernel);
        heaps.push(await settledHeap());
      }
    }
    t.true(clients.every((client) => !client.closed));
    const perSwapKiB = slopeOf(heaps) / SWAPS_PER_LOOK / 1024;
    t.true(perSwapKiB < 5, `heap ${heaps.map((heap) => Math.round((heap - heaps[0]!) / 1024)).join(', ')} KiB: ${perSwapKiB.toFixed(2)} a swap`);
    switches.sort((a, b) => a - b);
    t.log(`switch p50 ${switches[Math.floor(switches.length / 2)]?.toFixed(3)} ms, p95 ${switches[Math.floor(switches.length * 0.95)]?.toFixed(3)} ms; heap ${perSwapKiB.toFixed(2)} KiB a swap`);
  });
});

/** The middle of the slopes between any two: neither what the engine keeps once, for code that has become hot, nor what it has not given back yet counts for much. */
function slopeOf(values: readonly number[]): number {
  const slopes = values.flatMap((value, at) => values.slice(0, at).map((before, index) => (value - before) / (at - index))).sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? NaN;
}

async function settledHeap(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    global.gc?.();
    await sleep(20);
  }
  return process.memoryUsage().heapUsed;
}

async function collectedVersions(kernel: TestKernel): Promise<void> {
  const slot = kernel.kernel.host.slot('echo');
  await until(() => {
    global.gc?.();
    return slot.draining.size === 0 && slot.uncollected === 0;
  }, 'old generations to be collected');
}
