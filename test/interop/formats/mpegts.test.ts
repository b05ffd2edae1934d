import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { TsMuxer, type TsStream } from '../../../core/formats/mpegts.ts';
import { ENCODERS, ffmpeg, hasFfmpeg, pictureSums, probe, testInputs, type ProbedFrame } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { demuxTs, type ReadPes } from '../../support/ts-demux.ts';

const folder = temporaryFolder();
const interop = hasFfmpeg ? test.serial : test.serial.skip;

/** Packet id of the first stream that ffmpeg writes; the next ones follow. */
const FIRST_PID = 0x100;
const WRAP = 2 ** 33;

interface Recipe {
  readonly encoders: readonly string[];
  readonly codecs: readonly TsStream['codec'][];
  readonly parts: 'video' | 'audio' | 'both';
  readonly shift90k?: number;
}

/** ffmpeg's units of Opus have the control header that the multiplexer here writes itself: markers, the size bytes, and two bytes for each trim. */
function payloadOf(unit: ReadPes, codec: TsStream['codec']): Buffer {
  if (codec !== 'opus') return unit.data;
  let at = 2;
  while (unit.data[at] === 0xff) at++;
  const trims = (unit.data[1]! & 0x10 ? 2 : 0) + (unit.data[1]! & 0x08 ? 2 : 0);
  return unit.data.subarray(at + 1 + trims);
}

/** Takes ffmpeg's own stream apart and writes it anew, with tables every ten units and a change of muxer in the middle. */
function remux(source: Buffer, streams: readonly TsStream[], shift90k: number): Buffer {
  const { units } = demuxTs(source);
  let muxer = new TsMuxer(streams);
  const packets: Buffer[] = [];
  const known = units.filter((unit) => streams.some((stream) => stream.pid === unit.pid));
  for (const [index, unit] of known.entries()) {
    if (index === Math.floor(known.length / 2)) muxer = new TsMuxer(streams, structuredClone(muxer.exportState()));
    if (index % 10 === 0) packets.push(muxer.writeTables());
    const codec = streams.find((stream) => stream.pid === unit.pid)!.codec;
    const data = payloadOf(unit, codec);
    const times = { pts90k: unit.pts + shift90k, dts90k: unit.dts + shift90k };
    packets.push(muxer.writeAccessUnit({ pid: unit.pid, ...times, key: unit.randomAccess, data: [data.subarray(0, 5), data.subarray(5)] }));
  }
  return Buffer.concat(packets);
}

/** Times of one kind of frame from its first one on. */
function relativeTimes(frames: readonly ProbedFrame[], kind: string): number[] {
  const own = frames.filter((frame) => frame.media_type === kind);
  return own.map((frame) => frame.pts - own[0]!.pts);
}

function plays(title: string, { encoders, codecs, parts, shift90k = 0 }: Recipe): void {
  interop(title, async (t) => {
    const source = join(folder, `source-${title.replace(/\W+/g, '-')}.ts`);
    const target = source.replace('source-', 'target-');
    // A payload size of 0 keeps ffmpeg from gathering several audio packets in one unit.
    await ffmpeg(...testInputs(2, parts), ...encoders, '-pes_payload_size', '0', source);
    const streams = codecs.map((codec, index): TsStream => ({ pid: FIRST_PID + index, codec }));
    writeFileSync(target, remux(readFileSync(source), streams, shift90k));

    const [before, after] = [await probe(source), await probe(target)];
    t.deepEqual(after.streams.map((stream) => stream.codec_name), [...codecs]);
    t.true(after.frames.length > 45);
    for (const kind of parts === 'both' ? ['video', 'audio'] : [parts]) {
      t.deepEqual(relativeTimes(after.frames, kind), relativeTimes(before.frames, kind), kind);
    }
    if (shift90k === 0) t.deepEqual(after.frames.map((frame) => frame.pts).sort(), before.frames.map((frame) => frame.pts).sort());
    await ffmpeg('-i', target, '-f', 'null', '-');
    if (parts !== 'audio') t.deepEqual(await pictureSums(target), await pictureSums(source));
  });
}

plays('H.264 with B-frames and AAC', { encoders: [...ENCODERS.h264BFrames, ...ENCODERS.aac], codecs: ['h264', 'aac'], parts: 'both' });
plays('H.264 alone', { encoders: ENCODERS.h264, codecs: ['h264'], parts: 'video' });
plays('a clock that wraps in the middle of the clip', {
  encoders: [...ENCODERS.h264, ...ENCODERS.aac],
  codecs: ['h264', 'aac'],
  parts: 'both',
  // ffmpeg begins its own time line at 1.4 s, so the wrap falls a second into the clip.
  shift90k: WRAP - 2.4 * 90_000,
});
plays('HEVC and MP3', { encoders: [...ENCODERS.hevc, ...ENCODERS.mp3], codecs: ['hevc', 'mp3'], parts: 'both' });
plays('AAC alone', { encoders: ENCODERS.aac, codecs: ['aac'], parts: 'audio' });
plays('Opus alone', { encoders: ENCODERS.opus, codecs: ['opus'], parts: 'audio' });
