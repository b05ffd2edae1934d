/**
 * Waits until `condition` gives a truthy value and returns it; polls every 5 ms.
 *
 * @throws Error naming `what` when the deadline passes first
 */
export async function until<T>(condition: () => T | Promise<T>, what = 'condition', timeoutMs = 10_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
