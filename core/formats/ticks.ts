const US_PER_SECOND = 1_000_000;

/** Ticks of a media clock to integer microseconds; `usToTicks` gives back the same ticks for every clock up to 500 kHz. */
export function ticksToUs(ticks: number, clockRateHz: number): number {
  // Whole seconds apart, so that hours of 90 kHz ticks don't leave the range of exact integers.
  const seconds = Math.floor(ticks / clockRateHz);
  return seconds * US_PER_SECOND + Math.round(((ticks - seconds * clockRateHz) * US_PER_SECOND) / clockRateHz);
}

/** Integer microseconds to the nearest tick of a media clock. */
export function usToTicks(us: number, clockRateHz: number): number {
  const seconds = Math.floor(us / US_PER_SECOND);
  return seconds * clockRateHz + Math.round(((us - seconds * US_PER_SECOND) * clockRateHz) / US_PER_SECOND);
}
