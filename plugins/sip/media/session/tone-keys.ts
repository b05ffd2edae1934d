/** The two tones of a key, in Hz, and the keys by them. @see ITU-T Q.23 */
const LOW_HZ = [697, 770, 852, 941] as const;
const HIGH_HZ = [1209, 1336, 1477, 1633] as const;
const KEYS = ['123A', '456B', '789C', '*0#D'] as const;
const RATE_HZ = 8000;
/** 12.75 ms: the shortest tone and the shortest pause, 40 ms each, have two whole blocks. @see ITU-T Q.24 */
const BLOCK_SAMPLES = 102;
/** Blocks in a row that make a key, or a pause. */
const BLOCKS_IN_A_ROW = 2;
/** Of a sine; some -31 dBm0. */
const LEAST_AMPLITUDE = 600;
const LEAST_POWER = ((LEAST_AMPLITUDE * BLOCK_SAMPLES) / 2) ** 2;
/** How much stronger a tone is than the others of its group: 8 dB. */
const PEAK_RATIO = 6.3;
/** How much stronger the low tone may be than the high one, and the other way round: 8 and 4 dB, and what one takes from the other in so short a block. */
const LOW_TWIST = 10;
const HIGH_TWIST = 3.2;
/** Of all energy that the two tones must have: speech has more beside them. */
const LEAST_SHARE = 0.7;

const coefficientOf = (hz: number): number => 2 * Math.cos((2 * Math.PI * hz) / RATE_HZ);
const COEFFICIENTS: readonly number[] = [...LOW_HZ, ...HIGH_HZ].map(coefficientOf);

/** Hears pressed keys in sound, where nobody says them beside it. */
export class ToneKeyDetector {
  readonly #onKey: (key: string) => void;
  readonly #block = new Int16Array(BLOCK_SAMPLES);
  readonly #powers = new Float64Array(COEFFICIENTS.length);
  #filled = 0;
  /** What the last blocks had in common, and how many they are. */
  #heard = '';
  #row = 0;
  /** The key that is being pressed; empty in a pause. */
  #pressed = '';

  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey;
  }

  /** Takes octets of G.711. @param samples of each octet */
  push(octets: Uint8Array, samples: Int16Array): void {
    for (const octet of octets) {
      this.#block[this.#filled++] = samples[octet] ?? 0;
      if (this.#filled < BLOCK_SAMPLES) continue;
      this.#filled = 0;
      this.#take(this.#keyOfBlock());
    }
  }

  #take(key: string): void {
    this.#row = key === this.#heard ? this.#row + 1 : 1;
    this.#heard = key;
    if (this.#row < BLOCKS_IN_A_ROW || key === this.#pressed) return;
    this.#pressed = key;
    if (key !== '') this.#onKey(key);
  }

  /** The key whose two tones a block has, and next to nothing else; empty when there is none. */
  #keyOfBlock(): string {
    const powers = this.#powers;
    const energy = this.#measure();
    const low = strongest(powers, 0, LOW_HZ.length);
    const high = strongest(powers, LOW_HZ.length, powers.length);
    const [lowPower, highPower] = [powers[low] ?? 0, powers[high] ?? 0];
    if (lowPower < LEAST_POWER || highPower < LEAST_POWER) return '';
    if (lowPower > highPower * LOW_TWIST || highPower > lowPower * HIGH_TWIST) return '';
    if (!standsOut(powers, low, 0, LOW_HZ.length) || !standsOut(powers, high, LOW_HZ.length, powers.length)) return '';
    if (lowPower + highPower < (LEAST_SHARE * energy * BLOCK_SAMPLES) / 2) return '';
    return KEYS[low]?.[high - LOW_HZ.length] ?? '';
  }

  /** Powers of the eight tones in the block, by the algorithm of Goertzel. @returns its energy */
  #measure(): number {
    let energy = 0;
    for (const sample of this.#block) energy += sample * sample;
    for (const [index, coefficient] of COEFFICIENTS.entries()) {
      let [before, last] = [0, 0];
      for (const sample of this.#block) {
        const next = sample + coefficient * last - before;
        before = last;
        last = next;
      }
      this.#powers[index] = before * before + last * last - coefficient * before * last;
    }
    return energy;
  }
}

function strongest(powers: Float64Array, from: number, end: number): number {
  let best = from;
  for (let index = from + 1; index < end; index++) if ((powers[index] ?? 0) > (powers[best] ?? 0)) best = index;
  return best;
}

function standsOut(powers: Float64Array, best: number, from: number, end: number): boolean {
  for (let index = from; index < end; index++) if (index !== best && (powers[index] ?? 0) * PEAK_RATIO > (powers[best] ?? 0)) return false;
  return true;
}
