/** The bytes that an answer carries: `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const SINGLE_RANGE = /^bytes=(\d{0,16})-(\d{0,16})$/;

/**
 * Reads a `Range` header for a resource of `totalBytes`. A last position beyond the end is cut to it, so that the open
 * end of a preload hint (2^53 - 1) works.
 *
 * @returns `whole` for no range, a malformed one, another unit or several ranges, all of which may be ignored;
 *   `unsatisfiable` when nothing of the resource is in the range
 * @see RFC 9110 section 14.2
 */
export function parseByteRange(header: string | undefined, totalBytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = header === undefined ? null : SINGLE_RANGE.exec(header.replaceAll(' ', ''));
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const suffixBytes = Math.min(Number(last), totalBytes);
    return suffixBytes === 0 ? 'unsatisfiable' : { start: totalBytes - suffixBytes, end: totalBytes };
  }
  const start = Number(first);
  const end = last === '' ? totalBytes : Math.min(Number(last) + 1, totalBytes);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= totalBytes ? 'unsatisfiable' : { start, end };
}
