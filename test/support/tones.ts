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
