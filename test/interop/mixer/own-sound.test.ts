import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { JobPacket } from '../../../core/process/framing.ts';
import { inputPort, OUTPUT_PORT, type MixEvent, type MixFormat, type MixSpec } from '../../../plugins/mixer/wire/mix-job.ts';
import { liveCluster, liveHead } from '../../../plugins/transcoder/ffmpeg/live-matroska.ts';
import { readMp4Clip } from '../../support/clip.ts';
import { ffmpeg, hasFfmpeg } from '../../support/ffmpeg.ts';
import { openChildPool } from '../../support/media-processor.ts';
import type { StepCommand } from '../../support/mix-steps.child.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const SPEC: MixSpec = { audio: { codec: 'opus', channels: 1, silenceDb: -50, maxDelayMs: 200 }, layout: { type: 'grid' }, originUs: 0 };
const TICK_US = 20_000;
const [OTHERS_HZ, OWN_HZ] = [440, 1500];
/** In ticks: when the listener begins to talk, stops, and the end, long after the own encoder was given up. */
const [TALKS, STOPS, END] = [75, 110, 260];
const RATE_HZ = 8000;
/** Around a change of encoder. */
const NEAR_US = 40_000;
const folder = temporaryFolder();

async function packetsOf(name: string, ...source: readonly string[]): Promise<readonly Uint8Array[]> {
  const file = join(folder, `${name}.mp4`);
  await ffmpeg('-f', 'lavfi', '-i', ...source, '-t', String((END * TICK_US) / 1e6 + 1), '-ac', '1', '-c:a', 'libopus', '-b:a', '48k', file);
  return (await readMp4Clip(file, 'opus')).frames.map(({ data }) => data);
}

/** What a resonance at the tone leaves over of sound: nothing of the tone, much of a click. */
function residue(samples: Int16Array, frequencyHz: number): Float64Array {
  const factor = 2 * Math.cos((2 * Math.PI * frequencyHz) / RATE_HZ);
  return Float64Array.from(samples, (sample, index) => (index < 2 ? 0 : Math.abs(sample - factor * samples[index - 1]! + samples[index - 2]!)));
}

(hasFfmpeg ? test : test.skip)('a listener who begins to talk, and stops, hears the others go on without a click and never himself', async (t) => {
  t.timeout(60_000);
  const [others, own, silence] = await Promise.all([packetsOf('others', `sine=${OTHERS_HZ}:sample_rate=48000`), packetsOf('own', `sine=${OWN_HZ}:sample_rate=48000`), packetsOf('silence', 'anullsrc=r=48000:cl=mono')]);
  const opened = await openChildPool('test/support/mix-steps.child.ts');
  t.teardown(() => opened.close());
  const heard: JobPacket[] = [];
  const changesUs: number[] = [];
  let follows = false;
  let format: MixFormat | undefined;
  let end: string | undefined;
  const port = OUTPUT_PORT.firstOwn;
  const job = opened.pool.open(SPEC, {
    onPacket: (packet) => {
      if (packet.port === (follows ? OUTPUT_PORT.audio : port)) heard.push({ ...packet, data: Uint8Array.from(packet.data) });
    },
    onEvent: (event) => {
      const told = event as MixEvent;
      if (told.type === 'format') ({ format } = told);
      if (told.type !== 'follows') return;
      ({ follows } = told);
      changesUs.push((heard.at(-1)?.ptsUs ?? 0) + TICK_US);
    },
    onEnd: ({ type, reason }) => (end = type === 'done' ? type : reason),
  });
  const tell = (command: StepCommand): void => job.command(command);
  ['talker', 'listener'].forEach((id, index) => tell({ type: 'addInput', id, port: index }));
  tell({ type: 'addSound', port, without: 'listener' });
  for (let tick = 0; tick < END; tick += 1) {
    const said = tick >= TALKS && tick < STOPS ? own : silence;
    [others, said].forEach((packets, index) => job.send({ port: inputPort(index, 'audio'), key: true, ptsUs: tick * TICK_US, dtsUs: tick * TICK_US, stampMs: 0, data: packets[tick]! }));
    tell({ type: 'tick' });
  }
  tell({ type: 'end' });
  await until(() => end, 'the end of the mix', 30_000);
  t.is(end, 'done');
  t.is(changesUs.length, 3, 'follows all, parts, and follows again');
  t.true(heard.slice(1).every(({ ptsUs }, index) => ptsUs - heard[index]!.ptsUs === TICK_US), 'no tick is missing and none comes twice');

  const [file, raw] = [join(folder, 'heard.mkv'), join(folder, 'heard.raw')];
  writeFileSync(file, Buffer.concat([liveHead({ kind: 'audio', ...format! }), ...heard.filter(({ ptsUs }) => ptsUs >= 0).map(({ data, ptsUs }) => liveCluster(data, ptsUs, true))]));
  await ffmpeg('-i', file, '-ar', String(RATE_HZ), '-f', 's16le', raw);
  const bytes = readFileSync(raw);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  const left = residue(samples, OTHERS_HZ);
  const at = (us: number): number => Math.round((us * RATE_HZ) / 1e6);
  const worst = (fromUs: number, toUs: number): number => Math.max(...left.subarray(at(fromUs), at(toUs)));
  const [, parts = 0, joins = 0] = changesUs;
  const usual = worst(600_000, parts - NEAR_US);
  t.log(`left over of the tone: usually up to ${usual.toFixed(0)}, where the encoder is another up to ${worst(parts - NEAR_US, parts + NEAR_US).toFixed(0)} and ${worst(joins - NEAR_US, joins + NEAR_US).toFixed(0)}`);
  // A fresh encoder that has not heard what was before leaves two hundred times as much.
  for (const changeUs of [parts, joins]) t.true(worst(changeUs - NEAR_US, changeUs + NEAR_US) <= 8 * usual, `a click at ${changeUs} us`);
  const said = samples.subarray(at(parts + NEAR_US), at(parts + NEAR_US + 400_000));
  t.true(toneShare(said, RATE_HZ, OTHERS_HZ) > 0.9);
  t.true(toneShare(said, RATE_HZ, OWN_HZ) < 0.01);
});
