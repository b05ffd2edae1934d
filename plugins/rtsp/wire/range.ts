/** A range of normal play time in seconds. @see RFC 2326 sections 3.6 and 12.29 */
export interface NptRange {
  /** `now` is the live edge. */
  readonly startS: number | 'now';
  /** Absent: to the end. */
  readonly endS?: number;
}

const CLOCK = /^(?:(\d{1,6}):(\d{1,2}):)?(\d{1,10}(?:\.\d{0,9})?)$/;

/** The range where the header gives one in normal play time that can be understood, otherwise undefined. */
export function parseRange(value: string): NptRange | undefined {
  const [, start, end] = /^\s*npt\s*=\s*([^-;\s]*)\s*-\s*([^-;\s]*)\s*(?:;|$)/i.exec(value) ?? [];
  if (start === undefined || end === undefined) return undefined;
  const startS = start.toLowerCase() === 'now' ? 'now' : parseNpt(start === '' ? '0' : start);
  const endS = end === '' ? undefined : parseNpt(end);
  if (startS === undefined || (end !== '' && endS === undefined)) return undefined;
  return endS === undefined ? { startS } : { startS, endS };
}

/** The header of a range. */
export function encodeRange({ startS, endS }: NptRange): string {
  return `npt=${startS === 'now' ? 'now' : startS.toFixed(3)}-${endS === undefined ? '' : endS.toFixed(3)}`;
}

/** Seconds, or hours, minutes and seconds. */
function parseNpt(text: string): number | undefined {
  const [, hours = '0', minutes = '0', seconds] = CLOCK.exec(text) ?? [];
  return seconds === undefined ? undefined : (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
}
