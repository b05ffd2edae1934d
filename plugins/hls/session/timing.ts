/** The durations that hold for the whole life of a presentation, in microseconds unless named otherwise. */
export interface Timing {
  /** What a segment should last. */
  readonly segmentUs: number;
  /** EXT-X-TARGETDURATION. */
  readonly targetDurationS: number;
  /** PART-TARGET. */
  readonly partTargetUs: number;
}

/** What is known of a stream when its presentation begins. */
export interface StreamPace {
  /** Of the leading track; undefined when unknown. */
  readonly frameIntervalUs: number | undefined;
  /** Distance of key frames; undefined when unknown. */
  readonly keyIntervalUs: number | undefined;
}

/** Settings that the timing is made from. */
export interface TimingWish {
  readonly segmentMs: number;
  readonly partMs: number;
  /** Longest target duration taken to keep a stream's groups of pictures whole. */
  readonly maxSegmentMs: number;
}

const US_PER_S = 1_000_000;
/** Room above a whole number of frames, so that a jitter of a time stamp doesn't cost a part its last frame. */
const PART_ROOM = 1.05;
/** An EXTINF may be above the target duration by less than this. @see RFC 8216bis section 4.4.3.1 */
const ROUNDING_US = 500_000;
const MAX_FRAME_INTERVAL_US = 2 * US_PER_S;

/**
 * Fixes the durations: the part target is the least whole number of frames that lasts as long as wished, so that parts
 * fill it; the target duration holds the stream's groups of pictures as they come and one part more, up to the limit.
 */
export function timingFor(wish: TimingWish, pace: StreamPace): Timing {
  const segmentUs = wish.segmentMs * 1000;
  const wishedPartUs = wish.partMs * 1000;
  const intervalUs = Math.min(pace.frameIntervalUs ?? 0, MAX_FRAME_INTERVAL_US);
  const frames = intervalUs > 0 ? Math.max(1, Math.ceil(wishedPartUs / intervalUs - 0.05)) : 0;
  const partUs = frames > 0 ? Math.max(wishedPartUs, frames * intervalUs * PART_ROOM) : wishedPartUs;
  const longestUs = Math.min(Math.max(segmentUs, pace.keyIntervalUs ?? 0), Math.max(segmentUs, wish.maxSegmentMs * 1000));
  return {
    segmentUs,
    targetDurationS: Math.max(1, Math.ceil((longestUs + partUs - ROUNDING_US) / US_PER_S)),
    partTargetUs: Math.ceil(partUs / 1000) * 1000,
  };
}
