/** Sound of all inputs of one tick, interleaved 16-bit samples of one rate. */
export interface MixInput {
  /** Samples of this tick; untouched. */
  readonly samples: Int16Array;
  /** Factor before the sum; 1 leaves it as it is. */
  readonly gain: number;
  /** False for one below the silence threshold: it is no part of the sum, so that all silent listeners hear the same. */
  readonly speaking: boolean;
}

const FULL_SCALE = 32_767;
const SILENCE_DB = -100;
/** Share of the way back to full gain in each tick after a peak. */
const RECOVERY = 0.1;

/** Level of samples in dB below full scale; −100 for digital silence. */
export function levelDb(samples: Int16Array): number {
  let sum = 0;
  for (let index = 0; index < samples.length; index += 1) {
    const sample = samples[index] ?? 0;
    sum += sample * sample;
  }
  if (sum === 0) return SILENCE_DB;
  return Math.max(SILENCE_DB, 10 * Math.log10(sum / samples.length / (FULL_SCALE * FULL_SCALE)));
}

/** Adds the inputs that speak up in 32 bits. */
export function sumOf(inputs: readonly MixInput[], total: Int32Array): void {
  total.fill(0);
  for (const { samples, gain, speaking } of inputs) {
    if (!speaking) continue;
    const { length } = samples;
    if (gain === 1) for (let index = 0; index < length; index += 1) total[index] = (total[index] ?? 0) + (samples[index] ?? 0);
    else for (let index = 0; index < length; index += 1) total[index] = (total[index] ?? 0) + Math.round((samples[index] ?? 0) * gain);
  }
}

/** The sum without one of its parts. */
export function withoutOwn(total: Int32Array, own: MixInput, rest: Int32Array): void {
  const { samples, gain } = own;
  for (let index = 0; index < total.length; index += 1) rest[index] = (total[index] ?? 0) - Math.round((samples[index] ?? 0) * gain);
}

/**
 * Brings a sum into 16 bits: the gain falls at once where a peak would be cut off, and comes back slowly. Ramped over
 * the tick, so that no step is heard.
 */
export class Limiter {
  #gain = 1;

  /** Goes on where another one is. */
  takeOver(other: Limiter): void {
    this.#gain = other.#gain;
  }

  limit(sum: Int32Array, out: Int16Array): void {
    let peak = 0;
    for (let index = 0; index < sum.length; index += 1) peak = Math.max(peak, Math.abs(sum[index] ?? 0));
    const allowed = peak > FULL_SCALE ? FULL_SCALE / peak : 1;
    const before = Math.min(this.#gain, allowed);
    const after = Math.min(allowed, this.#gain + (1 - this.#gain) * RECOVERY);
    if (before === 1 && after === 1) out.set(sum);
    else {
      const step = (after - before) / sum.length;
      for (let index = 0; index < sum.length; index += 1) out[index] = Math.round((sum[index] ?? 0) * (before + step * index));
    }
    this.#gain = after;
  }
}
