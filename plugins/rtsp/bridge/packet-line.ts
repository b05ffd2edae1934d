import { randomInt } from 'node:crypto';
import { usToTicks, type BatchWriter, type FanoutItem, type MediaPacket, type TrackDescriptor } from 'wcs-core';
import { JitterBuffer } from 'wcs-core/rtp/jitter-buffer';
import { isRtp, rtpHeaderLength } from 'wcs-core/rtp/packet';
import type { WritableRtcp } from 'wcs-core/rtp/rtcp';

const DOLLAR = 0x24;
const RTP_HEADER_BYTES = 12;
const VERSION = 0x80;
const MARKER = 0x80;
/** A step of more packets than this is a new sequence of the publisher, not loss. */
const STEP_MAX = 1000;
const UINT32 = 0x1_0000_0000;
const UINT16 = 0x1_0000;
/** More packets of one picture than this go out before it is complete. */
const UNIT_PACKETS_MAX = 2048;

/** Where a line's packets go, and as what. */
export interface LineTrack {
  /** Of the track in the description. */
  readonly index: number;
  readonly trackId: string;
  readonly payloadType: number;
  /** Interleaved channel of RTP; RTCP has the one that was set up with it. */
  readonly channel: number;
  readonly rtcpChannel: number;
}

/** Plain data of a `PacketLine`. */
export interface PacketLineState {
  readonly ssrc: number;
  readonly timestampBase: number;
  readonly next: number;
  readonly lastSource: number | undefined;
  readonly packets: number;
  readonly octets: number;
}

/** A packet with its number and time on the line. */
interface LinePacket {
  readonly rtp: Uint8Array;
  readonly sequence: number;
  readonly marker: boolean;
}

/** The packets of one access unit, or as many as have come of it; plain data. */
export interface PacketUnit extends FanoutItem {
  readonly track: TrackDescriptor;
  readonly key: boolean;
  readonly ptsUs: number;
  readonly timestamp: number;
  readonly packets: readonly LinePacket[];
}

/**
 * One track as all readers over TCP get it: one SSRC, one row of sequence numbers and timestamps, packets in order and
 * joined to access units. Another line with the same state makes the same of the same packets.
 */
export class PacketLine {
  readonly line: LineTrack;
  readonly #emit: (unit: PacketUnit) => void;
  readonly #order: JitterBuffer<MediaPacket>;
  readonly #ssrc: number;
  readonly #timestampBase: number;
  #next: number;
  #lastSource: number | undefined;
  #packets: number;
  #octets: number;
  #unit: { readonly first: MediaPacket; readonly timestamp: number; readonly packets: LinePacket[] } | undefined;

  /** @param timestampBase added to every timestamp, the same for all lines of a stream */
  constructor(line: LineTrack, timestampBase: number, emit: (unit: PacketUnit) => void, state?: PacketLineState) {
    this.line = line;
    this.#emit = emit;
    this.#order = new JitterBuffer((packet) => this.#take(packet));
    this.#ssrc = state?.ssrc ?? randomInt(1, UINT32 - 1);
    this.#timestampBase = state?.timestampBase ?? timestampBase;
    this.#next = state?.next ?? randomInt(UINT16);
    this.#lastSource = state?.lastSource;
    this.#packets = state?.packets ?? 0;
    this.#octets = state?.octets ?? 0;
  }

  exportState(): PacketLineState {
    return { ssrc: this.#ssrc, timestampBase: this.#timestampBase, next: this.#next, lastSource: this.#lastSource, packets: this.#packets, octets: this.#octets };
  }

  /** Sequence number of the next packet, as it is written. */
  get nextSequence(): number {
    return this.#next % UINT16;
  }

  /** RTP timestamp of a time of the stream. */
  timestampOf(us: number, clockRateHz: number): number {
    return (usToTicks(us, clockRateHz) + this.#timestampBase) % UINT32;
  }

  push(packet: MediaPacket): void {
    this.#order.push(packet, packet.receivedAtMs);
  }

  /** Gives up packets that are missing for too long. */
  advance(nowMs: number): void {
    this.#order.advance(nowMs);
  }

  /** Gives out what waits for more. */
  flush(): void {
    this.#order.flush();
    this.#endUnit();
  }

  /** Another publisher comes: its numbers start anywhere. */
  restart(): void {
    this.flush();
    this.#order.reset();
    this.#lastSource = undefined;
  }

  /** Writes a unit with its frames' heads. @see RFC 2326 section 10.12 */
  write({ packets, timestamp }: PacketUnit, out: BatchWriter): void {
    for (const { rtp, sequence, marker } of packets) {
      const payloadStart = rtpHeaderLength(rtp);
      out.u8(DOLLAR);
      out.u8(this.line.channel);
      out.u16(RTP_HEADER_BYTES + rtp.length - payloadStart);
      out.u8(VERSION);
      out.u8((marker ? MARKER : 0) | this.line.payloadType);
      out.u16(sequence % UINT16);
      out.u32(timestamp);
      out.u32(this.#ssrc);
      out.put(rtp.subarray(payloadStart));
    }
  }

  /** What a sender report says now. */
  report(nowUs: number, clockRateHz: number): Omit<Extract<WritableRtcp, { type: 'senderReport' }>, 'ntp'> {
    return { type: 'senderReport', ssrc: this.#ssrc, rtpTimestamp: this.timestampOf(nowUs, clockRateHz), packetCount: this.#packets % UINT32, octetCount: this.#octets % UINT32, reports: [] };
  }

  #take(packet: MediaPacket): void {
    if (!isRtp(packet.rtp)) return;
    const step = packet.sequence - (this.#lastSource ?? packet.sequence - 1);
    // Given out before as missing.
    if (step <= 0 && step > -STEP_MAX) return;
    this.#lastSource = packet.sequence;
    const sequence = this.#next + (step > 0 && step <= STEP_MAX ? step - 1 : 0);
    this.#next = sequence + 1;
    this.#packets += 1;
    this.#octets += packet.rtp.length - RTP_HEADER_BYTES;
    if (this.#unit !== undefined && (this.#unit.first.ptsUs !== packet.ptsUs || this.#unit.packets.length >= UNIT_PACKETS_MAX)) this.#endUnit();
    this.#unit ??= { first: packet, timestamp: this.timestampOf(packet.ptsUs, packet.track.clockRateHz), packets: [] };
    this.#unit.packets.push({ rtp: packet.rtp, sequence, marker: packet.marker });
    if (packet.marker || packet.track.kind !== 'video') this.#endUnit();
  }

  #endUnit(): void {
    const unit = this.#unit;
    if (unit === undefined) return;
    this.#unit = undefined;
    const { first, timestamp, packets } = unit;
    this.#emit({ track: first.track, key: first.key, ptsUs: first.ptsUs, timestamp, packets });
  }
}
