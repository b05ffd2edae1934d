/** Seconds from the NTP epoch (1900) to the Unix epoch (1970). @see RFC 5905 section 6 */
const UNIX_EPOCH_NTP_SECONDS = 2_208_988_800;
const FRACTION_PER_SECOND = 0x1_0000_0000;
const MS_PER_SECOND = 1000;
/** A fraction of the compact form is 1/65536 s. */
const COMPACT_PER_SECOND = 0x1_0000;

/** A 64-bit NTP timestamp in its two 32-bit halves. @see RFC 3550 section 4 */
export interface NtpTime {
  readonly seconds: number;
  /** In 2^-32 s. */
  readonly fraction: number;
}

/** Wall-clock milliseconds since 1970 as NTP. */
export function ntpOfUnixMs(unixMs: number): NtpTime {
  const wholeSeconds = Math.floor(unixMs / MS_PER_SECOND);
  const fraction = Math.floor(((unixMs - wholeSeconds * MS_PER_SECOND) / MS_PER_SECOND) * FRACTION_PER_SECOND);
  return { seconds: (wholeSeconds + UNIX_EPOCH_NTP_SECONDS) % FRACTION_PER_SECOND, fraction };
}

/** NTP as milliseconds since 1970; a clock that doesn't know the time of day gives something negative. */
export function unixMsOfNtp({ seconds, fraction }: NtpTime): number {
  return (seconds - UNIX_EPOCH_NTP_SECONDS) * MS_PER_SECOND + (fraction * MS_PER_SECOND) / FRACTION_PER_SECOND;
}

/** The middle 32 bits, as reception reports carry them. @see RFC 3550 section 6.4.1 (LSR) */
export function compactNtp({ seconds, fraction }: NtpTime): number {
  return ((seconds & 0xffff) * COMPACT_PER_SECOND + (fraction >>> 16)) >>> 0;
}

/** A span in milliseconds in the 1/65536 s of compact NTP, at most 2^32 - 1. */
export function compactNtpOfMs(spanMs: number): number {
  return Math.min(FRACTION_PER_SECOND - 1, Math.max(0, Math.round((spanMs * COMPACT_PER_SECOND) / MS_PER_SECOND)));
}

/** A span in the 1/65536 s of compact NTP in milliseconds. */
export function msOfCompactNtp(span: number): number {
  return (span * MS_PER_SECOND) / COMPACT_PER_SECOND;
}
