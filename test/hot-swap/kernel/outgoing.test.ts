import { createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { startTestKernel } from '../../support/test-kernel.ts';
import { toyPlugin } from '../../support/toy-plugin.ts';
import { until } from '../../support/until.ts';

/** Connects to a port when asked, and answers each line with its version. */
function dialling(version: string, port: number): string {
  return toyPlugin('toy', version, {
    manifest: 'handoff: 1',
    module: `const answer = (connection) => ({ onData: (line) => connection.write(Buffer.from('${version} ' + line)), onClose: () => undefined });`,
    prepare: `
      register(ctx, 'dial', async () => {
        const connection = await ctx.connect({ address: '127.0.0.1', port: ${port}, range: 'cameras' });
        const session = ctx.sessions.open({ protocol: 'toy', kind: 'client' });
        session.attach(connection, answer(connection));
        return session.id;
      });
      register(ctx, 'forget', async () => { await ctx.connect({ address: '127.0.0.1', port: ${port}, range: 'cameras' }); });
      register(ctx, 'check', async () => (await ctx.targets.check('rtsp://127.0.0.1/', '127.0.0.1')).port);`,
    methods: `
      exportSession() { return {}; },
      importSession(session) { for (const connection of session.connections) session.attach(connection, answer(connection)); }`,
  });
}

test.serial('a connection that the server opened goes on through a swap, and one that no session has ends with its version', async (t) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const plugin = new PluginFolder('toy', dialling('v1', port));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder, drainMs: 1000 } } });
  try {
    t.is(await kernel.call('toy.check'), 554);
    await kernel.call('toy.dial');
    await kernel.call('toy.forget');
    const [kept, forgotten] = await until(() => (sockets.length === 2 ? sockets : undefined), 'both connections');
    if (kept === undefined || forgotten === undefined) throw new Error('unreachable');
    const heard: string[] = [];
    kept.on('data', (data) => heard.push(data.toString()));
    kept.write('a');
    await until(() => heard.includes('v1 a'), 'the first version');
    plugin.write(dialling('v2', port));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { lastSwap: { moved: 1, draining: 0 } });
    kept.write('b');
    await until(() => heard.includes('v2 b'), 'the second version');
    await until(() => forgotten.destroyed || forgotten.readableEnded || forgotten.closed, 'the forgotten connection to end');
    await until(() => {
      global.gc?.();
      return kernel.kernel.host.slot('toy').uncollected === 0;
    }, 'the old code to be collected while its connection lives');
    t.false(kept.destroyed);
    t.is(kernel.kernel.parts.dialler.connections, 1);
  } finally {
    await kernel.stop();
    plugin.remove();
    server.close();
  }
  t.true(await until(() => sockets.every((socket) => socket.closed || socket.readableEnded), 'every connection to end'));
});
