import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ffmpeg, probe, scratchFolder } from '../../support/ffmpeg.ts';
import { peerTest, runPeer } from '../../support/peers.ts';
import { AV_CHECK, startVodServer, type VodServer } from '../../support/vod-server.ts';

const folder = scratchFolder();

async function judged(t: ExecutionContext, source: string, options: readonly string[], input: readonly string[] = []): Promise<void> {
  const { status, stdout, stderr } = await runPeer(t, process.execPath, [AV_CHECK, source, ...options, '--max-offset', '40', '--', ...input]);
  t.log(stdout.slice(0, 900));
  t.is(status, 0, `${stdout}${stderr}`);
}

/** A clip of two seconds whose markings go on over its seam, cut out of a longer one without decoding it. */
async function shortClip(server: VodServer, name: string): Promise<void> {
  await ffmpeg('-i', server.add('avc.mp4', `source-of-${name}`), '-t', '10', '-c', 'copy', '-movflags', '+faststart', join(server.folder, name));
}

for (const clip of ['avc.mp4', 'avc-bframes.mp4']) {
  peerTest(`${clip} of its own over RTMP: from the start to the end, every picture, sound and picture together`, ['ffmpeg'], async (t) => {
    t.timeout(120_000);
    const server = await startVodServer(t);
    server.add(clip);
    await judged(t, `${server.rtmpUrl}/vod://${clip}`, ['--min-duration', '19.9']);
  });
}

const hlsUrl = ({ hlsPort }: VodServer, name: string): string => `http://127.0.0.1:${hlsPort}/${encodeURIComponent(name)}/${encodeURIComponent(name)}.m3u8`;

peerTest('a live file over RTMP and HLS at once: one playback, looped, without a hole at the seam', ['ffmpeg'], async (t) => {
  t.timeout(90_000);
  const server = await startVodServer(t, { loop: true });
  server.add('avc.mp4');
  await Promise.all([
    judged(t, `${server.rtmpUrl}/vod-live://avc.mp4`, ['--seconds', '26', '--loop', '20', '--skip', '1', '--min-duration', '24']),
    judged(t, hlsUrl(server, 'vod-live://avc.mp4'), ['--seconds', '24', '--loop', '20', '--skip', '1', '--min-duration', '22']),
  ]);
  t.like(await server.kernel.call('vod.find_all'), { length: 1 });
});

peerTest('a live file in HEVC, read from Matroska, over HLS', ['ffmpeg'], async (t) => {
  t.timeout(60_000);
  const server = await startVodServer(t, { loop: true });
  await ffmpeg('-i', server.add('hevc.mp4'), '-c', 'copy', join(server.folder, 'hevc.mkv'));
  await judged(t, hlsUrl(server, 'vod-live://hevc.mkv'), ['--seconds', '10', '--loop', '20', '--skip', '1', '--min-duration', '8']);
});

peerTest('a copy of its own is not played by HLS, whose viewers would share it', ['ffmpeg'], async (t) => {
  const server = await startVodServer(t);
  server.add('avc.mp4');
  const answer = await fetch(hlsUrl(server, 'vod://avc.mp4'));
  t.true(answer.status >= 400, `${answer.status}`);
  t.is(server.kernel.kernel.parts.media.streams().length, 0);
});

peerTest('rtmpdump begins where it is told to', ['ffmpeg', 'ffprobe', 'rtmpdump'], async (t) => {
  t.timeout(60_000);
  const server = await startVodServer(t);
  server.add('avc.mp4');
  const file = join(folder, 'dumped.flv');
  const { stderr } = await runPeer(t, 'rtmpdump', ['-q', '-r', server.rtmpUrl, '-y', 'vod://avc.mp4', '-A', '12.4', '-o', file]);
  const { streams, packets } = await probe(file);
  const picture = streams.findIndex(({ codec_type }) => codec_type === 'video');
  const times = packets.filter(({ stream_index }) => stream_index === picture).map(({ dts }) => dts);
  t.true(packets.find(({ stream_index }) => stream_index === picture)!.flags.startsWith('K'), stderr);
  t.true(times.length >= 239 && times.length <= 241, `${times.length} pictures from 12.0 s to the end`);
});

peerTest('over the seam of a loop every packet follows the one before it by one frame', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(60_000);
  const server = await startVodServer(t);
  await shortClip(server, 'short.mp4');
  await server.kernel.call('vod.startup', { uri: 'vod-live://short.mp4', localStreamName: 'loop', loop: 'true' });
  const file = join(folder, 'loop.flv');
  await ffmpeg('-i', `${server.rtmpUrl}/loop`, '-t', '23', '-c', 'copy', file);
  const { streams, packets } = await probe(file);
  for (const [index, { codec_type }] of streams.entries()) {
    const times = packets.filter(({ stream_index }) => stream_index === index).map(({ dts }) => dts);
    const steps = times.slice(1).map((time, at) => time - times[at]!);
    t.true(times.length > (codec_type === 'video' ? 660 : 1000), `${times.length} packets`);
    const [least, most] = codec_type === 'video' ? [20, 60] : [20, 23];
    t.true(steps.every((step) => step >= least && step <= most), `${codec_type}: ${JSON.stringify([...new Set(steps)])}`);
  }
});
