import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { indexMediaFile, openMediaReader } from '../../../core/formats/media-reader.ts';
import type { FileSample, MediaReader } from '../../../core/formats/media-file.ts';
import { fileSource, type CountedSource } from '../../support/byte-source.ts';
import { ENCODERS, ffmpeg, probePackets, testInputs, type ProbedPacket, type ProbedStream } from '../../support/ffmpeg.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const BOUNDS = { bytes: 256 * 1024, spanUs: 500_000 };
const folder = temporaryFolder();

const openFile = async (source: CountedSource): Promise<MediaReader> => openMediaReader(source, await indexMediaFile(source));

async function ffmpegBytes(...args: string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('ffmpeg', ['-nostdin', '-v', 'error', ...args], { encoding: 'buffer', maxBuffer: 1024 * 1024 });
  return stdout;
}

async function readAll(reader: MediaReader): Promise<FileSample[]> {
  const all: FileSample[] = [];
  for (;;) {
    const samples = await reader.next(BOUNDS);
    if (samples.length === 0) return all;
    all.push(...samples);
  }
}

/** The packets of one stream, in microseconds. */
function packetsOf(stream: ProbedStream, index: number, packets: readonly ProbedPacket[]) {
  const [numerator = 1, denominator = 1] = stream.time_base.split('/').map(Number);
  const us = (ticks: number): number => (ticks * 1_000_000 * numerator) / denominator;
  return packets
    .filter(({ stream_index }) => stream_index === index)
    .map(({ pts, dts, size, flags }) => ({ ptsUs: us(pts), dtsUs: us(dts), size: Number(size), key: flags.startsWith('K') }));
}

interface Judged {
  /** Microseconds that times may differ by. */
  readonly toleranceUs: number;
  /** Whether the file has decoding times of its own. */
  readonly dts: boolean;
  /** ffprobe 5 begins a track of negative composition offsets in fragments at decoding time 0 instead of presentation time 0. */
  readonly fromFirst?: boolean;
}

/** Compares what the reader reads with ffprobe's list of packets. */
async function judge(t: ExecutionContext, path: string, { toleranceUs, dts, fromFirst = false }: Judged): Promise<void> {
  const source = await fileSource(path);
  t.teardown(() => source.close());
  const reader = await openFile(source);
  const samples = await readAll(reader);
  const { streams, packets } = await probePackets(path);
  t.is(reader.tracks.length, streams.filter(({ codec_type }) => ['audio', 'video'].includes(codec_type)).length);
  for (const [track, { kind }] of reader.tracks.entries()) {
    const index = streams.findIndex(({ codec_type }) => codec_type === kind);
    const listed = packetsOf(streams[index]!, index, packets);
    const firstUs = fromFirst ? listed[0]!.ptsUs : 0;
    const expected = listed.map((packet) => ({ ...packet, ptsUs: packet.ptsUs - firstUs, dtsUs: packet.dtsUs - firstUs }));
    const own = samples.filter((sample) => sample.track === track);
    t.is(own.length, expected.length, `${kind}: number of packets`);
    for (const [at, packet] of expected.entries()) {
      const sample = own[at]!;
      const same = sample.data.length === packet.size && sample.key === packet.key && Math.abs(sample.ptsUs - packet.ptsUs) <= toleranceUs && (!dts || Math.abs(sample.dtsUs - packet.dtsUs) <= toleranceUs);
      if (!same) {
        t.fail(`${kind} ${at}: ${JSON.stringify({ ...sample, data: sample.data.length })}, ffprobe ${JSON.stringify(packet)}`);
        return;
      }
      t.true(sample.dtsUs <= sample.ptsUs && sample.dtsUs >= (own[at - 1]?.dtsUs ?? -Infinity));
    }
  }
}

const EXACT: Judged = { toleranceUs: 1, dts: true };
const clips = existsSync(mediaFolder) ? readdirSync(mediaFolder).filter((name) => name.endsWith('.mp4')) : [];
for (const clip of clips) peerTest(`${clip} is read as ffprobe reads it`, ['ffprobe'], (t) => judge(t, join(mediaFolder, clip), EXACT));

