import { runInNewContext } from 'node:vm';

/** Longest pattern, in characters. */
export const PATTERN_MAX_CHARS = 200;
/** A pattern that tries every way through a name would hold up every session. */
const TIME_LIMIT_MS = 20;
/** On a busy machine the time may have gone to another program: only a pattern that has had so much of the processor is slow. */
const CPU_LIMIT_MS = 50;

/**
 * The names that a regular expression takes from beginning to end.
 *
 * @throws Error for what is no regular expression, or has not been compared with all names in 50 ms of processor time
 */
export function namesLike(pattern: string, names: readonly string[]): string[] {
  const expression = new RegExp(`^(?:${pattern})$`, 'u');
  const before = process.cpuUsage();
  for (;;) {
    try {
      return [...(runInNewContext('names.filter((name) => expression.test(name))', { names, expression }, { timeout: TIME_LIMIT_MS }) as string[])];
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      // Not an `Error` of ours: it is made in the other context.
      const isOutOfTime = typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      if (!isOutOfTime || (user + system) / 1000 > CPU_LIMIT_MS) throw error;
    }
  }
}
