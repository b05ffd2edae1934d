import { compactNtp, compactNtpOfMs, type NtpTime } from './ntp.ts';
import type { ReportBlock } from './rtcp/types.ts';
import { timestampDistance } from './sequence.ts';

const FRACTION_UNIT = 256;
const SEQUENCE_MODULUS = 0x1_0000;
/** The estimate moves by a sixteenth of each difference. @see RFC 3550 section 6.4.1 */
const JITTER_GAIN = 16;
const CUMULATIVE_LOST_MAX = 0x7f_ffff;

/** What is known of the reception of one SSRC, from which reports are made. @see RFC 3550 appendix A.3, A.8 */
export class ReceptionReport {
  readonly #ssrc: number;
  readonly #clockRateHz: number;
  #first: number | undefined;
  #highest = 0;
  #packets = 0;
  #reportedExpected = 0;
  #reportedPackets = 0;
  #jitter = 0;
  #transit: number | undefined;
  #lastSenderReport = 0;
  #senderReportAtMs = 0;

  constructor(ssrc: number, clockRateHz: number) {
    this.#ssrc = ssrc;
    this.#clockRateHz = clockRateHz;
  }

  /** Packets received, duplicates among them. */
  get packets(): number {
    return this.#packets;
  }

  /** Packets that were sent and have not come; negative when duplicates outweigh them. */
  get lost(): number {
    return this.#expected() - this.#packets;
  }

  /** Interarrival jitter in milliseconds. */
  get jitterMs(): number {
    return (this.#jitter * 1000) / this.#clockRateHz;
  }

  /**
   * Notes a packet.
   *
   * @param sequence extended sequence number
   * @param timestamp RTP timestamp as sent
   */
  received(sequence: number, timestamp: number, arrivalMs: number): void {
    this.#first ??= sequence;
    this.#highest = this.#packets === 0 ? sequence : Math.max(this.#highest, sequence);
    this.#packets += 1;
    const transit = (Math.round((arrivalMs * this.#clockRateHz) / 1000) - timestamp) % 0x1_0000_0000;
    if (this.#transit !== undefined) this.#jitter += (Math.abs(timestampDistance(this.#transit, transit)) - this.#jitter) / JITTER_GAIN;
    this.#transit = transit;
  }

  /** Notes a sender report of this SSRC. */
  senderReport(ntp: NtpTime, nowMs: number): void {
    this.#lastSenderReport = compactNtp(ntp);
    this.#senderReportAtMs = nowMs;
  }

  /** The block for the next report; the fraction lost is that since the block before. Undefined before the first packet. */
  block(nowMs: number): ReportBlock | undefined {
    if (this.#first === undefined) return undefined;
    const expected = this.#expected();
    const expectedSince = expected - this.#reportedExpected;
    const lostSince = expectedSince - (this.#packets - this.#reportedPackets);
    this.#reportedExpected = expected;
    this.#reportedPackets = this.#packets;
    return {
      ssrc: this.#ssrc,
      fractionLost: expectedSince > 0 && lostSince > 0 ? Math.min(FRACTION_UNIT - 1, Math.floor((lostSince * FRACTION_UNIT) / expectedSince)) : 0,
      cumulativeLost: Math.max(-CUMULATIVE_LOST_MAX - 1, Math.min(CUMULATIVE_LOST_MAX, this.lost)),
      // Turns are counted from the first packet on, wherever the extended numbers begin.
      highestSequence: ((this.#first & (SEQUENCE_MODULUS - 1)) + this.#highest - this.#first) >>> 0,
      jitter: Math.floor(this.#jitter) >>> 0,
      lastSenderReport: this.#lastSenderReport,
      delaySinceLastSenderReport: this.#lastSenderReport === 0 ? 0 : compactNtpOfMs(nowMs - this.#senderReportAtMs),
    };
  }

  #expected(): number {
    return this.#first === undefined ? 0 : this.#highest - this.#first + 1;
  }
}
