import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TsReader, type TsInputStream, type TsUnit } from '../../../core/formats/mpegts-reader.ts';
import { ENCODERS, ffmpeg, probePackets, testInputs } from '../../support/ffmpeg.ts';
import { peerTest } from '../../support/peers.ts';
import { SoundFramer } from '../../../plugins/mpegts/session/sound-framer.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();

function readFile(file: string): { streams: readonly TsInputStream[]; units: TsUnit[]; reader: TsReader } {
  const units: TsUnit[] = [];
  let streams: readonly TsInputStream[] = [];
  const reader = new TsReader({ onProgram: (found) => void (streams = found), onUnit: (unit) => units.push(unit) });
  const bytes = readFileSync(file);
  // Split where no packet ends, as a pipe does.
  for (let at = 0; at < bytes.length; at += 1000) reader.push(bytes.subarray(at, at + 1000));
  reader.flush();
  return { streams, units, reader };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const cases = [
  ['h264', [...ENCODERS.h264BFrames], ['h264']],
  ['hevc', [...ENCODERS.hevc], ['hevc']],
  ['aac', [...ENCODERS.aac], ['aac']],
  ['aacLatm', [...ENCODERS.aac, '-mpegts_flags', 'latm'], ['aac_latm', 'aac']],
  ['mp3', [...ENCODERS.mp3], ['mp3']],
  ['opus', [...ENCODERS.opus], ['opus']],
] as const;

for (const [codec, args, names] of cases) {
  peerTest(`the ${codec} units of a stream by ffmpeg have the times and sizes that ffprobe lists`, ['ffmpeg', 'ffprobe'], async (t) => {
    const isVideo = codec === 'h264' || codec === 'hevc';
    const file = join(folder, `${codec}.ts`);
    await ffmpeg(...testInputs(3, isVideo ? 'video' : 'audio'), ...args.filter((each) => each !== '-tag:v' && each !== 'hvc1'), '-f', 'mpegts', file);
    const { streams, units, reader } = readFile(file);
    t.is(streams.length, 1);
    t.is(streams[0]?.codec, codec);
    t.like(reader.counters, { gaps: 0, skippedBytes: 0, unusable: 0, damaged: 0 });
    const { streams: probed, packets } = await probePackets(file);
    t.true((names as readonly string[]).includes(probed[0]!.codec_name), probed[0]!.codec_name);
    if (isVideo) {
      t.deepEqual(units.map(({ pts90k, dts90k }) => [pts90k, dts90k]), packets.map(({ pts, dts }) => [pts, dts]));
      const sizes = [units.map(({ data }) => data.length), packets.map(({ size }) => Number(size))] as const;
      // ffprobe's parser of HEVC counts the zero byte of a start code to the unit before it.
      if (codec === 'hevc') t.is(sum(sizes[0]), sum(sizes[1]));
      else t.deepEqual(...sizes);
      return;
    }
    const framer = new SoundFramer(codec, streams[0]?.channels);
    const frames = units.flatMap((unit) => framer.push(unit.data, unit.pts90k, unit.discontinuity));
    t.is(framer.skippedBytes, 0);
    t.is(frames.length, packets.length);
    frames.forEach(({ pts90k }, index) => t.true(Math.abs(pts90k - packets[index]!.pts) <= 1, `frame ${index}: ${pts90k} for ${packets[index]!.pts}`));
    t.like(frames[0]?.format, { sampleRateHz: 48_000, channels: 2 });
    if (codec === 'opus') t.deepEqual(frames.map(({ data }) => data.length), packets.map(({ size }) => Number(size)));
    if (codec === 'mp3') t.deepEqual(frames.map(({ data }) => data.length), packets.map(({ size }) => Number(size)));
    if (codec === 'aac') t.deepEqual(frames.map(({ data }) => data.length + 7), packets.map(({ size }) => Number(size)));
  });
}

peerTest('AC-3 and MPEG-2 video are named and left out', ['ffmpeg'], async (t) => {
  const file = join(folder, 'others.ts');
  await ffmpeg(...testInputs(1, 'both'), '-c:v', 'mpeg2video', '-c:a', 'ac3', '-f', 'mpegts', file);
  const { streams, units } = readFile(file);
  t.deepEqual(streams.map(({ codec, name }) => [codec, name]), [[undefined, 'MPEG-2 video'], [undefined, 'AC-3']]);
  t.deepEqual(units, []);
});
