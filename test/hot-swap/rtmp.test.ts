import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeMessage } from '../../plugins/rtmp/wire/chunk-writer.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { numberedPicture, numberedSound, pictureNumbers, realConfigs, soundNumbers } from '../support/rtmp-media.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';

/** An installation of its own whose copy of the plugin a test may change. */
function copyOfInstallation(t: ExecutionContext): string {
  const root = temporaryFolder(t);
  mkdirSync(join(root, 'plugins'));
  cpSync(join(checkout, 'plugins', 'rtmp'), join(root, 'plugins', 'rtmp'), { recursive: true });
  for (const name of ['core', 'node_modules', 'package.json']) symlinkSync(join(checkout, name), join(root, name));
  return root;
}

async function swap(server: TestKernel, root: string, version: number): Promise<{ moved: number; draining: number }> {
  const file = join(root, 'plugins', 'rtmp', 'rtmp.plugin.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/version: '1\.0\.\d+'/, `version: '1.0.${version}'`));
  if ((await server.kernel.host.reload('rtmp')) !== 'swapped') throw new Error('Not swapped');
  return server.kernel.host.slot('rtmp').lastSwap!;
}

test('publishers and players go on through swaps in the middle of messages, without a frame lost or repeated', async (t) => {
  const root = copyOfInstallation(t);
  const [port] = await freePorts(1);
  const server = await startTestKernel({ root, plugins: { rtmp: { port } } });
  const configs = realConfigs();
  const publisher = new RtmpClient(port!);
  const players = [new RtmpClient(port!), new RtmpClient(port!)];
  const waiting = new RtmpClient(port!);
  try {
    const streamId = await publisher.publish('swapped?token=1');
    publisher.metadata(streamId, { videocodecid: 7, audiocodecid: 10 });
    publisher.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
    publisher.send({ type: 8, streamId, timestampMs: 0, payload: configs.audio });
    await until(() => server.kernel.parts.media.find('swapped')?.tracks.length === 2, 'tracks');
    for (const [index, player] of players.entries()) {
      await player.play(index === 0 ? 'swapped' : 'swapped?lowLatency=1');
      await player.status('NetStream.Play.Start');
    }
    await waiting.play('later');
    const ids = server.kernel.parts.sessions.list({ protocol: 'rtmp' }).map(({ id }) => id);
    let number = 0;
    const sendOne = (): Buffer => {
      const picture = encodeMessage(numberedPicture(streamId, number, number % 10 === 0, 70_000));
      const sound = encodeMessage(numberedSound(streamId, number));
      number++;
      return Buffer.concat([picture, sound]);
    };
    for (let version = 1; version <= 5; version++) {
      for (let i = 0; i < 4; i++) publisher.socket.write(sendOne());
      const cut = sendOne();
      publisher.socket.write(cut.subarray(0, 66_000 + version));
      await until(() => players.every(({ messages }) => pictureNumbers(messages).includes(number - 2)), `picture ${number - 2}`);
      const { moved, draining } = await swap(server, root, version);
      t.deepEqual({ moved, draining }, { moved: 4, draining: 0 });
      publisher.socket.write(cut.subarray(66_000 + version));
    }
    const expected = Array.from({ length: number }, (_, index) => index);
    await until(() => players.every(({ messages }) => soundNumbers(messages).includes(number - 1)), 'the last sound');
    for (const { messages } of players) {
      t.deepEqual(pictureNumbers(messages), expected);
      t.deepEqual(soundNumbers(messages), expected);
    }
    t.deepEqual(server.kernel.parts.sessions.list({ protocol: 'rtmp' }).map(({ id }) => id), ids);
    t.like(server.kernel.parts.sessions.list({ role: 'publish' })[0], { streamName: 'swapped', state: 'ESTABLISHED' });

    const late = new RtmpClient(port!);
    players.push(late);
    await late.play('swapped');
    await until(() => pictureNumbers(late.messages).length > 0, 'pictures of a late joiner');
    t.is(pictureNumbers(late.messages)[0], 20);

    publisher.call(0, 'deleteStream', null, streamId);
    for (const player of players) await player.status('NetStream.Play.UnpublishNotify');
    await waiting.status('NetStream.Play.StreamNotFound');
    t.deepEqual(server.logLines.filter((line) => line.includes('"level":"error"') || line.includes('"level":50')), []);
  } finally {
    for (const client of [publisher, waiting, ...players]) client.close();
    await server.stop();
  }
});
