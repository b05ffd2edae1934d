import { encodeRange, parseRange } from '../wire/range.ts';

/** What a reader may know of a stream that is played from a file for it alone. */
export interface FileFacts {
  /** Length of the whole; undefined where the file doesn't say. */
  readonly durationS: number | undefined;
}

/** Where a PLAY of a file begins: a position, or wherever the file stands. */
export type WantedPosition = { readonly startS: number | undefined } | 'invalid';

/** The position that a Range header asks for. The end of a range is not kept: a file plays on until it is paused. @see RFC 2326 section 12.29 */
export function wantedPosition(header: string | undefined, { durationS = Infinity }: FileFacts): WantedPosition {
  if (header === undefined) return { startS: undefined };
  const range = parseRange(header);
  if (range === undefined) return 'invalid';
  if (range.startS === 'now') return { startS: undefined };
  return range.startS > durationS ? 'invalid' : { startS: range.startS };
}

/** The range of a whole file, or what is left of it from a position on. */
export function rangeFrom(startS: number, { durationS }: FileFacts): string {
  return encodeRange({ startS, ...(durationS === undefined ? {} : { endS: Math.max(startS, durationS) }) });
}
