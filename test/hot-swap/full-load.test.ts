import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { LlPlayer } from '../support/hls-client.ts';
import { readFragment } from '../support/mp4-walk.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { numberedPicture, numberedSound, pictureNumbers, realConfigs, soundNumbers } from '../support/rtmp-media.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';

const PUBLISHERS = 20;
const RTMP_PLAYERS = 80;
const HLS_PLAYERS = 20;
const SWAPS = 20;
const FRAME_MS = 40;
const GOP_FRAMES = 25;
/** Tells a picture from a sound. */
const PICTURE_BYTES = 300;

/** An encoder that sends numbered pictures and sounds at their own pace. */
class NumberedPublisher {
  readonly client: RtmpClient;
  readonly name: string;
  number = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, name: string) {
    this.client = new RtmpClient(port);
    this.name = name;
  }

  async start(configs: ReturnType<typeof realConfigs>): Promise<void> {
    const streamId = await this.client.publish(this.name);
    this.client.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
    this.client.send({ type: 8, streamId, timestampMs: 0, payload: configs.audio });
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      while (this.number * FRAME_MS < performance.now() - startedAt) {
        this.client.send(numberedPicture(streamId, this.number, this.number % GOP_FRAMES === 0, PICTURE_BYTES));
        this.client.send(numberedSound(streamId, this.number));
        this.number++;
      }
    }, FRAME_MS / 2);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.client.close();
  }
}

/** An HLS player that goes on by itself until it is stopped; an error ends it and is kept. */
class RunningHlsPlayer {
  readonly player: LlPlayer;
  readonly done: Promise<void>;
  #stopped = false;

  constructor(port: number, name: string) {
    this.player = new LlPlayer(port, name);
    this.done = this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    await this.player.start();
    while (!this.#stopped) await this.player.next();
  }
}

/** The numbers of the pictures in the parts that a player fetched. */
function hlsPictureNumbers({ played }: LlPlayer): number[] {
  const samples = played.flatMap(({ data }) => [...readFragment(data).values()].flat());
  return samples.filter(({ data }) => data.length === PICTURE_BYTES).map(({ data }) => data.readUInt32BE(0));
}

function isGapless(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1);
}

async function swapOnce(kernel: TestKernel, plugin: PluginUnderTest, broken: boolean): Promise<string> {
  if (broken) plugin.writeFaulty('prepare');
  else plugin.writeGood();
  return kernel.call('plugin.reload', { name: plugin.name }).then(
    (outcome) => (outcome as { outcome: string }).outcome,
    () => 'refused',
  );
}

test.serial('20 publishers and 100 players go on while RTMP and HLS are swapped 20 times each, every fourth version broken', async (t) => {
  t.timeout(170_000);
  const rtmp = new PluginUnderTest('rtmp', join(checkout, 'plugins/rtmp/rtmp.plugin.ts'));
  const hls = new PluginUnderTest('hls', join(checkout, 'plugins/hls/hls.plugin.ts'));
  const [rtmpPort = 0, hlsPort = 0, hlsTlsPort = 0] = await freePorts(3);
  const kernel = await startTestKernel({
    config: { log: { level: 'warn' } },
    plugins: { rtmp: { port: rtmpPort, path: rtmp.folder }, hls: { port: hlsPort, tlsPort: hlsTlsPort, path: hls.folder, partMs: 500, segmentMs: 2000 } },
  });
  const configs = realConfigs();
  const publishers = Array.from({ length: PUBLISHERS }, (_unused, index) => new NumberedPublisher(rtmpPort, `s${index}`));
  const rtmpPlayers: RtmpClient[] = [];
  const hlsPlayers: RunningHlsPlayer[] = [];
  try {
    for (const publisher of publishers) await publisher.start(configs);
    await until(() => kernel.kernel.parts.media.streams().filter((stream) => stream.tracks.length === 2).length === PUBLISHERS, 'the streams');
    for (let index = 0; index < RTMP_PLAYERS; index++) {
      const player = new RtmpClient(rtmpPort);
      rtmpPlayers.push(player);
      await player.play(`s${index % PUBLISHERS}`);
    }
    for (let index = 0; index < HLS_PLAYERS; index++) hlsPlayers.push(new RunningHlsPlayer(hlsPort, `s${index % PUBLISHERS}`));
    await until(() => rtmpPlayers.every((player) => pictureNumbers(player.messages).length > 0) && hlsPlayers.every(({ player }) => player.played.length > 0), 'all players to play', 30_000);

    const outcomes: string[] = [];
    for (let round = 1; round <= SWAPS; round++) {
      for (const plugin of [rtmp, hls]) {
        const swap = swapOnce(kernel, plugin, round % 4 === 0);
        const newcomer = new RtmpClient(rtmpPort);
        await t.notThrowsAsync(newcomer.play('s0').then(() => newcomer.status('NetStream.Play.Start')), `a new connection in round ${round}`);
        newcomer.close();
        outcomes.push(await swap);
      }
      await sleep(200);
    }
    t.is(outcomes.filter((outcome) => outcome === 'swapped').length, 2 * SWAPS * 0.75);
    t.is(outcomes.filter((outcome) => outcome === 'refused').length, 2 * SWAPS * 0.25);

    const last = publishers.map((publisher) => publisher.number);
    await until(() => rtmpPlayers.every((player, index) => (pictureNumbers(player.messages).at(-1) ?? 0) >= (last[index % PUBLISHERS] ?? 0) - 1), 'the players to catch up');
    for (const player of hlsPlayers) player.stop();
    await t.notThrowsAsync(Promise.all(hlsPlayers.map(({ done }) => done)), 'every HLS player got every part');
    t.deepEqual([...publishers.map(({ client }) => client), ...rtmpPlayers].filter(({ closed }) => closed), [], 'no session was lost');
    for (const [index, player] of rtmpPlayers.entries()) {
      t.true(isGapless(pictureNumbers(player.messages)), `pictures of player ${index}`);
      t.true(isGapless(soundNumbers(player.messages)), `sounds of player ${index}`);
    }
    for (const [index, { player }] of hlsPlayers.entries()) {
      const numbers = hlsPictureNumbers(player);
      t.true(numbers.length > 50 && isGapless(numbers), `pictures of HLS player ${index}`);
    }
    await until(() => {
      global.gc?.();
      return ['rtmp', 'hls'].every((name) => kernel.kernel.host.slot(name).uncollected === 0);
    }, 'old generations to be collected', 40_000);
  } finally {
    for (const publisher of publishers) publisher.stop();
    for (const player of rtmpPlayers) player.close();
    for (const player of hlsPlayers) player.stop();
    await kernel.stop();
    rtmp.remove();
    hls.remove();
  }
});

test('a gap in the numbers is seen', (t) => {
  t.true(isGapless([4, 5, 6]));
  t.false(isGapless([4, 6]));
  t.false(isGapless([4, 4]));
});
