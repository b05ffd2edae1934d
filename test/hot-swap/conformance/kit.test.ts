import { connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { conformanceTests, type ConformanceSubject } from '../../support/conformance/conformance.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { until } from '../../support/until.ts';

/** An echo plugin; `flaw` is code that runs in `prepare`, `onData` what a chunk leads to. */
function echo({ flaw = '', onData = 'connection.write(chunk);', module = '' }): string {
  return `
    import { definePlugin } from 'wcs-core';
    import { z } from 'zod';
    ${module}
    export default definePlugin({
      manifest: { name: 'echo', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
      configSchema: z.object({ port: z.number() }),
      create(ctx) {
        const serve = (session, connection) => session.attach(connection, { onData: (chunk) => { ${onData} }, onClose: () => session.close('gone') });
        return {
          async prepare() {
            ${flaw}
            await ctx.listen.tcp({ port: ctx.settings.port }, (connection) => serve(ctx.sessions.open({ protocol: 'echo', kind: 'client' }), connection));
          },
          exportSession: () => ({}),
          importSession: (session) => serve(session, session.connections[0]),
        };
      },
    });
  `;
}

function subjectOf(plugin: PluginFolder): ConformanceSubject {
  return {
    name: 'echo',
    entry: join(plugin.folder, 'echo.plugin.ts'),
    portCount: 1,
    settings: ([port]) => ({ port }),
    keepsSessions: true,
    openSession: ({ ports: [port = 0] }) => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      let sent = 0;
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('error', () => undefined);
      return Promise.resolve({
        verify: async () => {
          socket.write(`${++sent};`);
          await until(() => received.endsWith(`${sent};`), `echo ${sent}`);
        },
        close: async () => {
          socket.destroy();
          await until(() => socket.closed);
        },
      });
    },
  };
}

test.serial('a sound plugin passes every test of the kit', async (t) => {
  t.timeout(120_000);
  const plugin = new PluginFolder('echo', echo({}));
  for (const { title, run } of conformanceTests(subjectOf(plugin))) {
    const attempt = await t.try(title, run);
    attempt.commit();
  }
  plugin.remove();
});

/** What a flawed plugin leaves, so that this process can end. */
const leaked = globalThis as { leakedByTest?: (() => void)[] };

const FLAWS: readonly (readonly [string, string, Parameters<typeof echo>[0]])[] = [
  ['a timer outside the context', 'nothing is left', { flaw: 'const timer = setInterval(() => {}, 1000); (globalThis.leakedByTest ??= []).push(() => clearInterval(timer));' }],
  ['a listener outside the context', 'nothing is left', { module: "import { createServer } from 'node:net';", flaw: 'const server = createServer().listen(0); (globalThis.leakedByTest ??= []).push(() => server.close());' }],
  ['an old version held by a global', 'old code is collected', { flaw: '(globalThis.heldForTest ??= []).push(this);' }],
  ['a throw at what a peer sends', 'hostile bytes', { onData: 'if (chunk[0] === 0xff) throw new Error("cannot read this"); connection.write(chunk);' }],
];

/** A flaw stays for good: whoever looks for it need not be patient. */
const FLAW_MS = 2000;

for (const [flaw, caughtBy, code] of FLAWS) {
  test.serial(`${flaw} is caught by "${caughtBy}"`, async (t) => {
    t.timeout(80_000);
    const plugin = new PluginFolder('echo', echo(code));
    const check = conformanceTests({ ...subjectOf(plugin), leftoversMs: FLAW_MS }).find(({ title }) => title.includes(caughtBy));
    if (check === undefined) return t.fail(`the kit has no test "${caughtBy}"`);
    const attempt = await t.try(check.title, check.run);
    attempt.discard();
    for (const end of leaked.leakedByTest ?? []) end();
    delete leaked.leakedByTest;
    t.false(attempt.passed);
    plugin.remove();
  });
}
