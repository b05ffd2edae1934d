import { ntpOfUnixMs, type NtpTime } from 'wcs-core/rtp/ntp';

/**
 * The wall-clock time of a stream's times, for sender reports. Fixed with the first report: players take a report for a
 * step of the media where a later one says another distance of the two clocks.
 */
export class ReportClock {
  #baseMs: number | undefined;

  /** @param baseMs of another clock, to go on with */
  constructor(baseMs?: number) {
    this.#baseMs = baseMs;
  }

  /** Plain data for the constructor. */
  get baseMs(): number | undefined {
    return this.#baseMs;
  }

  ntpOf(streamUs: number, unixNowMs: number): NtpTime {
    this.#baseMs ??= unixNowMs - streamUs / 1000;
    return ntpOfUnixMs(this.#baseMs + streamUs / 1000);
  }
}
