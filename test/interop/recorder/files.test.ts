import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ffmpeg, probePackets } from '../../support/ffmpeg.ts';
import { makeClip, type Clip } from '../../support/hls.ts';
import { peerTest } from '../../support/peers.ts';
import { beginClip, publishAtOnce, recordable } from '../../support/probed-clip.ts';
import { RecordingKernel } from '../../support/recordings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const PEERS = ['ffmpeg', 'ffprobe'] as const;
/** Six seconds with a key frame each half second. */
let shared: Promise<Clip> | undefined;
const clipOf = (): Promise<Clip> => (shared ??= makeClip({ seconds: 6, gopFrames: 15, bFrames: 2 }));

function scratch(t: ExecutionContext): string {
  const folder = temporaryFolder(t);
  return folder;
}

const idOf = (kernel: RecordingKernel, name: string): string => kernel.media.find(name)!.id;

peerTest('a recording that is rotated by time is parted at key frames, and its parts join without loss', PEERS, async (t) => {
  const clip = await clipOf();
  const folder = scratch(t);
  const kernel = await RecordingKernel.start(t, folder, { rotation: 2, nameTemplate: '{streamName}' });
  await publishAtOnce(kernel.media, 'parted', clip, { record: true });
  const parts = await kernel.files('parted', 3);
  t.deepEqual(parts.map(({ file }) => file).sort(), ['parted.mp4', 'parted_1.mp4', 'parted_2.mp4']);
  const ordered = ['parted_1.mp4', 'parted_2.mp4', 'parted.mp4'].map((file) => join(folder, file));
  const probed = await Promise.all(ordered.map((file) => probePackets(file)));
  for (const { packets, streams } of probed) {
    const video = streams.findIndex(({ codec_type }) => codec_type === 'video');
    t.true(packets.find(({ stream_index }) => stream_index === video)!.flags.startsWith('K'));
  }
  t.is(probed.reduce((sum, { packets }) => sum + packets.length, 0), clip.frames.length);
  const list = join(folder, 'list.txt');
  writeFileSync(list, ordered.map((file) => `file '${file}'\n`).join(''));
  const lines = await ffmpeg('-f', 'concat', '-safe', '0', '-i', list, '-map', '0:v', '-f', 'framemd5', '-');
  t.is(lines.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length, clip.frames.filter(({ track }) => track.kind === 'video').length);
});

peerTest('rotation by size and start times in names', PEERS, async (t) => {
  const kernel = await RecordingKernel.start(t, scratch(t), { rotation: '1M', nameTemplate: '{streamName}-{startTime}-{duration}-{videoCodec}', formats: 'h264-mkv' });
  const clip = await clipOf();
  const bytes = clip.frames.reduce((sum, { data }) => sum + data.length, 0);
  const rounds = Math.ceil((2.2 * 1_048_576) / bytes);
  const frames = Array.from({ length: rounds }, (_, round) => clip.frames.map((frame) => ({ ...frame, dtsUs: frame.dtsUs + round * clip.durationUs, ptsUs: frame.ptsUs + round * clip.durationUs }))).flat();
  await publishAtOnce(kernel.media, 'a/b', { ...clip, frames }, { params: { record: 'true' } });
  const parts = await kernel.files('a/b', 3);
  for (const { file } of parts) t.regex(file, /^a%2Fb-\d+-\d+-h264\.mkv$/);
  const startMs = (file: string): number => Number(file.split('-')[1]);
  const sizes = [...parts].sort((a, b) => startMs(a.file) - startMs(b.file)).map(({ path }) => statSync(path).size);
  t.true(sizes.slice(0, 2).every((size) => size > 1_000_000 && size < 1_200_000), sizes.join());
});

