import type { NtpTime } from '../ntp.ts';

/** Packet types of the RTCP header. @see RFC 3550 section 12.1, RFC 4585 section 6.1 */
export const RTCP_TYPE = {
  senderReport: 200,
  receiverReport: 201,
  sourceDescription: 202,
  goodbye: 203,
  transportFeedback: 205,
  payloadFeedback: 206,
} as const;

/** Feedback message types below `transportFeedback`. @see RFC 4585 section 6.2, draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1 */
export const TRANSPORT_FORMAT = { nack: 1, twcc: 15 } as const;
/** Feedback message types below `payloadFeedback`. @see RFC 4585 section 6.3, RFC 5104 section 4.3, draft-alvestrand-rmcat-remb-03 section 2.2 */
export const PAYLOAD_FORMAT = { pli: 1, fir: 4, applicationLayer: 15 } as const;
/** `REMB` in ASCII. */
export const REMB_IDENTIFIER = 0x5245_4d42;

/** The longest compound that is taken: the payload of a UDP datagram cannot be longer. */
export const RTCP_MAX_BYTES = 65_507;
/** Most packets of one compound. */
export const RTCP_MAX_PACKETS = 64;
/** Most report blocks, chunks or sources of one packet: what its five count bits can tell. */
export const RTCP_MAX_COUNT = 31;
/** Most sequence numbers of one NACK. */
export const NACK_MAX_SEQUENCES = 8192;

/** How one source was received. @see RFC 3550 section 6.4.1 */
export interface ReportBlock {
  readonly ssrc: number;
  /** Share of packets lost since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Packets lost since the beginning, signed: duplicates count against it. */
  readonly cumulativeLost: number;
  /** Extended sequence number, its low 32 bits. */
  readonly highestSequence: number;
  /** In units of the source's media clock. */
  readonly jitter: number;
  /** Compact NTP of the last sender report; 0 for none. */
  readonly lastSenderReport: number;
  /** Since that report, in 1/65536 s. */
  readonly delaySinceLastSenderReport: number;
}

/** What a sender says of its time and of what it sent. @see RFC 3550 section 6.4.1 */
export interface SenderReport {
  readonly type: 'senderReport';
  readonly ssrc: number;
  readonly ntp: NtpTime;
  /** Media time at `ntp`. */
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  /** Payload bytes. */
  readonly octetCount: number;
  readonly reports: readonly ReportBlock[];
}

/** @see RFC 3550 section 6.4.2 */
export interface ReceiverReport {
  readonly type: 'receiverReport';
  readonly ssrc: number;
  readonly reports: readonly ReportBlock[];
}

/** One item of a source: 1 is the CNAME. @see RFC 3550 section 6.5 */
export interface SourceDescriptionItem {
  readonly item: number;
  readonly text: string;
}

/** The item number of the CNAME. @see RFC 3550 section 6.5.1 */
export const SDES_CNAME = 1;

/** @see RFC 3550 section 6.5 */
export interface SourceDescription {
  readonly type: 'sourceDescription';
  readonly chunks: readonly { readonly ssrc: number; readonly items: readonly SourceDescriptionItem[] }[];
}

/** @see RFC 3550 section 6.6 */
export interface Goodbye {
  readonly type: 'goodbye';
  readonly ssrcs: readonly number[];
  readonly reason?: string | undefined;
}

/** Packets that are asked for again. @see RFC 4585 section 6.2.1 */
export interface Nack {
  readonly type: 'nack';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  /** 16-bit sequence numbers in the order asked for. */
  readonly sequences: readonly number[];
}

/** A decoder that needs a key frame. @see RFC 4585 section 6.3.1 */
export interface PictureLoss {
  readonly type: 'pli';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
}

/** A key frame by command; a repeated command has the same number. @see RFC 5104 section 4.3.1 */
export interface FullIntraRequest {
  readonly type: 'fir';
  readonly senderSsrc: number;
  readonly entries: readonly { readonly ssrc: number; readonly commandSequence: number }[];
}

/** The most that a receiver believes it can take. @see draft-alvestrand-rmcat-remb-03 section 2.2 */
export interface ReceiverEstimate {
  readonly type: 'remb';
  readonly senderSsrc: number;
  /** Bits per second of all the sources together. */
  readonly bitrateBps: number;
  readonly ssrcs: readonly number[];
}

/** Arrival of one packet by transport-wide sequence number; `deltaUs` is since the packet received before it and absent where it is lost. */
export interface TransportArrival {
  readonly sequence: number;
  readonly deltaUs?: number;
}

/** @see draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1 */
export interface TransportFeedback {
  readonly type: 'twcc';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly feedbackCount: number;
  /** Time that the first delta counts from, a multiple of 64 ms of a clock of the receiver's own. */
  readonly referenceTimeMs: number;
  readonly arrivals: readonly TransportArrival[];
}

/** A packet of a type or format that isn't read here. */
export interface UnknownRtcp {
  readonly type: 'unknown';
  readonly packetType: number;
  /** The five bits that are a count or a format. */
  readonly format: number;
}

/** One packet of a compound. */
export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Goodbye
  | Nack
  | PictureLoss
  | FullIntraRequest
  | ReceiverEstimate
  | TransportFeedback
  | UnknownRtcp;

/** A packet that can be written. */
export type WritableRtcp = Exclude<RtcpPacket, TransportFeedback | UnknownRtcp>;