const MP4: Readonly<Record<string, readonly string[]>> = {
  'moov behind the media': [...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac],
  'moov in front': [...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, '-movflags', '+faststart'],
  'negative composition offsets': [...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, '-movflags', '+negative_cts_offsets'],
  'fragments at key frames': [...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, '-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
  'fragments behind a delayed moov': [...testInputs(3, 'both'), ...ENCODERS.h264BFrames, ...ENCODERS.aac, '-movflags', '+frag_keyframe+delay_moov'],
  'fragments of half a second with absolute offsets': [...testInputs(3, 'both'), ...ENCODERS.h264, ...ENCODERS.opus, '-frag_duration', '500000', '-movflags', '+empty_moov+omit_tfhd_offset'],
  'fragments that follow a movie with samples': [...testInputs(3, 'both'), ...ENCODERS.h264, ...ENCODERS.aac, '-movflags', '+frag_keyframe'],
  'CMAF': [...testInputs(3, 'video'), ...ENCODERS.h264BFrames, '-movflags', '+cmaf+frag_keyframe'],
  HEVC: [...testInputs(3, 'both'), ...ENCODERS.hevc, ...ENCODERS.aac],
  AV1: [...testInputs(2, 'both'), ...ENCODERS.av1, ...ENCODERS.opus],
  VP9: [...testInputs(2, 'both'), ...ENCODERS.vp9, ...ENCODERS.mp3],
  'Opus alone': [...testInputs(3, 'audio'), ...ENCODERS.opus],
  'sound that begins later': ['-f', 'lavfi', '-i', 'testsrc2=size=160x96:rate=25:duration=3', '-itsoffset', '0.7', '-f', 'lavfi', '-i', 'sine=sample_rate=48000:duration=2', ...ENCODERS.h264, ...ENCODERS.aac],
  'pictures that begin later': ['-itsoffset', '0.5', '-f', 'lavfi', '-i', 'testsrc2=size=160x96:rate=25:duration=3', '-f', 'lavfi', '-i', 'sine=sample_rate=48000:duration=3', ...ENCODERS.h264BFrames, ...ENCODERS.aac],
};
for (const [title, args] of Object.entries(MP4)) {
  peerTest(`MP4, ${title}: read as ffprobe reads it`, ['ffmpeg', 'ffprobe'], async (t) => {
    const path = join(folder, `${title.replaceAll(' ', '-')}.mp4`);
    await ffmpeg(...args, path);
    await judge(t, path, { ...EXACT, fromFirst: title === 'CMAF' });
  });
}

const BOTH = testInputs(3, 'both');
const MATROSKA: Readonly<Record<string, readonly [file: string, args: readonly string[]]>> = {
  'H.264 with B-frames and AAC': ['a.mkv', [...BOTH, ...ENCODERS.h264BFrames, ...ENCODERS.aac]],
  'HEVC and MP3': ['b.mkv', [...BOTH, ...ENCODERS.hevc, ...ENCODERS.mp3]],
  'VP8 and Opus in WebM': ['c.webm', [...BOTH, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-g', '25', '-auto-alt-ref', '0', ...ENCODERS.opus]],
  'VP9 and Opus in WebM': ['d.webm', [...BOTH, ...ENCODERS.vp9, ...ENCODERS.opus]],
  'AV1 and Opus': ['e.mkv', [...BOTH, ...ENCODERS.av1, ...ENCODERS.opus]],
  'live, with clusters of unknown size and without cues': ['f.mkv', [...BOTH, ...ENCODERS.h264, ...ENCODERS.aac, '-live', '1', '-cluster_time_limit', '500']],
  'G.711': ['g.mkv', [...testInputs(2, 'audio'), '-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1']],
  'cues in front': ['h.mkv', [...BOTH, ...ENCODERS.h264, ...ENCODERS.aac, '-reserve_index_space', '10000']],
};
for (const [title, [file, args]] of Object.entries(MATROSKA)) {
  peerTest(`Matroska, ${title}: read as ffprobe reads it`, ['ffmpeg', 'ffprobe'], async (t) => {
    const path = join(folder, file);
    await ffmpeg(...args, path);
    await judge(t, path, { toleranceUs: 1000, dts: false });
  });
}
peerTest('vp8-opus.webm is read as ffprobe reads it', ['ffprobe'], (t) => judge(t, join(mediaFolder, 'vp8-opus.webm'), { toleranceUs: 1000, dts: false }));

peerTest('sound in QuickTime whose samples are single values is joined to frames, without a byte lost', ['ffmpeg', 'ffprobe'], async (t) => {
  const path = join(folder, 'g711.mov');
  await ffmpeg(...testInputs(2, 'audio'), '-c:a', 'pcm_alaw', '-ar', '8000', '-ac', '1', path);
  const source = await fileSource(path);
  t.teardown(() => source.close());
  const reader = await openFile(source);
  t.like(reader.tracks, [{ codec: 'pcma', sampleRateHz: 8000, channels: 1 }]);
  const samples = await readAll(reader);
  const raw = await ffmpegBytes('-i', path, '-c', 'copy', '-f', 'alaw', '-');
  t.deepEqual(Buffer.concat(samples.map(({ data }) => data)), raw);
  t.true(samples.every(({ ptsUs }, index) => ptsUs === index * 20_000));
});

peerTest('a file in a codec that is not carried says which, and what to do', ['ffmpeg'], async (t) => {
  const vorbis = join(folder, 'vorbis.webm');
  const ac3 = join(folder, 'ac3.mp4');
  await ffmpeg(...BOTH, ...ENCODERS.vp9, '-c:a', 'libvorbis', vorbis);
  await ffmpeg(...BOTH, ...ENCODERS.h264, '-c:a', 'ac3', ac3);
  for (const [path, codec] of [[vorbis, /A_VORBIS/], [ac3, /ac-3/]] as const) {
    const source = await fileSource(path);
    t.teardown(() => source.close());
    const error = await t.throwsAsync(openFile(source), { code: 'MEDIA_E_NO_COMMON_CODEC' });
    t.regex(error.message, codec);
    t.regex(error.message, /convert it to AAC or Opus/);
  }
});

/** Length of the position in steps of which seeking is tried, and the files on which. */
const SEEK_STEP_US = 130_000;
for (const name of ['moov-in-front.mp4', 'fragments-at-key-frames.mp4', 'Opus-alone.mp4', 'a.mkv', 'c.webm', 'f.mkv', 'g.mkv', 'h.mkv']) {
  peerTest(`seeking in ${name} comes to the last key frame at or before the position, and goes on from there as reading through does`, ['ffmpeg'], async (t) => {
    const source = await fileSource(join(folder, name));
    t.teardown(() => source.close());
    const reader = await openFile(source);
    const all = await readAll(reader);
    const lead = all.filter(({ track }) => track === 0);
    const keys = lead.filter(({ key }) => key);
    for (let wantedUs = 0; wantedUs < 3_500_000; wantedUs += SEEK_STEP_US) {
      const expected = keys.findLast(({ ptsUs }) => ptsUs <= wantedUs) ?? keys[0]!;
      t.is(await reader.seek(wantedUs), Math.max(0, expected.ptsUs), `${wantedUs}`);
      const from = await readAll(reader);
      t.deepEqual(from.filter(({ track }) => track === 0).map(({ data }) => data.length), lead.slice(lead.indexOf(expected)).map(({ data }) => data.length));
      const sound = from.find(({ track }) => track === 1);
      if (reader.tracks.length > 1 && wantedUs < 1_500_000) t.true(Math.abs(sound!.ptsUs - expected.ptsUs) < 40_000, `sound at ${sound!.ptsUs}, picture at ${expected.ptsUs}`);
    }
  });

  peerTest(`a second reader of ${name} goes on from the plain position of the first, sample by sample`, ['ffmpeg'], async (t) => {
    const source = await fileSource(join(folder, name));
    t.teardown(() => source.close());
    const reader = await openFile(source);
    const all = await readAll(reader);
    let current = await openFile(source);
    const pieces: FileSample[] = [];
    for (;;) {
      const samples = await current.next({ bytes: 20_000, spanUs: 300_000 });
      if (samples.length === 0) break;
      pieces.push(...samples);
      const next = await openFile(source);
      next.restorePosition(structuredClone(current.exportPosition()));
      current = next;
    }
    t.deepEqual(pieces, all);
  });
}
