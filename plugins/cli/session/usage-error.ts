/** The line can't be understood: nothing was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
