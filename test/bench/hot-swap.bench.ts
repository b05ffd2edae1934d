import { connect } from 'node:net';
import { PluginFolder } from '../support/plugin-folder.ts';
import { freePorts, startTestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { Bench } from './bench.ts';

const SWAPS = 200;
const SESSIONS = 100;

/** A line-echo plugin whose sessions are handed over. */
function code(revision: number): string {
  return `
    import { definePlugin } from 'wcs-core';
    import { z } from 'zod';
    export const revision = ${revision};
    export default definePlugin({
      manifest: { name: 'echo', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
      configSchema: z.object({ port: z.number() }),
      create(ctx) {
        const serve = (session, connection) => session.attach(connection, { onData: (chunk) => connection.write(chunk), onClose: () => session.close('gone') });
        return {
          prepare: async () => { await ctx.listen.tcp({ port: ctx.settings.port }, (connection) => serve(ctx.sessions.open({ protocol: 'echo', kind: 'client' }), connection)); },
          exportSession: () => ({}),
          importSession: (session) => serve(session, session.connections[0]),
        };
      },
    });
  `;
}

function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

/** Swaps of a plugin with sessions that move: time of the switch, of the whole reload, and of closing and opening instead. */
const bench: Bench = {
  name: 'hot-swap',
  async run() {
    const [port = 0] = await freePorts(1);
    const plugin = new PluginFolder('echo', code(0));
    const test = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { echo: { path: plugin.folder, port, drainMs: 200 } } });
    const sockets = Array.from({ length: SESSIONS }, () => connect(port, '127.0.0.1'));
    const slot = test.kernel.host.slot('echo');
    await until(() => slot.active?.sessions.size === SESSIONS, 'the sessions');
    const [switches, reloads]: [number[], number[]] = [[], []];
    for (let round = 1; round <= SWAPS; round++) {
      plugin.write(code(round));
      const startedAt = performance.now();
      await test.call('plugin.reload', { name: 'echo' });
      reloads.push(performance.now() - startedAt);
      switches.push(slot.lastSwap?.switchMs ?? Number.NaN);
    }
    const restarts: number[] = [];
    for (let round = 0; round < 10; round++) {
      const startedAt = performance.now();
      await test.call('plugin.disable', { name: 'echo' });
      await test.call('plugin.enable', { name: 'echo' });
      restarts.push(performance.now() - startedAt);
    }
    for (const socket of sockets) socket.destroy();
    await test.stop();
    plugin.remove();
    const restartMs = percentile(restarts, 0.5);
    return {
      title: `${SWAPS} swaps with ${SESSIONS} sessions that move; baseline: disable and enable, which ends them`,
      rows: [
        { what: 'switch p50', value: percentile(switches, 0.5), unit: 'ms' },
        { what: 'switch p95', value: percentile(switches, 0.95), unit: 'ms' },
        { what: 'reload with build, p50', value: percentile(reloads, 0.5), unit: 'ms', ratio: percentile(reloads, 0.5) / restartMs },
        { what: 'disable and enable, p50', value: restartMs, unit: 'ms', ratio: 1 },
      ],
    };
  },
};

export default bench;
