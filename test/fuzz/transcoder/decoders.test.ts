import test from 'ava';
import type { Codec } from '../../../core/media/codecs.ts';
import { kindOfCodec } from '../../../core/media/codecs.ts';
import { wallStampMs } from '../../../core/process/framing.ts';
import type { ChainInput, OutputSpec } from '../../../plugins/transcoder/processor/chain-spec.ts';
import corpus from '../../golden/data/decoder-corpus.json';
import { ChainRecorder, openProcessor } from '../../support/media-processor.ts';
import { until } from '../../support/until.ts';

/** Compressed units of a codec as the bus has them, in hexadecimal digits. */
interface Samples {
  readonly config?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly packets: readonly string[];
}

const SAMPLES = corpus as Readonly<Record<string, Samples>>;
/** Mutated units of each codec; a longer run by the environment. */
const MUTATIONS = Number(process.env['FUZZ_RUNS'] ?? 60);
const SEED = Number(process.env['FUZZ_SEED'] ?? 7);
const [BURST, PAUSE_MS] = [60, 500];
const STEP_US = 100_000;
const PICTURE: OutputSpec = { kind: 'video', codec: 'h264', maxHeight: 48, keyFrameIntervalUs: 1_000_000, preset: 'ultrafast' };
const SOUND: OutputSpec = { kind: 'audio', codec: 'opus' };

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Cut, with bits turned, emptied, or nothing but noise. */
function mutated(unit: Buffer, random: () => number): Buffer {
  const kind = Math.floor(random() * 4);
  if (kind === 0) return unit.subarray(0, Math.floor(random() * unit.length));
  if (kind === 1) return Buffer.from(unit.map(() => Math.floor(random() * 256)));
  const bytes = Buffer.from(unit);
  const count = kind === 2 ? 1 : 1 + Math.floor(random() * 20);
  for (let index = 0; index < count && bytes.length > 0; index += 1) {
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return bytes;
}

function inputOf(codec: Codec, { config, sampleRateHz, channels }: Samples): ChainInput {
  const kind = kindOfCodec(codec) === 'audio' ? 'audio' : 'video';
  return { kind, codec, ...(config === undefined ? {} : { codecConfig: Buffer.from(config, 'hex').toString('base64') }), ...(sampleRateHz === undefined ? {} : { sampleRateHz }), ...(channels === undefined ? {} : { channels }) };
}

test('mutated units of every codec neither end the child nor their chain, which decodes what is whole again', async (t) => {
  t.timeout(180_000 + MUTATIONS * 50);
  const opened = await openProcessor('node-av');
  const { processor } = opened;
  t.teardown(() => opened.close());
  const codecs = Object.keys(SAMPLES) as Codec[];
  t.deepEqual(codecs.filter((codec) => !processor.decoders.has(codec)), []);
  await Promise.all(codecs.map(async (codec, number) => {
    const samples = SAMPLES[codec]!;
    const units = samples.packets.map((hex) => Buffer.from(hex, 'hex'));
    const random = randomOf(SEED + number);
    const recorder = new ChainRecorder();
    const input = inputOf(codec, samples);
    const chain = processor.openChain(input, recorder, false);
    chain.addOutput(0, input.kind === 'audio' ? SOUND : PICTURE);
    let atUs = 0;
    const push = (data: Buffer, key: boolean): void => {
      atUs += STEP_US;
      const ptsUs = random() < 0.05 ? Math.floor((random() - 0.5) * 2 ** 45) : atUs;
      chain.push({ port: 0, key, ptsUs, dtsUs: ptsUs, data, stampMs: wallStampMs() + 60_000 });
    };
    for (let index = 0; index < MUTATIONS; index += 1) {
      push(mutated(units[index % units.length]!, random), index % units.length === 0);
      // A child with seconds of work before its next sign of life is taken for one that hangs.
      if (index % BURST === BURST - 1) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    // A new configuration, as after a change of the track: what was damaged is over.
    chain.setInput(input);
    const wholeUs = (atUs += 10_000_000);
    for (let round = 0; round < 8; round += 1) {
      units.forEach((data, index) => chain.push({ port: 0, key: index === 0, ptsUs: (atUs += STEP_US), dtsUs: atUs, data, stampMs: wallStampMs() + 60_000 }));
    }
    await until(() => recorder.end !== undefined || recorder.failures.length > 0 || recorder.packets.some(({ ptsUs }) => ptsUs >= wholeUs), `${codec} after the damage`, 120_000);
    t.deepEqual([codec, recorder.end, recorder.failures], [codec, undefined, []]);
    chain.close();
  }));
  t.is(processor.processes, 1);
});
