import { createSocket } from 'node:dgram';
import test from 'ava';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { startTestKernel } from '../../support/test-kernel.ts';
import { toyPlugin } from '../../support/toy-plugin.ts';
import { until } from '../../support/until.ts';

/** Opens a pair when asked, and answers each datagram with its version and the port it came to. */
function answering(version: string): string {
  return toyPlugin('toy', version, {
    manifest: 'handoff: 1',
    module: `const answer = (pair) => ({
      onRtp: (data, from) => pair.rtp.send(Buffer.from('${version} rtp ' + data), from.port, from.address),
      onRtcp: (data, from) => pair.rtcp.send(Buffer.from('${version} rtcp ' + data), from.port, from.address),
    });`,
    prepare: `
      register(ctx, 'open', async () => {
        const pair = await ctx.rtp.openPair();
        const session = ctx.sessions.open({ protocol: 'toy', kind: 'client' });
        session.attach(pair, answer(pair));
        return { id: session.id, rtp: pair.rtp.port, rtcp: pair.rtcp.port };
      });
      register(ctx, 'forget', async () => (await ctx.rtp.openPair()).rtp.port);`,
    methods: `
      exportSession() { return {}; },
      importSession(session) { for (const pair of session.rtpPairs) session.attach(pair, answer(pair)); }`,
  });
}

test.serial('a pair of ports for RTP goes on through a swap with its session, and one that no session has ends with its version', async (t) => {
  const plugin = new PluginFolder('toy', answering('v1'));
  const kernel = await startTestKernel({ config: { log: { level: 'silent' } }, plugins: { toy: { path: plugin.folder, drainMs: 1000 } } });
  const heard: string[] = [];
  const peer = createSocket('udp4', (data) => void heard.push(data.toString()));
  await new Promise<void>((resolve) => void peer.bind(0, '127.0.0.1', resolve));
  try {
    const opened = (await kernel.call('toy.open')) as { id: string; rtp: number; rtcp: number };
    const { rtpPairs, ports } = kernel.kernel.parts;
    t.deepEqual([opened.rtp % 2, opened.rtcp], [0, opened.rtp + 1]);
    await kernel.call('toy.forget');
    t.is(rtpPairs.size, 2);
    peer.send('a', opened.rtp, '127.0.0.1');
    peer.send('b', opened.rtcp, '127.0.0.1');
    await until(() => heard.includes('v1 rtp a') && heard.includes('v1 rtcp b'), 'the first version');
    plugin.write(answering('v2'));
    t.like(await kernel.call('plugin.reload', { name: 'toy' }), { lastSwap: { moved: 1, draining: 0 } });
    peer.send('c', opened.rtp, '127.0.0.1');
    peer.send('d', opened.rtcp, '127.0.0.1');
    await until(() => heard.includes('v2 rtp c') && heard.includes('v2 rtcp d'), 'the second version');
    await until(() => rtpPairs.size === 1, 'the forgotten pair to be closed');
    await until(() => {
      global.gc?.();
      return kernel.kernel.host.slot('toy').uncollected === 0;
    }, 'the old code to be collected while the pair lives');
    await kernel.call('session.kill', { sessionId: opened.id });
    await until(() => rtpPairs.size === 0, 'the pair to end with its session');
    t.like(ports.counts('media'), { busy: 0, quarantined: 4 });
  } finally {
    peer.close();
    await kernel.stop();
    plugin.remove();
  }
});
