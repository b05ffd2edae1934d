import { NackRequester } from './nack-requester.ts';
import type { NtpTime } from './ntp.ts';
import { rtpSequenceNumber, rtpTimestamp } from './packet.ts';
import { ReceptionReport } from './reception-report.ts';
import type { ReportBlock } from './rtcp.ts';
import { SequenceUnwrapper } from './sequence.ts';
import { SeenWindow } from './seen-window.ts';

/** Plain data of a `ReceivedSource`. */
export interface ReceivedSourceState {
  readonly highest: number | undefined;
  readonly seen: Float64Array;
}

/** Lost packets of one source: those to ask for, and whether some were given up. */
export interface Losses {
  readonly sequences: readonly number[];
  readonly givenUp: boolean;
}

/** The packets of one SSRC as they come: order, repetition, loss, reports. */
export class ReceivedSource {
  readonly ssrc: number;
  readonly #unwrapper: SequenceUnwrapper;
  readonly #seen: SeenWindow;
  readonly #report: ReceptionReport;
  /** Undefined where the sender doesn't send again. */
  readonly #nack: NackRequester | undefined;

  constructor(ssrc: number, clockRateHz: number, sendsAgain: boolean, state?: ReceivedSourceState) {
    this.ssrc = ssrc;
    this.#unwrapper = new SequenceUnwrapper(state?.highest);
    this.#seen = new SeenWindow(state?.seen);
    this.#report = new ReceptionReport(ssrc, clockRateHz);
    this.#nack = sendsAgain ? new NackRequester() : undefined;
  }

  exportState(): ReceivedSourceState {
    return { highest: this.#unwrapper.highest, seen: this.#seen.exportState() };
  }

  get packets(): number {
    return this.#report.packets;
  }

  get lost(): number {
    return this.#report.lost;
  }

  get jitterMs(): number {
    return this.#report.jitterMs;
  }

  /**
   * Notes a packet.
   *
   * @param isRepeated it came as a retransmission, which says nothing about the path
   * @returns its extended sequence number, or undefined when it has come before
   */
  received(rtp: Uint8Array, arrivalMs: number, isRepeated: boolean): number | undefined {
    const sequence = this.#unwrapper.unwrap(rtpSequenceNumber(rtp));
    if (sequence < 0 || !this.#seen.add(sequence)) return undefined;
    if (!isRepeated) this.#report.received(sequence, rtpTimestamp(rtp), arrivalMs);
    this.#nack?.received(sequence, arrivalMs);
    return sequence;
  }

  senderReport(ntp: NtpTime, nowMs: number): void {
    this.#report.senderReport(ntp, nowMs);
  }

  /** The block of the next receiver report; undefined before the first packet. */
  reportBlock(nowMs: number): ReportBlock | undefined {
    return this.#report.block(nowMs);
  }

  /** What to ask for now; undefined where nothing is missing. */
  losses(nowMs: number): Losses | undefined {
    if (this.#nack === undefined) return undefined;
    const { sequences, givenUp } = this.#nack.due(nowMs);
    return sequences.length === 0 && givenUp === 0 ? undefined : { sequences, givenUp: givenUp > 0 };
  }
}
