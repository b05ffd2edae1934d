import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mediaFolder } from '../../support/media-folder.ts';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { jumpsOf, NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher, numbersOf } from '../../support/rtsp-media.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** An installation of its own whose copy of the plugin a test may change. */
function copyOfInstallation(t: ExecutionContext): string {
  const root = temporaryFolder(t);
  mkdirSync(join(root, 'plugins'));
  for (const name of ['rtsp', 'vod']) cpSync(join(checkout, 'plugins', name), join(root, 'plugins', name), { recursive: true });
  for (const name of ['core', 'node_modules', 'package.json']) symlinkSync(join(checkout, name), join(root, name));
  return root;
}

async function swap(server: TestKernel, root: string, version: number): Promise<{ moved: number; draining: number }> {
  const file = join(root, 'plugins', 'rtsp', 'rtsp.plugin.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/version: '1\.0\.\d+'/, `version: '1.0.${version}'`));
  if ((await server.kernel.host.reload('rtsp')) !== 'swapped') throw new Error('Not swapped');
  return server.kernel.host.slot('rtsp').lastSwap!;
}

for (const publish of ['tcp', 'udp'] as const) {
  test.serial(`readers over TCP and UDP get every packet of a publisher over ${publish} through swaps in the middle of pictures`, async (t) => {
    t.timeout(60_000);
    const root = copyOfInstallation(t);
    const [port] = await freePorts(1);
    const server = await startTestKernel({ root, plugins: { rtsp: { port } } });
    const publisher = new TestRtspClient(port!, 'swapped');
    const readers = (['tcp', 'tcp', 'udp', 'udp'] as const).map((transport) => ({ transport, client: new TestRtspClient(port!, 'swapped') }));
    const media = new NumberedPublisher(publisher);
    try {
      await publisher.record(publish, NUMBERED_SDP, NUMBERED_CONTROLS);
      media.next();
      await until(() => server.kernel.parts.media.find('swapped')?.stats.frames === 2, 'the first picture and its sound');
      for (const { transport, client } of readers) await client.play(transport);
      for (let version = 1; version <= 3; version++) {
        for (let count = 0; count < 6; count++) media.next();
        const [first, second, last] = media.picture();
        first?.();
        // What came is with the old version, and half a packet of the connection as well.
        await new Promise((resolve) => setTimeout(resolve, 50));
        const { moved, draining } = await swap(server, root, version);
        t.deepEqual({ moved, draining }, { moved: 6, draining: 0 });
        second?.();
        last?.();
        media.sound();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      for (const { client, transport } of readers) {
        // The first reader of a stream that comes as RTP begins with its next key frame.
        const expected = Array.from({ length: media.number - 10 }, (_, at) => 10 + at);
        await until(() => numbersOf(client).sounds.at(-1) === media.number - 1, `the last sound over ${transport}: ${JSON.stringify(numbersOf(client))}`);
        t.deepEqual(numbersOf(client).pictures, expected, transport);
        t.is(jumpsOf(client, 0), 0, transport);
        t.is(jumpsOf(client, 2), 0, transport);
        t.is(new Set(client.packets.map(({ rtp }) => rtp.ssrc)).size, 2, transport);
      }
      t.deepEqual(server.logLines.filter((line) => line.includes('"level":"error"') || line.includes('"level":50')), []);
    } finally {
      for (const client of [publisher, ...readers.map(({ client: reader }) => reader)]) client.close();
      await server.stop();
    }
  });
}

test.serial('files that stand still, one paused and one not yet played, go on in the next version', async (t) => {
  t.timeout(60_000);
  const root = copyOfInstallation(t);
  const [port = 0] = await freePorts(1);
  const server = await startTestKernel({ root, plugins: { rtsp: { port }, vod: { folder: mediaFolder } } });
  const paused = new TestRtspClient(port, 'vod://small.mp4');
  const described = new TestRtspClient(port, 'vod://small.mp4');
  try {
    for (const client of [paused, described]) {
      await client.ask('DESCRIBE');
      await client.setup(`${client.base}/trackID=0`, 'tcp', 0);
    }
    await paused.ask('PLAY');
    await until(() => paused.packets.length > 10, 'packets');
    t.is((await paused.ask('PAUSE')).status, 200);
    t.like(await swap(server, root, 1), { moved: 3, draining: 0 });
    // Longer than a copy lasts that nobody reads.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    for (const client of [paused, described]) {
      const before = client.packets.length;
      t.is((await client.ask('PLAY')).status, 200);
      await until(() => client.packets.length > before + 50, 'packets after the swap');
      t.is(jumpsOf(client, 0), 0);
    }
    const times = [...new Set(paused.packets.map(({ rtp }) => rtp.timestamp))];
    t.true(times.slice(1).every((time, at) => (time - times[at]!) >>> 0 === 3000));
  } finally {
    for (const client of [paused, described]) client.close();
    await server.stop();
  }
});
