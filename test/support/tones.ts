/** Share of the energy of samples that a tone has, 0 to 1: by the algorithm of Goertzel, over whole windows. */
export function toneShare(samples: Int16Array, sampleRateHz: number, frequencyHz: number): number {
  const window = Math.round(sampleRateHz / 10);
  let [tone, all] = [0, 0];
  for (let from = 0; from + window <= samples.length; from += window) {
    const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / sampleRateHz);
    let [before, last] = [0, 0];
    for (let index = 0; index < window; index += 1) {
      const sample = samples[from + index] ?? 0;
      all += sample * sample;
      [before, last] = [last, sample + coefficient * last - before];
    }
    tone += (2 * (before * before + last * last - coefficient * before * last)) / window;
  }
  return all === 0 ? 0 : tone / all;
}

/** A byte of G.711 mu-law as a 16-bit sample. @see ITU-T G.711 table 2a */
export function fromMuLaw(byte: number): number {
  const inverted = ~byte & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted >> 4) & 7);
  return (inverted & 0x80) === 0 ? magnitude - 0x84 : 0x84 - magnitude;
}

/** A 16-bit sample as a byte of G.711 mu-law: the nearest one there is. */
export function toMuLaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), 32_635) + 0x84;
  const exponent = Math.floor(Math.log2(magnitude)) - 7;
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

/** Root mean square of samples. */
export function levelOf(samples: Int16Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length));
}
