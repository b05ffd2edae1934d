import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { encodeFragment, encodeInitSegment, type Mp4FragmentTrack, type Mp4Sample, type Mp4Track } from '../../../core/formats/mp4.ts';
import { ENCODERS, ffmpeg, hasFfmpeg, pictureSums, probe, probePackets, testInputs, type ProbedStream } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A track taken out of a clip, its samples in decoding order. */
interface ClipTrack {
  readonly track: Mp4Track;
  readonly samples: readonly Mp4Sample[];
}

interface Recipe {
  readonly encoders: readonly string[];
  readonly parts: 'video' | 'audio' | 'both';
  /** Taken off every composition offset, in frames of 1/25 s. */
  readonly offsetShiftFrames?: number;
  readonly baseDecodeSeconds?: number;
}

const folder = temporaryFolder();
const interop = hasFfmpeg ? test.serial : test.serial.skip;

const CONFIG_BOXES = { h264: 'avcC', hevc: 'hvcC', av1: 'av1C', vp9: 'vpcC', opus: 'dOps' } as const;
/** What libopus writes, in samples of 48 kHz. */
const OPUS_PRE_SKIP = 312;
const AAC_LC_48K_STEREO = Buffer.from('1190', 'hex');

/** The configuration as it stands in the `moov` at the end of a clip. */
function configOf(file: Buffer, codec: Mp4Track['codec']): Buffer {
  if (codec === 'mp3' || codec === 'vp8') return Buffer.alloc(0);
  if (codec === 'aac') return AAC_LC_48K_STEREO;
  const at = file.lastIndexOf(CONFIG_BOXES[codec]);
  const versionAndFlags = codec === 'vp9' ? 4 : 0;
  return file.subarray(at + 4 + versionAndFlags, at - 4 + file.readUInt32BE(at - 4));
}

function trackOf(file: Buffer, stream: ProbedStream, id: number): Mp4Track {
  const codec = stream.codec_name as Mp4Track['codec'];
  const base = { id, timescaleHz: Number(stream.time_base.split('/')[1]), codecConfig: configOf(file, codec) };
  return stream.codec_type === 'video'
    ? ({ ...base, kind: 'video', codec, width: stream.width, height: stream.height } as Mp4Track)
    : ({ ...base, kind: 'audio', codec, sampleRateHz: Number(stream.sample_rate), channels: stream.channels } as Mp4Track);
}

async function readClip(path: string, offsetShiftFrames: number): Promise<ClipTrack[]> {
  const file = readFileSync(path);
  const { streams, packets } = await probePackets(path);
  return streams.map((stream, index) => {
    const track = trackOf(file, stream, index + 1);
    const own = packets.filter((packet) => packet.stream_index === index);
    const shift = track.kind === 'video' ? (offsetShiftFrames * track.timescaleHz) / 25 : 0;
    const samples = own.map((packet, order) => ({
      data: file.subarray(Number(packet.pos), Number(packet.pos) + Number(packet.size)),
      duration: (own[order + 1]?.dts ?? packet.dts + packet.duration) - packet.dts,
      compositionOffset: packet.pts - packet.dts - shift,
      isSync: packet.flags.startsWith('K'),
    }));
    return { track, samples };
  });
}

/** Fragments of 7 samples a track; `baseDecodeSeconds` is where the time line begins. */
function remux(clip: readonly ClipTrack[], baseDecodeSeconds: number): Buffer {
  const pieces: Uint8Array[] = [encodeInitSegment(clip.map(({ track }) => track))];
  const times = clip.map(({ track }) => baseDecodeSeconds * track.timescaleHz);
  const longest = Math.max(...clip.map(({ samples }) => samples.length));
  for (let at = 0; at < longest; at += 7) {
    const tracks = clip.map(({ track, samples }, index): Mp4FragmentTrack => {
      const part = samples.slice(at, at + 7);
      const baseDecodeTime = times[index]!;
      times[index] = part.reduce((sum, sample) => sum + sample.duration, baseDecodeTime);
      return { id: track.id, baseDecodeTime, samples: part };
    });
    pieces.push(encodeFragment({ sequenceNumber: 1 + at / 7, tracks, segmentBrand: at === 0 ? 'cmfs' : 'cmfl' }));
  }
  return Buffer.concat(pieces);
}

