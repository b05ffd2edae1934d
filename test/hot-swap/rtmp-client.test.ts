import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeMessage } from '../../plugins/rtmp/wire/chunk-writer.ts';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { FakeRtmpServer } from '../support/fake-rtmp-server.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { numberedPicture, numberedSound, pictureNumbers, realConfigs, soundNumbers } from '../support/rtmp-media.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';

const SWAPS = 5;
const configs = realConfigs();

/** A server whose RTMP plugin can be swapped for another version of the same. */
class Swapping {
  readonly kernel: TestKernel;
  readonly port: number;
  readonly #plugin: PluginUnderTest;

  private constructor(kernel: TestKernel, port: number, plugin: PluginUnderTest) {
    this.kernel = kernel;
    this.port = port;
    this.#plugin = plugin;
  }

  static async start(t: ExecutionContext): Promise<Swapping> {
    const plugin = new PluginUnderTest('rtmp', join(checkout, 'plugins/rtmp/rtmp.plugin.ts'));
    const [port = 0] = await freePorts(1);
    const kernel = await startTestKernel({
      config: { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } },
      plugins: { rtmp: { path: plugin.folder, port, client: { reconnectMinMs: 200 } } },
    });
    t.teardown(async () => {
      await kernel.stop();
      plugin.remove();
    });
    return new Swapping(kernel, port, plugin);
  }

  async swap(): Promise<{ readonly moved: number; readonly draining: number }> {
    this.#plugin.writeGood();
    const { lastSwap } = (await this.kernel.call('plugin.reload', { name: 'rtmp' })) as { lastSwap: { moved: number; draining: number } };
    return { moved: lastSwap.moved, draining: lastSwap.draining };
  }

  get errors(): string[] {
    return this.kernel.logLines.filter((line) => line.includes('"level":"error"'));
  }
}

const upTo = (number: number): number[] => Array.from({ length: number }, (_, index) => index);

test.serial('a push goes on over its connection through swaps, without a frame lost or repeated', async (t) => {
  const server = await Swapping.start(t);
  const target = await FakeRtmpServer.start(t);
  const publisher = new RtmpClient(server.port);
  t.teardown(() => publisher.close());
  const streamId = await publisher.publish('source');
  publisher.metadata(streamId, { videocodecid: 7, audiocodecid: 10 });
  publisher.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
  publisher.send({ type: 8, streamId, timestampMs: 0, payload: configs.audio });
  await until(() => server.kernel.kernel.parts.media.find('source')?.tracks.length === 2, 'tracks');
  let number = 0;
  const sendOne = (): Buffer => Buffer.concat([encodeMessage(numberedPicture(streamId, number, number % 10 === 0, 70_000)), encodeMessage(numberedSound(streamId, number++))]);
  publisher.socket.write(sendOne());
  const push = (await server.kernel.call('push.startup', { streamName: 'source', rtmpUrl: target.url('live') })) as { mediaSessionId: string };
  const peer = await target.peer();
  for (let swap = 0; swap < SWAPS; swap++) {
    for (let i = 0; i < 4; i++) publisher.socket.write(sendOne());
    const cut = sendOne();
    publisher.socket.write(cut.subarray(0, 66_000 + swap));
    await until(() => pictureNumbers(peer.messages).includes(number - 2), `picture ${number - 2}`);
    t.deepEqual(await server.swap(), { moved: 2, draining: 0 });
    publisher.socket.write(cut.subarray(66_000 + swap));
  }
  await until(() => soundNumbers(peer.messages).includes(number - 1), 'the last sound');
  t.deepEqual(pictureNumbers(peer.messages), upTo(number));
  t.deepEqual(soundNumbers(peer.messages), upTo(number));
  t.is(target.peers.length, 1);
  t.is(peer.messages.filter(({ type }) => type === 18).length, 1, 'headers go out once');
  t.like(await server.kernel.call('push.find', { streamName: 'source' }), [{ mediaSessionId: push.mediaSessionId, status: 'CONNECTED' }]);
  t.is(server.kernel.kernel.parts.dialler.connections, 1);

  publisher.call(0, 'deleteStream', null, streamId);
  await until(() => peer.closed, 'the end of the push');
  t.deepEqual(peer.commands.map(({ name }) => name), ['connect', 'releaseStream', 'FCPublish', 'createStream', 'publish', 'FCUnpublish', 'deleteStream']);
  await t.throwsAsync(server.kernel.call('push.find_all'), { code: 'OPERATION_E_EMPTY' });
  t.deepEqual(server.errors, []);
});

