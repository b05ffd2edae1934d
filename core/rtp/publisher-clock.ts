import { ticksToUs, usToTicks } from './ticks.ts';
import { unixMsOfNtp, type NtpTime } from './ntp.ts';
import { timestampDistance, TimestampUnwrapper } from './sequence.ts';

/** A correction smaller than this is measuring noise. */
const STEP_MIN_US = 2000;
/** A correction greater than this is a sender that doesn't know the time. */
const STEP_MAX_US = 10_000_000;

/** Media time and wall-clock time of the sender at one instant. */
interface ReportedTime {
  readonly ntpUs: number;
  readonly ticks: number;
}

interface TrackTime {
  readonly clockRateHz: number;
  readonly unwrapper: TimestampUnwrapper;
  /** Added to the sender's ticks; whole ticks, so that the distances between packets stay exact. Undefined before the first packet. */
  offsetTicks: number | undefined;
  report: ReportedTime | undefined;
}

/** Plain data of a `PublisherClock`. */
export type PublisherClockState = readonly {
  readonly trackId: string;
  readonly clockRateHz: number;
  readonly highest: number | undefined;
  readonly offsetTicks: number | undefined;
  readonly report: ReportedTime | undefined;
}[];

/**
 * Puts the RTP timestamps of a publisher's tracks on one clock in microseconds: by arrival at first, and by the sender's
 * own time once it has reported it. Sound is never moved, since a step in it can be heard; the picture is moved to it.
 *
 * @see RFC 3550 section 6.4.1
 */
export class PublisherClock {
  readonly #tracks = new Map<string, TrackTime>();
  readonly #masterId: string;

  /** @param masterId the track that is never moved, once it and another one have reported their time */
  constructor(masterId: string, state: PublisherClockState = []) {
    this.#masterId = masterId;
    for (const { trackId, clockRateHz, highest, offsetTicks, report } of state) {
      this.#tracks.set(trackId, { clockRateHz, unwrapper: new TimestampUnwrapper(highest), offsetTicks, report });
    }
  }

  exportState(): PublisherClockState {
    return [...this.#tracks].map(([trackId, { clockRateHz, unwrapper, offsetTicks, report }]) => ({ trackId, clockRateHz, highest: unwrapper.highest, offsetTicks, report }));
  }

  /** The time of a packet in microseconds. */
  timeUs(trackId: string, clockRateHz: number, timestamp: number, arrivalMs: number): number {
    let track = this.#tracks.get(trackId);
    if (track === undefined) {
      track = { clockRateHz, unwrapper: new TimestampUnwrapper(), offsetTicks: undefined, report: undefined };
      this.#tracks.set(trackId, track);
    }
    const ticks = track.unwrapper.unwrap(timestamp);
    track.offsetTicks ??= usToTicks(Math.round(arrivalMs * 1000), clockRateHz) - ticks;
    return ticksToUs(ticks + track.offsetTicks, clockRateHz);
  }

  /** The track goes on with another source, whose timestamps have nothing to do with those before: by arrival again. */
  forget(trackId: string): void {
    this.#tracks.delete(trackId);
  }

  /** Notes a sender report of a track. */
  report(trackId: string, ntp: NtpTime, timestamp: number): void {
    const track = this.#tracks.get(trackId);
    const highest = track?.unwrapper.highest;
    if (track === undefined || highest === undefined) return;
    track.report = { ntpUs: unixMsOfNtp(ntp) * 1000, ticks: highest + timestampDistance(highest % 0x1_0000_0000, timestamp) };
    for (const [id, other] of this.#tracks) if (id !== this.#masterId) this.#align(other);
  }

  #align(track: TrackTime): void {
    const master = this.#tracks.get(this.#masterId);
    if (master?.report === undefined || master.offsetTicks === undefined || track.report === undefined || track.offsetTicks === undefined) return;
    const masterUs = ticksToUs(master.report.ticks + master.offsetTicks, master.clockRateHz);
    const wantedUs = Math.round(masterUs + track.report.ntpUs - master.report.ntpUs);
    const stepUs = wantedUs - ticksToUs(track.report.ticks + track.offsetTicks, track.clockRateHz);
    if (Math.abs(stepUs) < STEP_MIN_US || Math.abs(stepUs) > STEP_MAX_US) return;
    track.offsetTicks = usToTicks(wantedUs, track.clockRateHz) - track.report.ticks;
  }
}
