/** What a stream knows of a track as it is written. */
export interface WrittenTrack {
  /** The publisher writes it as frames (or as packets) itself: it needs no conversion to that plane. */
  asFrames: boolean;
  asPackets: boolean;
  /** Of a returned publisher: nothing is of use to anybody before a key frame. */
  awaitsKey: boolean;
  /** NaN before the first packet. */
  lastPacketPtsUs: number;
}

/** A track of which nothing has been written. */
export function newlyWritten(awaitsKey: boolean): WrittenTrack {
  return { asFrames: false, asPackets: false, awaitsKey, lastPacketPtsUs: NaN };
}