peerTest('REST starts, lists, restarts and stops recordings', PEERS, async (t) => {
  const folder = scratch(t);
  const recording = await RecordingKernel.start(t, folder);
  const { kernel } = recording;
  const clip = await clipOf();
  const publication = beginClip(recording.media, 'live', clip);
  for (const frame of clip.frames.slice(0, 200)) publication.write(frame);
  const mediaSessionId = idOf(recording, 'live');
  await t.throwsAsync(kernel.call('recorder.find_all'), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(kernel.call('stream.startRecording', { mediaSessionId: 'nobody' }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(kernel.call('stream.startRecording', { mediaSessionId, config: { fileTemplate: '../{streamName}' } }), { code: 'OPERATION_E_INPUT' });
  await t.throwsAsync(kernel.call('stream.startRecording', { mediaSessionId, config: { rotation: '10X' } }), { code: 'OPERATION_E_INPUT' });
  await kernel.call('recorder.startup', { mediaSessionId, config: { fileTemplate: 'first-{endTime}', rotation: '' } });
  for (const frame of clip.frames.slice(200, 300)) publication.write(frame);
  t.deepEqual(await kernel.call('recorder.find_all'), [{ fileName: 'first-{endTime}.mp4', mediaSessionId, streamName: 'live' }]);
  await kernel.call('stream.startRecording', { mediaSessionId, fileName: 'second.mp4' });
  for (const frame of clip.frames.slice(300)) publication.write(frame);
  await kernel.call('stream.stopRecording', { mediaSessionId });
  await t.throwsAsync(kernel.call('recorder.terminate', { mediaSessionId }), { code: 'MEDIA_E_NOT_FOUND' });
  const files = (await recording.files('live', 2)).map(({ file }) => file).sort();
  t.regex(files[0]!, /^first-\d+\.mp4$/);
  t.is(files[1], 'second.mp4');
  await t.throwsAsync(kernel.call('stream.startRecording', { mediaSessionId, fileName: 'second.mp4' }), { code: 'OPERATION_E_CONFLICT' });
  await kernel.call('stream.startRecording', { mediaSessionId, fileName: 'second.mp4', force: 'true' });
  publication.end('Stopped by user');
  await recording.files('live', 3);
  t.deepEqual(readdirSync(folder).filter((file) => file.startsWith('second')), ['second.mp4']);
  await probePackets(join(folder, 'second.mp4'));
});

peerTest('a format that changes in the middle begins a new file, and a publisher who returns goes on in the old one', PEERS, async (t) => {
  const kernel = await RecordingKernel.start(t, scratch(t), { streams: ['*'], nameTemplate: '{streamName}' });
  const [small, large] = await Promise.all([clipOf(), makeClip({ seconds: 2, gopFrames: 15, size: '640x360' })]);
  const publication = beginClip(kernel.media, 'changing', small);
  for (const frame of small.frames) publication.write(frame);
  publication.suspend('Stopped by session disconnect');
  const again = beginClip(kernel.media, 'changing', small);
  for (const frame of small.frames) again.write(frame);
  again.setTracks(large.tracks);
  for (const frame of large.frames) again.write({ ...frame, dtsUs: frame.dtsUs + 7e6, ptsUs: frame.ptsUs + 7e6 });
  again.end('Stopped by user');
  const files = await kernel.files('changing', 2);
  t.deepEqual(files.map(({ file }) => file).sort(), ['changing.mp4', 'changing_1.mp4']);
  const [first, second] = await Promise.all(['changing_1.mp4', 'changing.mp4'].map((file) => probePackets(join(kernel.folder, file))));
  t.is(first!.packets.length, 2 * small.frames.length);
  t.is(second!.packets.length, recordable(large));
  t.is(second!.streams.find(({ codec_type }) => codec_type === 'video')!.width, 640);
  const video = first!.streams.findIndex(({ codec_type }) => codec_type === 'video');
  const times = first!.packets.filter(({ stream_index }) => stream_index === video).map(({ dts }) => dts);
  t.deepEqual(times, [...times].sort((a, b) => a - b));
});

peerTest('the script gets name and path, nothing of the server\'s secrets, and is killed with its children when it hangs', PEERS, async (t) => {
  const folder = scratch(t);
  const script = join(folder, 'hook.sh');
  writeFileSync(script, `#!/bin/sh\necho "$1|$2|$3|$WCS_ADMIN_PASSWORD" >> ${folder}/called\nif [ "$2" = hang ]; then sleep 60 & echo $! > ${folder}/child; wait; fi\n`);
  chmodSync(script, 0o755);
  const kernel = await RecordingKernel.start(t, join(folder, 'records'), { streams: ['*'], nameTemplate: '{streamName}', script: [script, 'word'], scriptTimeoutMs: 1000 });
  const clip = await clipOf();
  await publishAtOnce(kernel.media, 'two $words', clip).catch(() => undefined);
  await publishAtOnce(kernel.media, '$(words)', clip);
  await publishAtOnce(kernel.media, 'hang', clip);
  await until(() => existsSync(join(folder, 'child')), 'the hanging script');
  await until(() => kernel.kernel.logLines.some((line) => line.includes('took longer than 1000 ms')), 'its end');
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
  await until(() => { try { process.kill(child, 0); return false; } catch { return true; } }, 'the end of its child');
  t.regex(readFileSync(join(folder, 'called'), 'utf8'), new RegExp(`^word\\|\\$\\(words\\)\\|${join(folder, 'records')}/%24%28words%29\\.mp4\\|$`, 'm'));
});

peerTest('names cannot leave the folder, not even by a link in it', PEERS, async (t) => {
  const folder = scratch(t);
  const outside = scratch(t);
  mkdirSync(join(folder, 'records'));
  symlinkSync(outside, join(folder, 'records', 'way-out'));
  const kernel = await RecordingKernel.start(t, join(folder, 'records'), { streams: ['*'], nameTemplate: 'way-out/{streamName}' });
  await publishAtOnce(kernel.media, 'escape', await clipOf());
  const [recording] = await kernel.files('escape');
  t.regex(recording!.error!, /leads out of its folder/);
  t.deepEqual(readdirSync(outside), []);
});

peerTest('several streams are recorded in one file, also such as come later', PEERS, async (t) => {
  for (const container of ['mkv', 'mp4']) {
    const recording = await RecordingKernel.start(t, scratch(t), { multipleFormat: container });
    const { kernel } = recording;
    const clip = await clipOf();
    const uri = 'multi-recorder://meeting/1';
    await t.throwsAsync(kernel.call('multipleRecorder.find_all'), { code: 'MEDIA_E_NOT_FOUND' });
    await kernel.call('multipleRecorder.startup', { uri });
    await t.throwsAsync(kernel.call('multipleRecorder.startup', { uri }), { code: 'OPERATION_E_CONFLICT' });
    const [a, b] = ['a', 'b'].map((name) => beginClip(recording.media, name, clip));
    const [idA, idB] = [idOf(recording, 'a'), idOf(recording, 'b')];
    await kernel.call('multipleRecorder.add', { uri, mediaSessionId: idA });
    await t.throwsAsync(kernel.call('multipleRecorder.add', { uri, mediaSessionId: idA }), { code: 'OPERATION_E_CONFLICT' });
    const nowMs = performance.now();
    const half = clip.frames.findIndex(({ dtsUs }) => dtsUs >= 3e6);
    for (const frame of clip.frames.slice(0, half)) a!.write({ ...frame, receivedAtMs: nowMs + frame.dtsUs / 1000 });
    await kernel.call('multipleRecorder.add', { uri, mediaSessionId: idB });
    t.deepEqual(await kernel.call('multipleRecorder.find_all'), [{ uri, fileName: `multi-recorder___meeting_1.${container}`, mediaSessionsId: [idA, idB] }]);
    clip.frames.slice(half).forEach((frame, index) => {
      const receivedAtMs = nowMs + frame.dtsUs / 1000;
      a!.write({ ...frame, receivedAtMs });
      b!.write({ ...clip.frames[index]!, receivedAtMs });
    });
    await kernel.call('multipleRecorder.remove', { uri, mediaSessionId: idB });
    await t.throwsAsync(kernel.call('multipleRecorder.remove', { uri, mediaSessionId: idB }), { code: 'MEDIA_E_NOT_FOUND' });
    await kernel.call('multipleRecorder.terminate', { uri });
    const [file] = await recording.files(uri);
    t.is(file!.file, `multi-recorder___meeting_1.${container}`);
    const { streams, packets } = await probePackets(file!.path);
    t.deepEqual(streams.map(({ codec_name }) => codec_name), ['h264', 'aac', 'h264', 'aac']);
    t.is(packets.length, 2 * clip.frames.length - half);
    const [rate, scale] = streams[2]!.time_base.split('/').map(Number) as [number, number];
    const first = packets.find(({ stream_index }) => stream_index === 2)!;
    t.true(Math.abs((first.pts * rate) / scale - 3) < 0.2, 'the second stream begins where it came');
    for (const publication of [a, b]) publication!.end('Stopped by user');
  }
});

peerTest('a complete MP4 is rewritten with its index in front when that is asked for', PEERS, async (t) => {
  const kernel = await RecordingKernel.start(t, scratch(t), { streams: ['*'], nameTemplate: '{streamName}', finalise: true });
  const clip = await clipOf();
  await publishAtOnce(kernel.media, 'plain', clip);
  const [recording] = await kernel.files('plain');
  const bytes = readFileSync(recording!.path);
  t.false(bytes.includes('moof'));
  t.true(bytes.indexOf('moov') < bytes.indexOf('mdat'));
  t.is((await probePackets(recording!.path)).packets.length, clip.frames.length);
  t.deepEqual(readdirSync(kernel.folder), ['plain.mp4']);
});
