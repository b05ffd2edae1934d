import test from 'ava';
import fc from 'fast-check';
import { A_LAW_SAMPLES, MU_LAW_SAMPLES } from '../../../core/formats/g711.ts';
import { ToneKeyDetector } from '../../../plugins/sip/media/session/tone-keys.ts';
import { fromMuLaw, toMuLaw } from '../../support/tones.ts';

const RATE_HZ = 8000;
const KEYS = '123A456B789C*0#D';
const LOW_HZ = [697, 770, 852, 941];
const HIGH_HZ = [1209, 1336, 1477, 1633];
/** Peak of a sine of 0 dBm0. @see ITU-T G.711 table 5 */
const ZERO_DBM0 = 22_300;

interface Tone {
  readonly ms?: number;
  /** dBm0 of the low tone, and how much stronger the high one is. */
  readonly level?: number;
  readonly twist?: number;
  /** Both frequencies, times that. */
  readonly shift?: number;
}

function toneOf(key: string, { ms = 40, level = -10, twist = 0, shift = 1 }: Tone = {}): number[] {
  const index = KEYS.indexOf(key);
  const [low, high] = [LOW_HZ[index >> 2]! * shift, HIGH_HZ[index & 3]! * shift];
  const amplitude = (dbm0: number): number => ZERO_DBM0 * 10 ** (dbm0 / 20);
  return Array.from({ length: (ms * RATE_HZ) / 1000 }, (_unused, at) => Math.round(amplitude(level) * Math.sin((2 * Math.PI * low * at) / RATE_HZ) + amplitude(level + twist) * Math.sin((2 * Math.PI * high * at) / RATE_HZ)));
}

const pause = (ms: number): number[] => new Array<number>((ms * RATE_HZ) / 1000).fill(0);
const keysWith = (text: string, tone: Tone = {}): number[] => Array.from(text).flatMap((key) => [...toneOf(key, tone), ...pause(40)]);

function heardIn(samples: readonly number[], cut = 160, offset = 0): string {
  let heard = '';
  const detector = new ToneKeyDetector((key) => (heard += key));
  const octets = Uint8Array.from([...pause(offset / 8), ...samples], toMuLaw);
  for (let at = 0; at < octets.length; at += cut) detector.push(octets.subarray(at, at + cut), MU_LAW_SAMPLES);
  return heard;
}

test('each key of 40 ms is heard once, wherever it begins, as loud as it may be', (t) => {
  for (const level of [-3, -10, -25]) for (const offset of [0, 1, 50, 77, 101]) t.is(heardIn(keysWith(KEYS, { level }), 160, offset * 8), KEYS, `${level} dBm0 at ${offset}`);
  t.is(heardIn(keysWith('5')), '5');
  t.is(heardIn(toneOf('5', { ms: 2000 })), '5', 'however long it is pressed');
  t.is(heardIn(keysWith('5555')), '5555');
});

test('tones may be off by 1.5 %, and one stronger than the other by 8 or 4 dB', (t) => {
  for (const shift of [0.985, 1.015]) t.is(heardIn(keysWith(KEYS, { shift, ms: 60 })), KEYS, `times ${shift}`);
  for (const twist of [-8, 4]) t.is(heardIn(keysWith(KEYS, { twist, ms: 60 })), KEYS, `${twist} dB`);
  for (const twist of [-14, 10]) t.is(heardIn(keysWith(KEYS, { twist, ms: 60 })), '', `${twist} dB`);
});

test('what is no key is not heard: short, faint, single and other tones, a voice, noise', (t) => {
  const single = (hz: number): number[] => Array.from({ length: 4000 }, (_unused, at) => Math.round(8000 * Math.sin((2 * Math.PI * hz * at) / RATE_HZ)));
  const voice = (hz: number): number[] => single(0).map((_unused, at) => Math.round([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].reduce((sum, order) => sum + (4000 / order) * Math.sin((2 * Math.PI * hz * order * (1 + 0.02 * Math.sin(at / 900)) * at) / RATE_HZ), 0)));
  let seed = 1;
  const noise = Array.from({ length: RATE_HZ * 5 }, () => ((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % 16_000) - 8000);
  t.is(heardIn([...toneOf('5', { ms: 10 }), ...pause(50)]), '');
  t.is(heardIn(keysWith(KEYS, { level: -45 })), '');
  for (const hz of [...LOW_HZ, ...HIGH_HZ, 440, 1000, 2100]) t.is(heardIn(single(hz)), '', `${hz} Hz`);
  for (const hz of [90, 110, 140, 180, 220, 260]) t.is(heardIn(voice(hz)), '', `a voice of ${hz} Hz`);
  t.is(heardIn(noise), '');
  t.is(heardIn(keysWith('5', { shift: 1.06 })), '');
});

test('keys are heard the same however the sound is cut, and octets of any kind do nothing else', (t) => {
  const samples = keysWith('19A#0');
  t.notThrows(() => fc.assert(fc.property(fc.integer({ min: 1, max: 400 }), (cut) => heardIn(samples, cut) === '19A#0'), { numRuns: 30 }));
  t.notThrows(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
    new ToneKeyDetector(() => undefined).push(octets, A_LAW_SAMPLES);
  }), { numRuns: 50 }));
});

test('both laws of G.711 are decoded as the tables of the recommendation say', (t) => {
  t.deepEqual([...MU_LAW_SAMPLES], Array.from({ length: 256 }, (_unused, octet) => fromMuLaw(octet)));
  // Ends of the segments. @see ITU-T G.711 table 1a
  t.deepEqual([0xd5, 0x55, 0xd4, 0xc5, 0xaa, 0x2a, 0x80].map((octet) => A_LAW_SAMPLES[octet]), [8, -8, 24, 264, 32_256, -32_256, 5504]);
});
