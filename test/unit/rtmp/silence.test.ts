import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Decoder } from '@evan/opus';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { aacLcConfig, encodeAdtsHeader, encodeAudioSpecificConfig } from '../../../core/formats/aac.ts';
import { silentFrame } from '../../../plugins/rtmp/bridge/silence.ts';
import { ffmpeg, hasFfmpeg } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const real = hasFfmpeg ? test : test.skip;
const folder = temporaryFolder();
const track = (codec: TrackDescriptor['codec'], codecConfig?: Uint8Array): TrackDescriptor => ({ id: 'audio', kind: 'audio', codec, clockRateHz: 48_000, revision: 0, ...(codecConfig === undefined ? {} : { codecConfig }) });

/** Decodes a file to 16-bit samples and fails on anything that ffmpeg has to say. */
function samplesOf(t: ExecutionContext, file: string): Int16Array {
  const bytes = execFileSync('ffmpeg', ['-nostdin', '-v', 'warning', '-xerror', '-i', file, '-f', 's16le', '-'], { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
  t.true(bytes.length > 0);
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
}

for (const channels of [1, 2]) {
  real(`silent AAC of ${channels} channels decodes to as many samples of nothing`, (t) => {
    const config = aacLcConfig(48_000, channels);
    const frame = silentFrame(track('aac', encodeAudioSpecificConfig(config)), new Uint8Array(300));
    if (frame === undefined) return void t.fail();
    const file = join(folder, `silence${channels}.aac`);
    writeFileSync(file, Buffer.concat(Array.from({ length: 20 }, () => [encodeAdtsHeader(config, frame.length), frame]).flat()));
    const samples = samplesOf(t, file);
    t.is(samples.length, 20 * 1024 * channels);
    t.true(samples.every((sample) => sample === 0));
  });
}

real('silent MP3 keeps the rhythm of its frames', async (t) => {
  const loud = join(folder, 'loud.mp3');
  await ffmpeg('-f', 'lavfi', '-i', 'sine=f=500:d=1', '-ac', '2', '-c:a', 'libmp3lame', '-b:a', '128k', '-write_xing', '0', '-id3v2_version', '0', loud);
  const bytes = readFileSync(loud);
  const silent: Uint8Array[] = [];
  // 144 × 128000 / 44100, and one more where the padding bit is set.
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = 417 + (((bytes[at + 2] ?? 0) >> 1) & 1);
    silent.push(silentFrame(track('mp3'), bytes.subarray(at, Math.min(bytes.length, at + length))) ?? new Uint8Array());
    at += length;
  }
  const file = join(folder, 'silence.mp3');
  writeFileSync(file, Buffer.concat(silent));
  const samples = samplesOf(t, file);
  t.true(samples.every((sample) => sample === 0));
  t.true(samples.length > 80_000);
});

test('silent Opus lasts as long as what it replaces', (t) => {
  const decoder = new Decoder({ channels: 1, sample_rate: 48_000 });
  // 20 ms of CELT: one frame, two of equal size, two of their own size, three by count.
  const packets = [[0x98, 1, 2, 3], [0x99, 1, 2, 3, 4], [0x9a, 1, 9, 9], [0x9b, 0x83, 1, 1, 7, 7, 7]];
  const durations = packets.map((packet) => decoder.decode(silentFrame(track('opus'), Uint8Array.from(packet)) ?? new Uint8Array()).length / 2);
  t.deepEqual(durations, [960, 1920, 1920, 2880]);
});

test('G.711 has its own zeros, and what has no silence is left out', (t) => {
  t.deepEqual(silentFrame(track('pcma'), Uint8Array.of(1, 2)), Uint8Array.of(0xd5, 0xd5));
  t.deepEqual(silentFrame(track('pcmu'), Uint8Array.of(1, 2)), Uint8Array.of(0xff, 0xff));
  t.is(silentFrame(track('speex'), Uint8Array.of(1)), undefined);
  t.is(silentFrame(track('aac'), Uint8Array.of(1)), undefined);
  t.is(silentFrame(track('aac', encodeAudioSpecificConfig(aacLcConfig(48_000, 6))), Uint8Array.of(1)), undefined);
});
