import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ffmpeg, probe, type ProbedPacket } from '../../support/ffmpeg.ts';
import { peerTestsSideBySide, runPeer } from '../../support/peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { AV_CHECK, openVodServer, type VodServer } from '../../support/vod-server.ts';

const sideBySide = peerTestsSideBySide(3);

const folder = temporaryFolder();
let server: VodServer;
const WHOLE_S = 6;
/** The markings of the clips go on over the seam of a loop of so many seconds. */
const LOOP_S = 10;
const SHORT_LOOP_S = 2;

async function judged(t: ExecutionContext, source: string, ...options: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await runPeer(t, process.execPath, [AV_CHECK, source, ...options, '--max-offset', '40']);
  t.log(stdout.slice(0, 900));
  t.is(status, 0, `${stdout}${stderr}`);
}

/** The first seconds of a clip, not encoded anew; gives the name of the file. */
async function cut(server: VodServer, clip: string, seconds: number, name = `${seconds}s-of-${clip}`): Promise<string> {
  await ffmpeg('-i', server.add(clip, `whole-for-${name}`), '-t', String(seconds), '-c', 'copy', ...(name.endsWith('.mp4') ? ['-movflags', '+faststart'] : []), join(server.folder, name));
  return name;
}

/** Packets by kind. */
async function packetsOf(file: string): Promise<Readonly<Record<'video' | 'audio', readonly ProbedPacket[]>>> {
  const { streams, packets } = await probe(file);
  const ofKind = (kind: string): ProbedPacket[] => packets.filter(({ stream_index }) => streams[stream_index]?.codec_type === kind);
  return { video: ofKind('video'), audio: ofKind('audio') };
}

const hlsUrl = ({ hlsPort }: VodServer, name: string): string => `http://127.0.0.1:${hlsPort}/${encodeURIComponent(name)}/${encodeURIComponent(name)}.m3u8`;

/** From the start to the end, every picture, sound and picture together. */
async function playsWhole(t: ExecutionContext, server: VodServer, clip: string): Promise<void> {
  const name = await cut(server, clip, WHOLE_S);
  await judged(t, `${server.rtmpUrl}/vod://${name}`, '--min-duration', String(WHOLE_S - 0.1));
}

/** One playback for a player by RTMP and one by HLS, without a hole at the seam. */
async function playsLiveOverItsSeam(t: ExecutionContext, server: VodServer): Promise<void> {
  const name = `vod-live://${await cut(server, 'avc.mp4', LOOP_S)}`;
  const options = ['--seconds', '11', '--loop', String(LOOP_S), '--skip', '1', '--min-duration', '9.5'];
  await Promise.all([`${server.rtmpUrl}/${name}`, hlsUrl(server, name)].map((url) => judged(t, url, ...options)));
  t.like(await server.kernel.call('vod.find', { uri: name }), { length: 1 });
}

async function playsHevcFromMatroska(t: ExecutionContext, server: VodServer): Promise<void> {
  const name = await cut(server, 'hevc.mp4', LOOP_S, 'hevc.mkv');
  await judged(t, hlsUrl(server, `vod-live://${name}`), '--seconds', '6', '--loop', String(LOOP_S), '--skip', '1', '--min-duration', '4');
}

/** Every packet follows the one before it by one frame. */
async function loopsWithoutASlip(t: ExecutionContext, server: VodServer): Promise<void> {
  const name = await cut(server, 'avc.mp4', SHORT_LOOP_S);
  await server.kernel.call('vod.startup', { uri: `vod-live://${name}`, localStreamName: 'loop', loop: 'true' });
  const file = join(folder, 'loop.flv');
  await ffmpeg('-i', `${server.rtmpUrl}/loop`, '-t', '7', '-c', 'copy', file);
  for (const [kind, packets] of Object.entries(await packetsOf(file))) {
    const times = packets.map(({ dts }) => dts);
    const steps = times.slice(1).map((time, at) => time - times[at]!);
    t.true(times.length > (kind === 'video' ? 200 : 310), `${times.length} packets`);
    const [least, most] = kind === 'video' ? [20, 60] : [20, 23];
    t.true(steps.every((step) => step >= least && step <= most), `${kind}: ${JSON.stringify([...new Set(steps)])}`);
  }
}

async function beginsWhereToldTo(t: ExecutionContext, server: VodServer): Promise<void> {
  server.add('avc.mp4');
  const file = join(folder, 'dumped.flv');
  const { stderr } = await runPeer(t, 'rtmpdump', ['-q', '-r', server.rtmpUrl, '-y', 'vod://avc.mp4', '-A', '14.4', '-o', file]);
  const { video } = await packetsOf(file);
  t.true(video[0]!.flags.startsWith('K'), stderr);
  t.true(video.length >= 179 && video.length <= 181, `${video.length} pictures from 14.0 s to the end`);
}

async function isNotSharedByHls(t: ExecutionContext, server: VodServer): Promise<void> {
  const name = await cut(server, 'avc.mp4', 1);
  const { status } = await fetch(hlsUrl(server, `vod://${name}`));
  t.true(status >= 400, `${status}`);
  t.false(server.kernel.kernel.parts.media.streams().some((stream) => stream.name.includes(name)));
}

// All at the same time: what they wait for is the pace of the clips.
const CASES: readonly (readonly [title: string, (t: ExecutionContext, server: VodServer) => Promise<void>])[] = [
  ['a file of its own over RTMP comes whole', (t, server) => playsWhole(t, server, 'avc.mp4')],
  ['a file with B-frames of its own over RTMP comes whole', (t, server) => playsWhole(t, server, 'avc-bframes.mp4')],
  ['a live file over RTMP and HLS at once is one playback, looped, without a hole at the seam', playsLiveOverItsSeam],
  ['a live file in HEVC, read from Matroska, plays over HLS', playsHevcFromMatroska],
  ['over the seams of a loop every packet follows the one before it by one frame', loopsWithoutASlip],
  ['rtmpdump begins where it is told to', beginsWhereToldTo],
  ['a copy of its own is not played by HLS, whose viewers would share it', isNotSharedByHls],
];

test.before(async () => {
  server = await openVodServer({ loop: true });
});

test.after.always(() => server.stop());

for (const [title, run] of CASES) {
  sideBySide(title, ['ffmpeg', 'ffprobe', 'rtmpdump'], async (t) => {
    t.timeout(90_000);
    await run(t, server);
    t.is(server.kernel.kernel.host.slot('vod').faultsSeen, 0);
  });
}
