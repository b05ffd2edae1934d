/** Longest text that is compared; the cost grows with its square. */
const MAX_LENGTH = 64;

/**
 * The candidates that `typed` may have been meant for, best first: those it begins, then those within a third of its
 * length in edits.
 */
export function nearest(typed: string, candidates: Iterable<string>, count = 3): string[] {
  const wanted = typed.slice(0, MAX_LENGTH).toLowerCase();
  const limit = Math.max(2, Math.ceil(wanted.length / 3));
  const scored: { readonly candidate: string; readonly score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const score = wanted !== '' && candidate.toLowerCase().startsWith(wanted) ? 0 : editDistance(wanted, candidate.slice(0, MAX_LENGTH).toLowerCase());
    if (score <= limit) scored.push({ candidate, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, count).map(({ candidate }) => candidate);
}

/** Insertions, deletions and replacements that turn one text into the other (Levenshtein). */
export function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
