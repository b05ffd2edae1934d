import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mediaFolder } from '../support/media-folder.ts';
import { peerTest } from '../support/peers.ts';
import { releaseSecondPeers, SecondPlayer, SecondPublisher } from '../support/second-peer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkout, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import { TestClient } from '../support/webrtc/client.ts';
import { loadRtpClip } from '../support/webrtc/rtp-clip.ts';
import { startWhipServer } from '../support/whip-server.ts';

test.after.always(() => releaseSecondPeers());

/** An installation of its own whose copy of the plugin a test may change. */
function copyOfInstallation(t: ExecutionContext): string {
  const root = temporaryFolder(t);
  mkdirSync(join(root, 'plugins'));
  for (const name of ['webrtc', 'http']) cpSync(join(checkout, 'plugins', name), join(root, 'plugins', name), { recursive: true });
  for (const name of ['core', 'node_modules', 'package.json']) symlinkSync(join(checkout, name), join(root, name));
  return root;
}

async function swap({ kernel }: TestKernel, root: string, version: number): Promise<{ moved: number; draining: number }> {
  const file = join(root, 'plugins', 'webrtc', 'webrtc.plugin.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/version: '1\.0\.\d+'/, `version: '1.0.${version}'`));
  if ((await kernel.host.reload('webrtc')) !== 'swapped') throw new Error('Not swapped');
  return kernel.host.slot('webrtc').lastSwap!;
}

peerTest('publisher and viewers go on through swaps, without a packet lost, repeated or under a wrong key', ['ffmpeg'], async (t) => {
  const root = copyOfInstallation(t);
  const server = await startWhipServer(t, { root });
  const publisher = await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  const players = [await SecondPlayer.start(t, { url: server.whep('cam') }), await SecondPlayer.start(t, { url: server.whep('cam') })];
  const client = await TestClient.connect(t, { url: server.whep('cam') });
  const ids = server.kernel.parts.sessions.list({ protocol: 'webrtc' }).map(({ id }) => id);
  for (let version = 1; version <= 5; version++) {
    const seen = client.video.frames.length;
    await until(() => client.video.frames.length >= seen + 10, 'pictures between two swaps');
    t.deepEqual(await swap(server, root, version).then(({ moved, draining }) => ({ moved, draining })), { moved: 4, draining: 0 });
  }
  const seen = players.map(({ video }) => video.frames.length);
  await until(() => players.every(({ video }, index) => video.frames.length >= (seen[index] ?? 0) + 60), 'two seconds after the last swap');
  t.deepEqual([client.forged, client.video.broken, ...players.map(({ video }) => video.broken)], [0, 0, 0, 0]);
  t.is(publisher.state, 'connected');
  t.deepEqual(server.kernel.parts.sessions.list({ protocol: 'webrtc' }).map(({ id }) => id), ids);
  t.deepEqual(server.logLines.filter((line) => line.includes('"level":"error"') || line.includes('"level":50')), []);
  t.is(await players[0]!.end(), 200);
  t.is(await publisher.end(), 200);
  await until(() => server.kernel.parts.media.find('cam') === undefined, 'the end of the stream');
});

peerTest('an offer that was answered before a swap connects after it', ['ffmpeg'], async (t) => {
  const root = copyOfInstallation(t);
  const server = await startWhipServer(t, { root });
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), {
    url: server.whip('cam'),
    rewriteAnswer: (answer) => answer,
  });
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  const swapped: Promise<unknown>[] = [];
  const player = await SecondPlayer.start(t, {
    url: server.whep('cam'),
    rewriteAnswer: (answer) => {
      swapped.push(swap(server, root, 1));
      return answer;
    },
  });
  await Promise.all(swapped);
  await until(() => player.video.frames.length >= 30, 'pictures');
  t.is(player.video.broken, 0);
});
