import type { TrackDescriptor } from './track.ts';

export { ticksToUs, usToTicks } from '../formats/ticks.ts';

/** One access unit on the stream's clock; shared by every reader and read-only. */
export interface MediaFrame {
  readonly track: TrackDescriptor;
  /** Presentation time, integer microseconds on the stream's one clock. */
  readonly ptsUs: number;
  /** Decoding time, integer microseconds; never decreases within a track. */
  readonly dtsUs: number;
  /** True when decoding can start here (always true for audio). */
  readonly key: boolean;
  /** The access unit as an ISO BMFF sample: 4-byte length-prefixed NAL units (H.264, HEVC), low-overhead OBUs (AV1), one raw AAC frame, one Opus packet. */
  readonly data: Uint8Array;
  /** Monotonic milliseconds of arrival. */
  readonly receivedAtMs: number;
  /** Set on the first frame of each track after a resume or a jump of the publisher's clock. */
  readonly discontinuity?: boolean;
}

/** One RTP packet of a track; payload type, SSRC, sequence number and timestamp are rewritten for each reader. @see RFC 3550 section 5.1 */
export interface MediaPacket {
  readonly track: TrackDescriptor;
  /** The complete packet, without padding. */
  readonly rtp: Uint8Array;
  /** Sequence number unwrapped by the publisher: one more for each packet sent, whatever the order of arrival. Starts anywhere anew after a resume. */
  readonly sequence: number;
  /** Presentation time of the packet's access unit, integer microseconds on the stream's clock. */
  readonly ptsUs: number;
  readonly marker: boolean;
  /** True for every packet of a key frame. */
  readonly key: boolean;
  /** Monotonic milliseconds of arrival. */
  readonly receivedAtMs: number;
  /** Set on the first packet that a publisher writes of each track after a resume or a jump of its clock. */
  readonly discontinuity?: boolean;
}
