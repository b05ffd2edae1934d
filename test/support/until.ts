/** Pause between two looks: so much of what it has waited, which costs that much of the time at most, within these bounds. */
const PAUSE_SHARE = 0.05;
const PAUSE_MS = { min: 5, max: 50 } as const;

/**
 * Waits until `condition` gives a truthy value and returns it; looks every 5 ms at first, every 50 ms after a second.
 *
 * @throws Error naming `what` when the deadline passes first
 */
export async function until<T>(condition: () => T | Promise<T>, what = 'condition', timeoutMs = 30_000): Promise<NonNullable<T>> {
  const startedAt = Date.now();
  for (;;) {
    const value = await condition();
    if (value) return value;
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > timeoutMs) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(PAUSE_SHARE * waitedMs, PAUSE_MS.min), PAUSE_MS.max)));
  }
}