test.serial('pulls by REST and by address go on over their connections through swaps, without a frame lost or repeated', async (t) => {
  const server = await Swapping.start(t);
  const origin = await FakeRtmpServer.start(t);
  const address = origin.url('live/origin');
  const started = server.kernel.call('pull.rtmp.pull', { uri: origin.url('live/other'), localStreamName: 'copy' });
  const first = await origin.peer(0);
  const players = [new RtmpClient(server.port), new RtmpClient(server.port)];
  t.teardown(() => players.forEach((player) => player.close()));
  await until(() => first.commands.some(({ name }) => name === 'play'), 'the pull by REST to play');
  await players[1]?.play(address);
  const peers = [first, await origin.peer(1)];
  await until(() => peers.every(({ commands }) => commands.some(({ name }) => name === 'play')), 'both pulls to play');
  for (const peer of peers) {
    peer.send({ type: 9, streamId: 1, timestampMs: 0, payload: configs.video });
    peer.send({ type: 8, streamId: 1, timestampMs: 0, payload: configs.audio });
  }
  await started;
  await players[0]?.play('copy');
  for (const player of players) await player.status('NetStream.Play.Start');
  let number = 0;
  const one = (): Buffer => Buffer.concat([encodeMessage(numberedPicture(1, number, number % 10 === 0, 70_000)), encodeMessage(numberedSound(1, number++))]);
  const write = (bytes: Uint8Array): void => peers.forEach(({ socket }) => socket.write(bytes));
  for (let swap = 0; swap < SWAPS; swap++) {
    for (let i = 0; i < 4; i++) write(one());
    const cut = one();
    write(cut.subarray(0, 66_000 + swap));
    await until(() => players.every(({ messages }) => pictureNumbers(messages).includes(number - 2)), `picture ${number - 2}`);
    t.deepEqual(await server.swap(), { moved: 4, draining: 0 });
    write(cut.subarray(66_000 + swap));
  }
  await until(() => players.every(({ messages }) => soundNumbers(messages).includes(number - 1)), 'the last sound');
  for (const { messages } of players) {
    t.deepEqual(pictureNumbers(messages), upTo(number));
    t.deepEqual(soundNumbers(messages), upTo(number));
  }
  t.is(origin.peers.length, 2);

  players[1]?.close();
  server.kernel.kernel.parts.media.find(address)?.terminate('Test');
  await until(() => peers[1]?.closed, 'the end of the pull by address');
  t.false(first.closed);
  await server.kernel.call('pull.rtmp.terminate', { uri: origin.url('live/other') });
  await players[0]?.status('NetStream.Play.UnpublishNotify');
  await until(() => first.closed, 'the end of the pull by REST');
  t.deepEqual(server.errors, []);
});

test.serial('a pull whose server is away during a swap comes back after it', async (t) => {
  const server = await Swapping.start(t);
  const origin = await FakeRtmpServer.start(t);
  const started = server.kernel.call('pull.rtmp.pull', { uri: origin.url('live/origin'), localStreamName: 'copy' });
  const first = await origin.peer(0);
  await until(() => first.commands.some(({ name }) => name === 'play'), 'the pull');
  first.send({ type: 9, streamId: 1, timestampMs: 0, payload: configs.video });
  await started;
  await origin.stop();
  await until(() => server.kernel.kernel.parts.media.find('copy')?.state === 'suspended', 'the break');
  t.deepEqual(await server.swap(), { moved: 1, draining: 0 });
  const again = await FakeRtmpServer.start(t, {}, origin.port);
  const second = await again.peer(0);
  await until(() => second.commands.some(({ name }) => name === 'play'), 'the pull');
  second.send({ type: 9, streamId: 1, timestampMs: 0, payload: configs.video });
  await until(() => server.kernel.kernel.parts.media.find('copy')?.state === 'live', 'the return');
  t.deepEqual(server.errors, []);
});
