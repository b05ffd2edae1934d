/** Lines kept of one user. */
export const MAX_LINES = 500;
/** Users whose lines are kept; the one who was longest away is forgotten first. */
export const MAX_USERS = 100;

/** The lines that users typed, newest first; in memory only, and never those that hold a secret. */
export class History {
  readonly #byUser = new Map<string, readonly string[]>();

  /** Newest first, as readline takes them. */
  of(user: string): string[] {
    return [...(this.#byUser.get(user) ?? [])];
  }

  add(user: string, line: string): void {
    const before = this.#byUser.get(user) ?? [];
    if (line.trim() === '') return;
    this.#byUser.delete(user);
    this.#byUser.set(user, [line, ...before.filter((other) => other !== line)].slice(0, MAX_LINES));
    const [oldest] = this.#byUser.keys();
    if (this.#byUser.size > MAX_USERS && oldest !== undefined) this.#byUser.delete(oldest);
  }
}
