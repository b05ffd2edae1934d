import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probe } from '../../support/ffmpeg.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { releaseSecondPeers, SecondPlayer, SecondPublisher } from '../../support/second-peer.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { startBrowserServer } from '../../support/browser-server.ts';
import { loadRtpClip } from '../../support/webrtc/rtp-clip.ts';

test.after.always(() => releaseSecondPeers());

peerTest('libdatachannel publishes and plays, and every picture on the way decodes', ['ffmpeg', 'ffprobe'], async (t) => {
  const server = await startBrowserServer(t);
  const publisher = await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
  const player = await SecondPlayer.start(t, { url: server.whep('cam') });

  await until(() => player.video.frames.length >= 150 && player.audioPackets >= 240, '150 pictures and their sound');
  t.is(player.video.broken, 0);
  t.true(player.video.frames[0]?.key, 'the first picture is a key frame');
  t.true(player.video.frames.filter(({ key }) => key).length >= 3);

  const played = [...player.video.frames];
  const file = join(temporaryFolder(), 'played.h264');
  writeFileSync(file, Buffer.concat(played.map(({ annexB }) => annexB)));
  const { frames, streams } = await probe(file);
  t.is(frames.length, played.length);
  t.is(streams[0]?.width, 1280);

  t.is(await player.end(), 200);
  t.is(publisher.state, 'connected');
  t.is(await publisher.end(), 200);
});

peerTest('a second player comes while the first one plays, and neither disturbs the other', ['ffmpeg'], async (t) => {
  const server = await startBrowserServer(t);
  await SecondPublisher.start(t, loadRtpClip(mediaFolder), { url: server.whip('cam') });
  await server.streamIsLive('cam');
  const first = await SecondPlayer.start(t, { url: server.whep('cam') });
  await until(() => first.video.frames.length >= 30, 'the first player');
  const second = await SecondPlayer.start(t, { url: server.whep('cam') });
  await until(() => second.video.frames.length >= 30, 'the second player');
  t.true(second.video.frames[0]?.key);
  t.is(await second.end(), 200);
  const before = first.video.frames.length;
  await until(() => first.video.frames.length >= before + 30, 'the first player goes on');
  t.deepEqual([first.video.broken, second.video.broken], [0, 0]);
});