/**
 * Presentation times as ffprobe is to show them. Without an edit list ffmpeg delays a track by its most negative composition
 * offset, in its own fragmented files (`negative_cts_offsets`) as well, so that no picture is due before it is decoded.
 */
function expectedTimes(clip: ClipTrack, baseDecodeSeconds: number): number[] {
  const delay = Math.max(0, ...clip.samples.map((sample) => -sample.compositionOffset));
  let dts = baseDecodeSeconds * clip.track.timescaleHz + delay;
  const times = clip.samples.map((sample) => {
    const pts = dts + sample.compositionOffset;
    dts += sample.duration;
    return pts;
  });
  return times.sort((left, right) => left - right);
}

function plays(title: string, { encoders, parts, offsetShiftFrames = 0, baseDecodeSeconds = 0 }: Recipe): void {
  interop(title, async (t) => {
    const source = join(folder, `source-${title.replace(/\W+/g, '-')}.mp4`);
    const target = source.replace('source-', 'target-');
    await ffmpeg(...testInputs(2, parts), ...encoders, source);
    const clip = await readClip(source, offsetShiftFrames);
    writeFileSync(target, remux(clip, baseDecodeSeconds));

    const { frames, packets } = await probe(target);
    t.is(offsetShiftFrames > 0, clip.some(({ samples }) => samples.some((sample) => sample.compositionOffset < 0)));
    t.is(packets.length, clip.reduce((sum, { samples }) => sum + samples.length, 0));
    for (const each of clip) {
      const seen = frames.filter((frame) => frame.media_type === each.track.kind).map((frame) => frame.pts);
      const expected = expectedTimes(each, baseDecodeSeconds);
      // The decoder cuts the pre-skip of the Opus configuration off the first frame, so that frame begins later.
      if (each.track.codec === 'opus') expected[0] = expected[0]! + OPUS_PRE_SKIP;
      t.deepEqual(seen, expected, each.track.codec);
    }
    await ffmpeg('-i', target, '-f', 'null', '-');
    if (parts === 'audio') return;
    t.is(frames.filter((frame) => frame.media_type === 'video' && frame.key_frame === 1).length, 2);
    t.deepEqual(await pictureSums(target), await pictureSums(source));
  });
}

plays('H.264 and AAC in one file', { encoders: [...ENCODERS.h264, ...ENCODERS.aac], parts: 'both' });
plays('H.264 with B-frames, composition offsets from 0 up', { encoders: ENCODERS.h264BFrames, parts: 'video' });
plays('H.264 with B-frames, composition offsets below 0, and AAC', {
  encoders: [...ENCODERS.h264BFrames, ...ENCODERS.aac],
  parts: 'both',
  offsetShiftFrames: 2,
  baseDecodeSeconds: 1,
});
plays('times beyond 32 bits', { encoders: [...ENCODERS.h264, ...ENCODERS.aac], parts: 'both', baseDecodeSeconds: 2_000_000 });
plays('HEVC and AAC', { encoders: [...ENCODERS.hevc, ...ENCODERS.aac], parts: 'both' });
plays('VP9 and Opus', { encoders: [...ENCODERS.vp9, ...ENCODERS.opus], parts: 'both' });
plays('AV1 alone', { encoders: ENCODERS.av1, parts: 'video' });
plays('AAC alone', { encoders: ENCODERS.aac, parts: 'audio' });
plays('Opus alone', { encoders: ENCODERS.opus, parts: 'audio' });
plays('MP3 alone', { encoders: ENCODERS.mp3, parts: 'audio' });
