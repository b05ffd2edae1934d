import { runInNewContext } from 'node:vm';

/** Longest pattern, in characters. */
export const PATTERN_MAX_CHARS = 200;
/** A pattern that tries every way through a name would hold up every session. */
const TIME_LIMIT_MS = 20;
/** On a busy machine the time may have gone to another program: only a pattern that is out of time again and again is slow. */
const ATTEMPTS = 3;

/**
 * The names that a regular expression takes from beginning to end.
 *
 * @throws Error for what is no regular expression, or takes longer than 20 ms
 */
export function namesLike(pattern: string, names: readonly string[]): string[] {
  const expression = new RegExp(`^(?:${pattern})$`, 'u');
  for (let attempt = 1; ; attempt++) {
    try {
      return [...(runInNewContext('names.filter((name) => expression.test(name))', { names, expression }, { timeout: TIME_LIMIT_MS }) as string[])];
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
