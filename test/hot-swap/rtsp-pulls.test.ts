import test from 'ava';
import { areInOrder, PullingServer } from '../support/pulling-server.ts';
import { FakeRtspServer } from '../support/rtsp-server.ts';
import { until } from '../support/until.ts';

const PULLS = 20;
const SWAPS = 4;

for (const transport of ['tcp', 'udp'] as const) {
  test.serial(`twenty pulls over ${transport.toUpperCase()} go on through swaps without a packet lost or repeated`, async (t) => {
    const server = await PullingServer.start({ transport });
    const camera = await FakeRtspServer.start(undefined, 10);
    try {
      const reads = await Promise.all(Array.from({ length: PULLS }, (_, index) => server.read(camera.url(`/${index}`))));
      for (let version = 1; version <= SWAPS; version++) {
        const seen = reads.map(({ numbers }) => numbers.length);
        await until(() => reads.every(({ numbers }, index) => numbers.length > (seen[index] ?? 0) + 10), 'packets to all readers');
        t.like(await server.swap(version), { moved: PULLS, draining: 0 });
      }
      const seen = reads.map(({ numbers }) => numbers.length);
      await until(() => reads.every(({ numbers }, index) => numbers.length > (seen[index] ?? 0) + 20), 'packets to all readers');
      for (const { numbers, suspended } of reads) {
        t.true(areInOrder(numbers));
        t.is(suspended, 0);
      }
      t.is(camera.clients.length, PULLS);
      const { host } = server.kernel.kernel;
      await until(() => {
        global.gc?.();
        return host.slot('rtsp').uncollected === 0;
      }, 'the old code to be collected while the pulls go on');
      for (const read of reads) read.close();
    } finally {
      camera.close();
      await server.stop();
    }
  });
}

test.serial('a swap in the middle of an interleaved frame loses nothing', async (t) => {
  const server = await PullingServer.start();
  const camera = await FakeRtspServer.start();
  camera.sends = false;
  try {
    const read = await server.read(camera.url());
    const [client] = camera.clients;
    if (client === undefined) throw new Error('Nobody has called');
    client.socket.setNoDelay(true);
    for (let version = 1; version <= 3; version++) {
      const frame = camera.frameFor(client);
      client.socket.write(frame.subarray(0, version * 30));
      await new Promise((resolve) => setTimeout(resolve, 50));
      t.like(await server.swap(version), { moved: 1, draining: 0 });
      client.socket.write(frame.subarray(version * 30));
      await until(() => read.numbers.length === version, `frame ${version}`);
    }
    t.deepEqual(read.numbers, [0, 1, 2]);
  } finally {
    camera.close();
    await server.stop();
  }
});

test.serial('a pull that waits for its camera, and one that is being called, are continued by the new version', async (t) => {
  const server = await PullingServer.start({ retryFirstMs: 200, retryMaxMs: 400 });
  let isSlow = false;
  const camera = await FakeRtspServer.start((request, { socket }) => {
    if (request.method !== 'DESCRIBE' || !isSlow) return undefined;
    isSlow = false;
    setTimeout(() => socket.destroy(), 1500);
    return 'answered';
  });
  try {
    const read = await server.read(camera.url());
    await until(() => read.numbers.length > 5, 'packets');
    isSlow = true;
    camera.hangUp();
    await until(() => !isSlow, 'the pull to be called again');
    t.like(await server.swap(1), { moved: 1, draining: 0 });
    const seen = read.numbers.length;
    await until(() => read.numbers.length > seen + 5, 'packets after the swap');
    t.deepEqual([read.suspended, read.resumed, read.ended], [1, 1, undefined]);
    await until(() => server.kernel.kernel.host.slot('rtsp').uncollected === 0 || (global.gc?.(), false), 'the old code to be collected');
    read.close();
  } finally {
    camera.close();
    await server.stop();
  }
});
