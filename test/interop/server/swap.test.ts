import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { checkout } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';

const AV_CHECK = join(checkout, 'test/support/peers/av-check.mjs');
const SWAPS = 3;
const RECORDED_S = 8;
/** Between two swaps there is time for a part and a group of pictures to go by. */
const BETWEEN_SWAPS_MS = 1300;

/** Plays and judges a stream for `RECORDED_S` of media, while the plugin is swapped again and again. */
async function playAcrossSwaps(t: ExecutionContext, swapped: 'rtmp' | 'hls', urlOf: (server: WcsServer) => string): Promise<void> {
  const plugin = new PluginUnderTest(swapped, join(checkout, `plugins/${swapped}/${swapped}.plugin.ts`));
  t.teardown(() => plugin.remove());
  const server = await WcsServer.start(t, { plugins: { [swapped]: { path: plugin.folder } } });
  publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const generation = async (): Promise<string | undefined> => (await server.pluginHealth(swapped))?.generation;
  t.is(await generation(), `${swapped}@1`);
  const options = ['--seconds', String(RECORDED_S), '--loop', '20', '--limit', '30', '--min-duration', String(RECORDED_S - 1)];
  let playing = true;
  const judged = runPeer(t, process.execPath, [AV_CHECK, urlOf(server), ...options]).finally(() => (playing = false));
  await until(async () => (await server.stream('demo'))?.viewers === 1, 'the player');
  for (let swap = 1; swap <= SWAPS; swap++) {
    plugin.writeGood();
    const { body } = await server.call('plugin.reload', { name: swapped });
    t.like(body, { outcome: 'swapped', lastSwap: { draining: 0 } }, JSON.stringify(body));
    const nextAtMs = performance.now() + BETWEEN_SWAPS_MS;
    await until(() => performance.now() > nextAtMs, 'the time between swaps');
  }
  t.true(playing, 'all swaps were made while it played');
  const { status, stdout } = await judged;
  t.is(status, 0, stdout);
  t.regex(stdout, /^PASS$/m);
  t.is(await generation(), `${swapped}@${SWAPS + 1}`);
  t.deepEqual(server.log.filter(({ level }) => level === 'error'), []);
}

peerTest('An RTMP recording across swaps of rtmp has no gap in picture or sound', ['ffmpeg'], (t) =>
  playAcrossSwaps(t, 'rtmp', ({ rtmpUrl }) => `${rtmpUrl}/demo`));

peerTest('An HLS recording across swaps of hls has no gap in picture or sound', ['ffmpeg'], (t) =>
  playAcrossSwaps(t, 'hls', ({ ports }) => `http://127.0.0.1:${ports.hls}/demo/demo.m3u8`));

peerTest('An HLS recording across swaps of rtmp, over which it is published, has no gap either', ['ffmpeg'], (t) =>
  playAcrossSwaps(t, 'rtmp', ({ ports }) => `http://127.0.0.1:${ports.hls}/demo/ts/demo.m3u8`));
