import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hasFfmpeg, probe } from '../../support/ffmpeg.ts';
import { LlPlayer } from '../../support/hls-client.ts';
import { ask, LoopPublisher, makeClip } from '../../support/hls.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { until } from '../../support/until.ts';

const SWAPS = 5;
const FRAME_TICKS = 3000;
const STAMP_TICKS = 48;

(hasFfmpeg ? test : test.skip)('five swaps under a low-latency player lose and repeat no frame, and held requests are answered by the new version', async (t) => {
  const plugin = new PluginUnderTest('hls', join(checkout, 'plugins/hls/hls.plugin.ts'));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { hls: { port, tlsPort, path: plugin.folder, drainMs: 500 } } });
  const folder = temporaryFolder(t);
  // Longer than the test on a busy machine: where a clip begins again, its sound slips.
  const publisher = new LoopPublisher(kernel.kernel.parts.media, 'swap', await makeClip({ seconds: 20 }), { leadMs: 2500 });
  t.teardown(async () => {
    publisher.stop();
    await kernel.stop();
    plugin.remove();
  });
  const player = new LlPlayer(port, 'swap');
  await player.start();
  const classic = await ask(port, '/swap/ts/swap.m3u8');
  t.is(classic.status, 200);
  for (let round = 0; round < SWAPS; round++) {
    // Held while the swap goes on; on a busy machine one may be answered before that is seen.
    let [held, isAnswered] = [Promise.resolve(), true];
    await until(async () => {
      if (isAnswered) {
        isAnswered = false;
        held = player.next().finally(() => (isAnswered = true));
      }
      return ((await kernel.call('hls.find_all')) as { waitingSize: number }[]).some(({ waitingSize }) => waitingSize === 1);
    }, 'a held request');
    plugin.writeGood();
    const outcome = await kernel.call('plugin.reload', { name: 'hls' });
    t.like(outcome, { outcome: 'swapped', lastSwap: { moved: 3, draining: 0 } });
    await t.notThrowsAsync(held);
    await player.next();
  }
  const sequence = (text: string): number => Number(/MEDIA-SEQUENCE:(\d+)/.exec(text)![1]);
  const later = await ask(port, '/swap/ts/swap.m3u8');
  t.true(sequence(later.text) >= sequence(classic.text));
  const [viewer] = (await kernel.call('hls.subscribers')) as { metrics: { requestsNumber: number } }[];
  t.true(viewer!.metrics.requestsNumber > 2 * SWAPS);

  const file = join(folder, 'played.mp4');
  writeFileSync(file, player.file());
  const { packets, streams } = await probe(file);
  const video = packets.filter(({ stream_index }) => streams[stream_index]!.codec_type === 'video');
  t.true(video.length > 30);
  const steps = video.slice(1).map(({ dts }, index) => dts - video[index]!.dts);
  // FLV times are whole milliseconds: a step is 33 or 34 of them.
  for (const step of steps) t.true(Math.abs(step - FRAME_TICKS) <= 90, `A step of ${step} ticks`);
  const sound = packets.filter(({ stream_index }) => streams[stream_index]!.codec_type === 'audio');
  // The last one of a part lasts until the stamp of the next.
  for (const [index, { dts }] of sound.slice(1).entries()) t.true(Math.abs(dts - sound[index]!.dts - 1024) <= STAMP_TICKS, `A step of ${dts - sound[index]!.dts} ticks`);
});
