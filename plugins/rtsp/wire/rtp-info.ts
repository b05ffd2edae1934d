import { MAX_LIST_ITEMS } from './limits.ts';

/** Where one stream begins after a PLAY. @see RFC 2326 section 12.33 */
export interface RtpInfo {
  /** Absolute or relative. */
  readonly url: string;
  /** Sequence number of the first packet. */
  readonly sequence?: number;
  /** Timestamp that stands for the start of the range. */
  readonly rtpTime?: number;
}

/** One entry for each stream that the header names. */
export function parseRtpInfo(value: string): RtpInfo[] {
  // An address may hold commas: only those before the next `url=` part the entries.
  return value.split(/,\s*(?=url\s*=)/i).slice(0, MAX_LIST_ITEMS).flatMap((entry) => {
    const [, url] = /^\s*url\s*=\s*"?([^;"]*(?:;(?!\s*(?:seq|rtptime|ssrc)\s*=)[^;"]*)*)"?/i.exec(entry) ?? [];
    if (url === undefined) return [];
    const sequence = numberIn(entry, /;\s*seq\s*=\s*(\d{1,5})(?!\d)/i, 0xffff);
    const rtpTime = numberIn(entry, /;\s*rtptime\s*=\s*(\d{1,10})(?!\d)/i, 0xffff_ffff);
    return [{ url: url.trim(), ...(sequence === undefined ? {} : { sequence }), ...(rtpTime === undefined ? {} : { rtpTime }) }];
  });
}

/** The header of all streams. */
export function encodeRtpInfo(streams: readonly RtpInfo[]): string {
  return streams
    .map(({ url, sequence, rtpTime }) => `url=${url}${sequence === undefined ? '' : `;seq=${sequence}`}${rtpTime === undefined ? '' : `;rtptime=${rtpTime}`}`)
    .join(',');
}

function numberIn(entry: string, pattern: RegExp, max: number): number | undefined {
  const [, digits] = pattern.exec(entry) ?? [];
  const value = Number(digits);
  return digits !== undefined && value <= max ? value : undefined;
}
