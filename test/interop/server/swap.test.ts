import { join } from 'node:path';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { checkout } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';

const AV_CHECK = join(checkout, 'test/support/peers/av-check.mjs');
const SWAPS = 3;
const RECORDED_S = 8;
/** Between two swaps of one plugin there is time for a part and a group of pictures to go by. */
const BETWEEN_SWAPS_MS = 700;

const PLUGINS = ['rtmp', 'hls'] as const;

peerTest('Recordings by RTMP and HLS across swaps of rtmp, over which all is published, and of hls have no gap in picture or sound', ['ffmpeg'], async (t) => {
  const versions = PLUGINS.map((name) => new PluginUnderTest(name, join(checkout, `plugins/${name}/${name}.plugin.ts`)));
  t.teardown(() => versions.forEach((plugin) => plugin.remove()));
  const server = await WcsServer.start(t, { only: ['http', ...PLUGINS], plugins: Object.fromEntries(versions.map(({ name, folder }) => [name, { path: folder }])) });
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const generation = async (name: string): Promise<string | undefined> => (await server.pluginHealth(name))?.generation;
  for (const name of PLUGINS) t.is(await generation(name), `${name}@1`);
  const options = ['--seconds', String(RECORDED_S), '--loop', '20', '--limit', '30', '--min-duration', String(RECORDED_S - 1)];
  const urls = [`${server.rtmpUrl}/demo`, `http://127.0.0.1:${server.ports.hls}/demo/demo.m3u8`, `http://127.0.0.1:${server.ports.hls}/demo/ts/demo.m3u8`];
  let playing = urls.length;
  const judged = urls.map((url) => runPeer(t, process.execPath, [AV_CHECK, url, ...options]).finally(() => (playing -= 1)));
  await until(async () => (await server.stream('demo'))?.viewers === 2, 'a player by RTMP and the lists');
  for (let swap = 1; swap <= SWAPS; swap++) {
    for (const plugin of versions) {
      plugin.writeGood();
      const { body } = await server.call('plugin.reload', { name: plugin.name });
      t.like(body, { outcome: 'swapped', lastSwap: { draining: 0 } }, JSON.stringify(body));
      const nextAtMs = performance.now() + BETWEEN_SWAPS_MS;
      await until(() => performance.now() > nextAtMs, 'the time between swaps');
    }
  }
  t.is(playing, urls.length, 'all swaps were made while all played');
  for (const { status, stdout } of await Promise.all(judged)) {
    t.is(status, 0, stdout);
    t.regex(stdout, /^PASS$/m);
  }
  for (const name of PLUGINS) t.is(await generation(name), `${name}@${SWAPS + 1}`);
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
});
