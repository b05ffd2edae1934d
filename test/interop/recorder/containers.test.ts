import { extname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ffmpeg, probePackets } from '../../support/ffmpeg.ts';
import type { Clip } from '../../support/hls.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { probeClip, publishAtOnce, recordable } from '../../support/probed-clip.ts';
import { checkMedia, RecordingKernel, type CompleteRecording } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const CLIP_S = 5;
const LEAST_S = '4.9';

const clips = new Map<string, Promise<Clip>>();
const clipOf = (name: string): Promise<Clip> => {
  const clip = clips.get(name) ?? beginningOf(name);
  clips.set(name, clip);
  return clip;
};

/** The first seconds of a clip, not encoded anew. */
async function beginningOf(name: string): Promise<Clip> {
  const file = join(temporaryFolder(), `clip${extname(name)}`);
  await ffmpeg('-i', join(mediaFolder, name), '-t', String(CLIP_S), '-c', 'copy', file);
  return probeClip(file);
}

async function record(t: ExecutionContext, clip: Clip, settings: Readonly<Record<string, unknown>> = {}): Promise<CompleteRecording> {
  const folder = temporaryFolder(t);
  const kernel = await RecordingKernel.start(t, folder, settings);
  await publishAtOnce(kernel.media, 'clip', clip, { record: true });
  const [recording] = await kernel.files('clip');
  t.is(recording!.error, undefined);
  return recording!;
}

for (const [name, containers, options] of [
  ['avc.mp4', ['mp4'], []],
  ['avc-bframes.mp4', ['mp4', 'mkv', 'ts'], []],
  ['hevc.mp4', ['mp4'], []],
  ['audio-only.mp4', ['mp4', 'mkv'], ['--no-video']],
  ['video-only.mp4', ['mp4', 'ts'], ['--no-audio']],
] as const) {
  for (const container of containers) {
    peerTest(`${name} is recorded as ${container} with every picture and sound in its place`, ['ffmpeg', 'ffprobe'], async (t) => {
      const clip = await clipOf(name);
      const { path, durationMs } = await record(t, clip, { formats: `h264-${container},hevc-${container},audio-${container}` });
      t.is(path.split('.').at(-1), container);
      await checkMedia(t, path, '--min-duration', LEAST_S, ...options);
      t.true(Math.abs(durationMs - clip.durationUs / 1000) < 100, `${durationMs}`);
      const { packets, streams } = await probePackets(path);
      t.is(packets.length, recordable(clip), 'not one frame more or less');
      t.is(streams.length, clip.tracks.length);
    });
  }
}

peerTest('VP8 and Opus are recorded as WebM, as the default is', ['ffmpeg', 'ffprobe'], async (t) => {
  const clip = await clipOf('vp8-opus.webm');
  const { path } = await record(t, clip);
  t.is(path.split('.').at(-1), 'webm');
  await checkMedia(t, path, '--min-duration', LEAST_S);
  t.is((await probePackets(path)).packets.length, recordable(clip));
});
