/** Packets of one source: their extended sequence numbers, and their lengths in bytes. */
export interface RtpPacketList {
  readonly sequences: Float64Array;
  readonly lengths: Int32Array;
  readonly headerBytes: Int32Array;
  readonly count: number;
}

/**
 * Protects and opens the packets of one direction. Knows neither replay windows nor roll-over counters: the caller brings the index,
 * which is the extended sequence number of RTP (48 bits) or the SRTCP index (31 bits).
 */
export interface SrtpCipher {
  /** Writes the protected form of a complete RTP packet to `out` and answers its length; `out` has room for the tag and doesn't overlap `packet`. */
  protectRtp(packet: Uint8Array, headerBytes: number, index: number, out: Uint8Array): number;
  /** Readies what several packets need of the key in one call of the system's library, where that is cheaper: they are protected next, in this order. @param indexOffset from sequence numbers to indices */
  readyRtp?(packets: RtpPacketList, ssrc: number, indexOffset: number): void;
  /** Writes the protected form of a compound RTCP packet to `out` and answers its length. */
  protectRtcp(packet: Uint8Array, index: number, out: Uint8Array): number;
  /** Opens an SRTP packet in its own memory: the plain packet, or undefined (and nothing changed) when it isn't authentic. */
  openRtp(packet: Uint8Array, headerBytes: number, index: number): Uint8Array | undefined;
  /** Opens an SRTCP packet in its own memory, likewise; its length was checked by the caller. */
  openRtcp(packet: Uint8Array): Uint8Array | undefined;
  /** The index that an SRTCP packet carries, before anything is proven. */
  rtcpIndex(packet: Uint8Array): number;
}

/** Opens the packets of one direction; gives back what it holds when it is closed, and opens nothing from then on. */
export interface SrtpOpener extends Pick<SrtpCipher, 'openRtp' | 'openRtcp' | 'rtcpIndex'> {
  close?(): void;
}
