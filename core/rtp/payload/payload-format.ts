import type { PayloadArena } from './payload-arena.ts';

/**
 * The contract of every payload format of this folder.
 *
 * Units are what the media bus carries: length-prefixed NAL units (H.264, HEVC), low-overhead OBUs without temporal delimiters
 * (AV1), one VP8 or VP9 frame or superframe, one raw AAC frame, one Opus packet, samples of G.711 and the like.
 *
 * Errors: a packetiser throws a `ProtocolError` for a unit that it can't read, and nothing of it is sent. A depacketiser never throws
 * for what a peer sent: a payload that breaks its format damages its unit, which is dropped and counted, and so is a unit with a hole.
 */
export interface PayloadPacketiser {
  /**
   * Appends the payloads of one unit to `out`, in the order of sending. Fragments of a unit have equal sizes but for the last, which
   * may be shorter.
   *
   * @param unit one unit of at most `MAX_UNIT_BYTES`
   * @param key true for a key frame, before which parameter sets are repeated
   */
  packetise(unit: Uint8Array, key: boolean, out: PayloadArena): void;
}

/** Puts units together again; packets are handed over in the order of their sequence numbers. */
export interface PayloadDepacketiser {
  readonly counters: DepacketiserCounters;
  /**
   * Takes the next payload and emits the units that it completes, in the same call.
   *
   * @param payload content of the packet without header, extension and padding; empty for a packet of padding alone
   * @param timestamp the packet's RTP timestamp
   * @param lost true when packets are missing right before this one, and at the first packet of a stream that was joined
   */
  push(payload: Uint8Array, timestamp: number, marker: boolean, lost: boolean): void;
}

/** A complete unit as it came out of its packets. */
export interface MediaUnit {
  /** Fresh memory that nobody writes to any more. */
  readonly data: Uint8Array;
  /** True when decoding can start here (always true for audio). */
  readonly key: boolean;
  /** RTP timestamp of the unit, 32 bits: that of its packet, or later for the second and further units of a packet. */
  readonly timestamp: number;
}

/** Takes the units of a depacketiser. */
export type UnitSink = (unit: MediaUnit) => void;

/** What became of the payloads of a depacketiser. */
export interface DepacketiserCounters {
  /** Units emitted. */
  readonly units: number;
  /** Units dropped, for a hole or a broken payload. */
  readonly damaged: number;
  /** Payloads that break their format. */
  readonly malformed: number;
}

/** What a packetiser has to know of its track. */
export interface PacketiserOptions {
  /** Content of avcC or hvcC, whose parameter sets go before key frames, of av1C, or the AudioSpecificConfig. */
  readonly codecConfig?: Uint8Array | undefined;
  /** RTP clock of the track. */
  readonly clockRateHz: number;
  readonly channels?: number | undefined;
  /** Largest payload; `DEFAULT_MAX_PAYLOAD_BYTES` if not given. */
  readonly maxPayloadBytes?: number | undefined;
}

/** What a depacketiser has to know of its track. */
export interface DepacketiserOptions {
  /** Content of avcC or hvcC, whose parameter sets are left out of units, or the AudioSpecificConfig. */
  readonly codecConfig?: Uint8Array | undefined;
  /** RTP clock of the track. */
  readonly clockRateHz: number;
  readonly channels?: number | undefined;
}

/**
 * Largest payload of a packet whose datagram stays within 1200 bytes (the least that every path of today carries, RFC 8831 section 5):
 * 12 bytes of header, 20 of header extensions, 2 of a retransmission's original number and 16 of the SRTP tag are kept free.
 */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1200 - 12 - 20 - 2 - 16;

/** Smallest limit that every format can be cut to. */
export const MIN_MAX_PAYLOAD_BYTES = 32;

/** Largest unit, either way. */
export const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** Largest payload that is written where a format can't cut a unit: what a datagram holds beside headers. */
export const MAX_WHOLE_PAYLOAD_BYTES = 65_000;
