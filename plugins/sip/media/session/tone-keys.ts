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

/** Of a sine of that energy, as Goertzel's algorithm gives it, over its energy. */
const POWER_OF_ENERGY = BLOCK_SAMPLES / 2;
/** Of the low tone alone, as the high one is bounded by it. */
const LEAST_LOW_SHARE = LEAST_SHARE / (1 + HIGH_TWIST);

/** Factors of Goertzel's algorithm for the tones of a group. */
type Group = readonly [number, number, number, number];

const coefficientOf = (hz: number): number => 2 * Math.cos((2 * Math.PI * hz) / RATE_HZ);
const groupOf = ([a, b, c, d]: Group): Group => [coefficientOf(a), coefficientOf(b), coefficientOf(c), coefficientOf(d)];
const LOW = groupOf(LOW_HZ);
const HIGH = groupOf(HIGH_HZ);

/** Hears pressed keys in sound, where nobody says them beside it. */
export class ToneKeyDetector {
  readonly #onKey: (key: string) => void;
  readonly #block = new Int16Array(BLOCK_SAMPLES);
  readonly #lowPowers = new Float64Array(LOW.length);
  readonly #highPowers = new Float64Array(HIGH.length);
  #filled = 0;
  /** What the last blocks had in common, and how many they are. */
  #heard = '';
  #row = 0;
  /** The key that is being pressed; empty in a pause. */
  #pressed = '';

  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey;
  }

  /** Takes octets of G.711, those from `start` to `end`. @param samples of each octet */
  push(octets: Uint8Array, samples: Int16Array, start = 0, end = octets.length): void {
    const block = this.#block;
    let filled = this.#filled;
    for (let at = start; at < end; at++) {
      block[filled++] = samples[octets[at] ?? 0] ?? 0;
      if (filled < BLOCK_SAMPLES) continue;
      filled = 0;
      this.#take(this.#keyOfBlock());
    }
    this.#filled = filled;
  }

  #take(key: string): void {
    this.#row = key === this.#heard ? this.#row + 1 : 1;
    this.#heard = key;
    if (this.#row < BLOCKS_IN_A_ROW || key === this.#pressed) return;
    this.#pressed = key;
    if (key !== '') this.#onKey(key);
  }

  /** The key whose two tones a block has, and next to nothing else; empty when there is none. What costs least is looked at first: most blocks are no key. */
  #keyOfBlock(): string {
    const [lows, highs] = [this.#lowPowers, this.#highPowers];
    const whole = energyOf(this.#block) * POWER_OF_ENERGY;
    if (whole < LEAST_POWER) return '';
    measure(this.#block, LOW, lows);
    const low = strongest(lows);
    const lowPower = lows[low] ?? 0;
    if (lowPower < LEAST_POWER || lowPower < LEAST_LOW_SHARE * whole) return '';
    measure(this.#block, HIGH, highs);
    const high = strongest(highs);
    const highPower = highs[high] ?? 0;
    if (highPower < LEAST_POWER || lowPower > highPower * LOW_TWIST || highPower > lowPower * HIGH_TWIST) return '';
    if (!standsOut(lows, low) || !standsOut(highs, high) || lowPower + highPower < LEAST_SHARE * whole) return '';
    return KEYS[low]?.[high] ?? '';
  }
}

function energyOf(block: Int16Array): number {
  let energy = 0;
  for (let at = 0; at < block.length; at++) energy += (block[at] ?? 0) * (block[at] ?? 0);
  return energy;
}

/** Powers of the four tones of a group, by the algorithm of Goertzel: side by side, as each step of one waits for the step before. */
function measure(block: Int16Array, [a, b, c, d]: Group, powers: Float64Array): void {
  // One by one: taken out of an array they would be numbers on the heap, new ones for each sample.
  let a1 = 0;
  let a2 = 0;
  let b1 = 0;
  let b2 = 0;
  let c1 = 0;
  let c2 = 0;
  let d1 = 0;
  let d2 = 0;
  for (let at = 0; at < block.length; at++) {
    const sample = block[at] ?? 0;
    const a0 = sample + a * a1 - a2;
    const b0 = sample + b * b1 - b2;
    const c0 = sample + c * c1 - c2;
    const d0 = sample + d * d1 - d2;
    a2 = a1;
    b2 = b1;
    c2 = c1;
    d2 = d1;
    a1 = a0;
    b1 = b0;
    c1 = c0;
    d1 = d0;
  }
  powers[0] = a2 * a2 + a1 * a1 - a * a1 * a2;
  powers[1] = b2 * b2 + b1 * b1 - b * b1 * b2;
  powers[2] = c2 * c2 + c1 * c1 - c * c1 * c2;
  powers[3] = d2 * d2 + d1 * d1 - d * d1 * d2;
}

function strongest(powers: Float64Array): number {
  let best = 0;
  for (let index = 1; index < powers.length; index++) if ((powers[index] ?? 0) > (powers[best] ?? 0)) best = index;
  return best;
}

function standsOut(powers: Float64Array, best: number): boolean {
  for (let index = 0; index < powers.length; index++) if (index !== best && (powers[index] ?? 0) * PEAK_RATIO > (powers[best] ?? 0)) return false;
  return true;
}
