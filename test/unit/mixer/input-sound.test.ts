import { createRequire } from 'node:module';
import type * as LibOpus from '@evan/opus';
import test from 'ava';
import { isSilentOpusPacket } from '../../../core/formats/opus.ts';
import { loadOpus } from '../../../core/process/av/lib-opus.ts';
import { openSoundDecoder } from '../../../core/process/av/open-sound-decoder.ts';
import { OpusDecoder } from '../../../core/process/av/opus-decoder.ts';
import { InputSound } from '../../../plugins/mixer/child/input-sound.ts';
import { Playout } from '../../../plugins/mixer/child/playout.ts';

const FORM = { sampleRateHz: 48_000, channels: 2 };
const SAMPLES = 960;
const TICK_MS = 20;
const { Encoder } = createRequire(import.meta.url)('@evan/opus') as typeof LibOpus;

/** Loud, silent and loud again, as one encoder of the field makes it. */
function speech(): Uint8Array[] {
  const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: 'audio' });
  encoder.bitrate = 64_000;
  return Array.from({ length: 120 }, (_, tick) => {
    const isLoud = tick < 30 || tick >= 90;
    const samples = Int16Array.from({ length: SAMPLES }, (_unused, index) => (isLoud ? 8000 * Math.sin((tick * SAMPLES + index) / (12 + tick / 30)) + 300 * Math.sin((tick * SAMPLES + index) ** 2) : 0));
    return Uint8Array.from(encoder.encode(samples));
  });
}

test('digital silence is told by the first bytes of a packet, and nothing else is', (t) => {
  t.true(isSilentOpusPacket(Buffer.from('f8fffe', 'hex')));
  t.true(isSilentOpusPacket(Buffer.from('fcffff', 'hex')));
  for (const other of ['', 'f8', 'f8ff', 'f8fffd', 'f8feff', 'f9fffe', '78fffe', '08fffe']) t.false(isSilentOpusPacket(Buffer.from(other, 'hex')), other);
});

for (const by of ['FFmpeg', 'libopus alone'] as const) {
  test.serial(`silence that is not decoded by ${by} leaves every sample as it would have been`, async (t) => {
    if (by === 'libopus alone') t.true(await loadOpus());
    const packets = speech();
    t.true(packets.filter(isSilentOpusPacket).length >= 40, 'the encoder says that it is silent');
    const all = openSoundDecoder('opus', { sampleRateHz: 48_000, channels: 1 }, FORM);
    t.is(all instanceof OpusDecoder, by === 'libopus alone');
    const expected: Int16Array[] = [];
    packets.forEach((data, tick) => all.decode({ data, ptsUs: tick * TICK_MS * 1000, dtsUs: 0, key: true }, (samples) => expected.push(Int16Array.from(samples))));
    all.close();
    const heard: Int16Array[] = [];
    let spared = 0;
    /** Takes down what would be played. */
    class Noted extends Playout {
      override push(_ptsMs: number, samples: Int16Array): void {
        heard.push(Int16Array.from(samples));
      }

      override pushSilence(_ptsMs: number, frames: number): void {
        spared += 1;
        heard.push(new Int16Array(frames * FORM.channels));
      }
    }
    const playout = new Noted({ ...FORM, maxDelayMs: 200 });
    const sound = new InputSound({ codec: 'opus', sampleRateHz: 48_000, channels: 1 }, FORM);
    packets.forEach((data, tick) => sound.push({ data, ptsUs: tick * TICK_MS * 1000, dtsUs: 0, key: true }, playout, tick * TICK_MS));
    sound.close();
    t.true(spared >= 30, `${spared} packets were spared`);
    t.deepEqual(heard, expected);
  });
}
