import test from 'ava';
import fc from 'fast-check';
import { loadOpus } from '../../../core/process/av/lib-opus.ts';
import { OpusDecoder } from '../../../core/process/av/opus-decoder.ts';
import { OpusEncoder } from '../../../core/process/av/opus-encoder.ts';
import { ResampledDecoder, type SoundDecoder } from '../../../core/process/av/sound-decoder.ts';

const RATE_HZ = 48_000;
const UNIT = 960;
const STEREO = { sampleRateHz: RATE_HZ, channels: 2 };

const tone = (hz: number, at: number): number => 8000 * Math.sin((2 * Math.PI * hz * at) / RATE_HZ);

/** Interleaved units; the second channel has a tone of its own in those that `isApart` says. */
function unitsOf(count: number, isApart: (unit: number) => boolean): Int16Array[] {
  return Array.from({ length: count }, (_, unit) => Int16Array.from({ length: UNIT * 2 }, (_unused, index) => tone(index % 2 === 1 && isApart(unit) ? 1000 : 440, unit * UNIT + (index >> 1))));
}

function encode(units: readonly Int16Array[]): Uint8Array[] {
  const encoder = new OpusEncoder({ channels: 2, bitrateBps: 96_000 });
  const packets: Uint8Array[] = [];
  units.forEach((samples, index) => encoder.encode(samples, index * UNIT, (data) => packets.push(Uint8Array.from(data))));
  encoder.close();
  return packets;
}

function decode(packets: readonly Uint8Array[], decoder: SoundDecoder): Int16Array {
  const out = new Int16Array(packets.length * UNIT * 2);
  packets.forEach((data, index) => decoder.decode({ data, ptsUs: index * 20_000, dtsUs: index * 20_000, key: true }, (samples) => out.set(samples, index * UNIT * 2)));
  decoder.close();
  return out;
}

test.before(async (t) => {
  t.true(await loadOpus());
});

test('sound comes out of libopus alone as it does out of FFmpeg', (t) => {
  const packets = encode(unitsOf(60, (unit) => unit >= 20 && unit < 40));
  for (const form of [STEREO, { sampleRateHz: RATE_HZ, channels: 1 }]) {
    const [alone, byFfmpeg] = [decode(packets, new OpusDecoder(form)), decode(packets, new ResampledDecoder({ names: ['libopus'], sampleRateHz: RATE_HZ, channels: 2 }, form))];
    t.true(alone.some((sample) => Math.abs(sample) > 5000));
    t.true(alone.every((sample, index) => Math.abs(sample - byFfmpeg[index]!) <= 2));
  }
});

test('what is no Opus gives no sound of its own and no error, and what comes after it is decoded', (t) => {
  t.plan(1);
  const packets = encode(unitsOf(5, () => false));
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), fc.constantFrom(8000, 48_000), (broken, sampleRateHz) => {
      const decoder = new OpusDecoder({ sampleRateHz, channels: 2 });
      let count = 0;
      for (const data of [...broken, ...packets]) decoder.decode({ data, ptsUs: 0, dtsUs: 0, key: true }, (samples) => (count = samples.length));
      decoder.close();
      return count === (sampleRateHz / 50) * 2;
    }),
    { numRuns: 300 },
  );
  t.pass();
});
