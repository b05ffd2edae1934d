import { ticksToUs, usToTicks } from '../formats/ticks.ts';
import { unixMsOfNtp, type NtpTime } from './ntp.ts';
import { timestampDistance, TimestampUnwrapper } from './sequence.ts';

/** A correction smaller than this is measuring noise. */
const STEP_MIN_US = 2000;
/** A correction greater than this is a sender that doesn't know the time. */
const STEP_MAX_US = 10_000_000;

/** After the first one a correction is made in steps that no picture goes back by: senders report with a jitter of tens of milliseconds. */
const SLEW_US = 10_000;

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
  /** What was added up to a time, since a picture's packets have one time, and late ones that of their picture. */
  earlier: { readonly untilTicks: number; readonly offsetTicks: number } | undefined;
  report: ReportedTime | undefined;
  /** It has been moved to the master once. */
  aligned: boolean;
}

/** Plain data of a `PublisherClock`. */
export type PublisherClockState = readonly {
  readonly trackId: string;
  readonly clockRateHz: number;
  readonly highest: number | undefined;
  readonly offsetTicks: number | undefined;
  readonly earlier: TrackTime['earlier'];
  readonly report: ReportedTime | undefined;
  readonly aligned: boolean;
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
  /** Reports of tracks of which no packet has come. */
  readonly #early = new Map<string, { readonly ntpUs: number; readonly timestamp: number }>();

  /** @param masterId the track that is never moved, once it and another one have reported their time */
  constructor(masterId: string, state: PublisherClockState = []) {
    this.#masterId = masterId;
    for (const { trackId, clockRateHz, highest, offsetTicks, earlier, report, aligned } of state) {
      this.#tracks.set(trackId, { clockRateHz, unwrapper: new TimestampUnwrapper(highest), offsetTicks, earlier, report, aligned });
    }
  }

  exportState(): PublisherClockState {
    return [...this.#tracks].map(([trackId, { clockRateHz, unwrapper, offsetTicks, earlier, report, aligned }]) => ({ trackId, clockRateHz, highest: unwrapper.highest, offsetTicks, earlier, report, aligned }));
  }

  /** The time of a packet in microseconds. */
  timeUs(trackId: string, clockRateHz: number, timestamp: number, arrivalMs: number): number {
    let track = this.#tracks.get(trackId);
    if (track === undefined) {
      track = { clockRateHz, unwrapper: new TimestampUnwrapper(), offsetTicks: undefined, earlier: undefined, report: undefined, aligned: false };
      this.#tracks.set(trackId, track);
    }
    const ticks = track.unwrapper.unwrap(timestamp);
    if (track.offsetTicks === undefined) this.#begin(trackId, track, { ticks, timestamp }, arrivalMs);
    const { earlier, offsetTicks = 0 } = track;
    return ticksToUs(ticks + (earlier !== undefined && ticks <= earlier.untilTicks ? earlier.offsetTicks : offsetTicks), clockRateHz);
  }

  /** The track goes on with another source, whose timestamps have nothing to do with those before: by arrival again. */
  forget(trackId: string): void {
    this.#tracks.delete(trackId);
  }

  /** Notes a sender report of a track; one that comes before all packets tells where they begin. */
  report(trackId: string, ntp: NtpTime, timestamp: number): void {
    const track = this.#tracks.get(trackId);
    const highest = track?.unwrapper.highest;
    const ntpUs = unixMsOfNtp(ntp) * 1000;
    if (track === undefined || highest === undefined) {
      this.#early.set(trackId, { ntpUs, timestamp });
      return;
    }
    track.report = { ntpUs, ticks: highest + timestampDistance(highest % 0x1_0000_0000, timestamp) };
    for (const [id, other] of this.#tracks) if (id !== this.#masterId) this.#align(other);
  }

  /** The first packet is where it arrives, or where its sender's time puts it among the tracks that have begun. */
  #begin(trackId: string, track: TrackTime, first: { readonly ticks: number; readonly timestamp: number }, arrivalMs: number): void {
    track.offsetTicks = usToTicks(Math.round(arrivalMs * 1000), track.clockRateHz) - first.ticks;
    const early = this.#early.get(trackId);
    if (early === undefined) return;
    this.#early.delete(trackId);
    track.report = { ntpUs: early.ntpUs, ticks: first.ticks + timestampDistance(first.timestamp, early.timestamp) };
    const other = [...this.#tracks.values()].find((candidate) => candidate !== track && candidate.report !== undefined);
    if (other !== undefined) this.#align(track, other);
    // The first packet is where it is put now.
    track.earlier = undefined;
  }

  #align(track: TrackTime, master = this.#tracks.get(this.#masterId)): void {
    if (master?.report === undefined || master.offsetTicks === undefined || track.report === undefined || track.offsetTicks === undefined) return;
    const masterUs = ticksToUs(master.report.ticks + master.offsetTicks, master.clockRateHz);
    const wantedUs = Math.round(masterUs + track.report.ntpUs - master.report.ntpUs);
    const presentUs = ticksToUs(track.report.ticks + track.offsetTicks, track.clockRateHz);
    const stepUs = wantedUs - presentUs;
    if (Math.abs(stepUs) < STEP_MIN_US || Math.abs(stepUs) > STEP_MAX_US) return;
    const { highest } = track.unwrapper;
    // From the next picture on; until one has come, what was said last counts.
    if (highest !== undefined && highest !== track.earlier?.untilTicks) track.earlier = { untilTicks: highest, offsetTicks: track.offsetTicks };
    const nextUs = track.aligned ? presentUs + Math.min(SLEW_US, Math.max(-SLEW_US, stepUs)) : wantedUs;
    track.offsetTicks = usToTicks(nextUs, track.clockRateHz) - track.report.ticks;
    track.aligned = true;
  }
}
