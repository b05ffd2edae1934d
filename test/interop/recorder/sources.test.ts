import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ffmpeg, probePackets } from '../../support/ffmpeg.ts';
import type { Clip } from '../../support/hls.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { PeerProcess, peerTestsSideBySide } from '../../support/peers.ts';
import { beginClip, probeClip } from '../../support/probed-clip.ts';
import { checkMedia, RecordingKernel } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const sideBySide = peerTestsSideBySide(2);
const CLIP_S = 3;
const PASSWORD = 'hush-hush';

function scratch(t: ExecutionContext): string {
  const folder = temporaryFolder(t);
  return folder;
}

/** The first seconds of a clip, not encoded anew. */
async function beginningOf(name: string): Promise<Clip> {
  const file = join(temporaryFolder(), name);
  await ffmpeg('-i', join(mediaFolder, name), '-t', String(CLIP_S), '-c', 'copy', file);
  return probeClip(file);
}

let members: Promise<readonly Clip[]> | undefined;
const membersOf = (): Promise<readonly Clip[]> => (members ??= Promise.all(['avc.mp4', 'avc-bframes.mp4'].map(beginningOf)));

sideBySide('a stream that is pulled from another server is recorded whole, and its password is nowhere', ['ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(90_000);
  const [originPort = 0] = await freePorts(1);
  const origin = await RecordingKernel.start(t, scratch(t), {}, { rtmp: { port: originPort } });
  const puller = await RecordingKernel.start(t, scratch(t), { protocols: ['rtmp'], nameTemplate: '{streamName}-{videoCodec}', syncMs: 0 }, { rtmp: { port: (await freePorts(1))[0] } });
  new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-i', join(mediaFolder, 'avc.mp4'), '-t', '20', '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${originPort}/live/clip`]);
  await until(() => origin.media.find('clip')?.tracks.length === 2, 'the stream at its origin');
  const uri = `rtmp://camera:${PASSWORD}@127.0.0.1:${originPort}/live/clip`;
  const stream = await puller.media.resolve(uri, { caller: '127.0.0.1' });
  let frames = 0;
  stream.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onFrame: ({ track }) => void (frames += track.kind === 'video' ? 1 : 0), onEnd: () => undefined } });
  await until(() => frames > 90, 'three seconds of pictures', 30_000);
  const rows = await puller.kernel.call('recorder.find_all');
  stream.terminate('Stopped by rest /terminate');
  const [recording] = await until(() => (puller.complete.length > 0 ? puller.complete : undefined), 'the file');
  t.is(recording!.error, undefined);
  await checkMedia(t, recording!.path, '--min-duration', '2.5', '--loop', '20');
  const told = JSON.stringify([rows, recording, puller.started, readdirSync(puller.folder), puller.kernel.logLines]);
  t.false(told.includes(PASSWORD));
  t.true(told.includes('camera'));
  t.false(readFileSync(recording!.path).includes(PASSWORD));
});

for (const container of ['mkv', 'mp4'] as const) {
  sideBySide(`of several streams in one ${container}, each has its sound with its picture, and all are on one clock`, ['ffmpeg', 'ffprobe'], async (t) => {
    t.timeout(90_000);
    const folder = scratch(t);
    const recording = await RecordingKernel.start(t, folder, { multipleFormat: container, nameTemplate: '{streamName}' });
    const clips = await membersOf();
    const publications = clips.map((clip, index) => beginClip(recording.media, `member${index}`, clip));
    const uri = 'multi-recorder://judged';
    await recording.kernel.call('multipleRecorder.startup', { uri });
    for (const { stream } of publications) await recording.kernel.call('multipleRecorder.add', { uri, mediaSessionId: stream.id });
    const nowMs = performance.now();
    const all = clips.flatMap(({ frames }, index) => frames.map((frame) => ({ frame, index }))).sort((a, b) => a.frame.dtsUs - b.frame.dtsUs);
    for (const { frame, index } of all) publications[index]!.write({ ...frame, receivedAtMs: nowMs + frame.dtsUs / 1000 });
    for (const publication of publications) publication.end('Stopped by user');
    await recording.kernel.call('multipleRecorder.terminate', { uri });
    const [file] = await recording.files(uri);
    const { streams, packets } = await probePackets(file!.path);
    t.deepEqual(streams.map(({ codec_name }) => codec_name), ['h264', 'aac', 'h264', 'aac']);
    const firstS = streams.map(({ time_base }, index) => {
      const [rate = 1, scale = 1] = time_base.split('/').map(Number);
      return (packets.find(({ stream_index }) => stream_index === index)!.pts * rate) / scale;
    });
    t.true(Math.abs(firstS[0]! - firstS[2]!) < 0.1, firstS.join());
    await Promise.all([0, 1].map(async (index) => {
      const own = join(folder, `own${index}.mkv`);
      await ffmpeg('-i', file!.path, '-map', `0:v:${index}`, '-map', `0:a:${index}`, '-c', 'copy', '-copyts', own);
      await checkMedia(t, own, '--min-duration', String(CLIP_S - 0.2));
    }));
  });
}
