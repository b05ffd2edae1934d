import type { MediaFrame, MediaKind } from 'wcs-core';
import type { Cut, CutPart, TimedFrame } from './cut.ts';
import { FrameQueue } from './frame-queue.ts';
import type { Timing } from './timing.ts';

/** Least share of the part target that a part has to fill. @see RFC 8216bis section 4.4.4.9 */
export const PART_FILL = 0.85;
/** The first part of all may be this short: whoever asked first waits for it. */
const FIRST_PART_US = 100_000;
/** A segment is at most its target duration when rounded to a whole number. */
const ROUNDING_US = 499_999;
/** How far sound runs ahead of the picture that is due next before it is cut without it; so much is kept before the first picture. */
const LEAD_STALL_US = 1_000_000;
/** The longest distance of pictures that is believed to go on. */
const SLOWEST_LEAD_US = 2_000_000;
/** Length believed of a frame when nothing better is known. */
const DEFAULT_INTERVAL_US = 33_333;

/** Where the segmenter is; plain data. */
export interface SegmenterState {
  /** Ids of the tracks that are cut; the leading one decides where. */
  leadId: string | undefined;
  followerId: string | undefined;
  leadIsVideo: boolean;
  /** False until a key frame of the leading track has come. */
  running: boolean;
  segmentStartUs: number;
  /** Whether the open segment began with a key frame. */
  segmentIsIndependent: boolean;
  partStartUs: number;
  isFirstPart: boolean;
  /** The open segment ends with its next part, however short, since somebody waits for a first one. */
  endsEarly: boolean;
  lastKeyUs: number | undefined;
  lastLeadUs: number;
  intervalUs: number;
  lead: readonly MediaFrame[];
  follower: readonly MediaFrame[];
}

const NOTHING: readonly Cut[] = [];

/**
 * Cuts frames into parts and segments: frames in, cuts out, no clock, no I/O.
 *
 * The leading track (video, or the sound of a stream without) decides; sound goes into the part whose span its time falls in.
 * A part ends at a frame of the leading track, or, where that would leave it shorter than allowed, at the part target
 * in the middle of a frame: the frame belongs to the part that it begins in, and the time line of the playlist stays exact.
 */
export class Segmenter {
  readonly #timing: Timing;
  readonly #maxSegmentUs: number;
  readonly #s: SegmenterState;
  readonly #lead: FrameQueue;
  readonly #follower: FrameQueue;

  constructor(timing: Timing, state?: SegmenterState) {
    this.#timing = timing;
    this.#maxSegmentUs = timing.targetDurationS * 1_000_000 + ROUNDING_US;
    this.#s = state === undefined ? initialState() : { ...state };
    this.#lead = new FrameQueue(this.#s.lead);
    this.#follower = new FrameQueue(this.#s.follower);
  }

  /** Plain data for the constructor of a successor. */
  exportState(): SegmenterState {
    return { ...this.#s, lead: this.#lead.toArray(), follower: this.#follower.toArray() };
  }

  /** Says which tracks follow. What is pending is cut off first. */
  setTracks(lead: { readonly id: string; readonly kind: MediaKind }, followerId: string | undefined): readonly Cut[] {
    const cuts = this.flush();
    Object.assign(this.#s, { leadId: lead.id, leadIsVideo: lead.kind === 'video', followerId, intervalUs: DEFAULT_INTERVAL_US });
    return cuts;
  }

  /** The open segment will be as long as wished within the next part, and no key frame has come to begin another with. */
  get isKeyFrameDue(): boolean {
    const { running, leadIsVideo, lastLeadUs, lastKeyUs = lastLeadUs } = this.#s;
    return running && leadIsVideo && lastLeadUs - lastKeyUs + this.#timing.partTargetUs >= this.#timing.segmentUs;
  }

  push(frame: MediaFrame): readonly Cut[] {
    if (frame.track.id === this.#s.leadId) return this.#pushLead(frame);
    if (frame.track.id !== this.#s.followerId) return NOTHING;
    return this.#s.running ? this.#pushFollower(frame) : this.#keepFollower(frame);
  }

  /** Makes the first segment whole as soon as it has a part: players that don't know parts have something to begin with. */
  endSegmentEarly(): readonly Cut[] {
    const cuts: Cut[] = [];
    this.#s.endsEarly = true;
    this.#closeFullSegment(false, cuts);
    return cuts;
  }

  /** Ends the open part and segment with what is there; afterwards a key frame begins anew. */
  flush(): readonly Cut[] {
    const cuts: Cut[] = [];
    if (this.#s.running) {
      const endUs = this.#s.lastLeadUs + Math.min(this.#s.intervalUs, this.#timing.partTargetUs);
      this.#closeOverlong(endUs, cuts);
      this.#closePart(endUs, endUs, cuts);
      this.#closeSegment(endUs, cuts);
      this.#s.running = false;
    }
    this.#lead.clear();
    this.#follower.clear();
    return cuts;
  }

  /** One part target of nothing, while the publisher is away. Only between `flush` and the next key frame. */
  gap(): readonly Cut[] {
    if (this.#s.running || this.#s.isFirstPart) return NOTHING;
    const cuts: Cut[] = [];
    const endUs = this.#s.partStartUs + this.#timing.partTargetUs;
    this.#closePart(endUs, endUs, cuts);
    if (endUs - this.#s.segmentStartUs + this.#timing.partTargetUs / 2 >= this.#timing.segmentUs) this.#closeSegment(endUs, cuts);
    return cuts;
  }

  #pushLead(frame: MediaFrame): readonly Cut[] {
    const s = this.#s;
    const atUs = frame.dtsUs;
    if (s.running && frame.discontinuity === true) return [...this.flush(), ...this.#begin(frame)];
    if (!s.running) return this.#begin(frame);
    const cuts: Cut[] = [];
    if (atUs > s.lastLeadUs) s.intervalUs = atUs - s.lastLeadUs;
    this.#closeOverlong(atUs, cuts);
    const isVideoKey = frame.key && s.leadIsVideo;
    if (isVideoKey && this.#endsSegmentAt(atUs)) {
      this.#closePart(atUs, atUs, cuts);
      this.#closeSegment(atUs, cuts);
    } else if (this.#endsPartAt(atUs)) {
      this.#closePart(atUs, atUs, cuts);
      this.#closeFullSegment(!s.leadIsVideo, cuts);
    }
    if (isVideoKey) {
      s.lastKeyUs = atUs;
      if (atUs === s.segmentStartUs) s.segmentIsIndependent = true;
    }
    s.lastLeadUs = atUs;
    this.#lead.push(frame);
    return cuts.length === 0 ? NOTHING : cuts;
  }

  /** Sound that goes on while the pictures stand still is cut by the time alone. */
  #pushFollower(frame: MediaFrame): readonly Cut[] {
    this.#follower.push(frame);
    const expectedUs = this.#s.lastLeadUs + Math.min(this.#s.intervalUs, SLOWEST_LEAD_US);
    if (frame.dtsUs - expectedUs <= LEAD_STALL_US) return NOTHING;
    const cuts: Cut[] = [];
    while (frame.dtsUs - this.#s.partStartUs > this.#timing.partTargetUs) {
      const endUs = this.#s.partStartUs + this.#timing.partTargetUs;
      this.#closePart(endUs, endUs, cuts);
      this.#closeFullSegment(true, cuts);
    }
    return cuts;
  }

  /** Sound before the first key frame: pictures that are made of others come after sound of the same time. */
  #keepFollower(frame: MediaFrame): readonly Cut[] {
    this.#follower.push(frame);
    this.#follower.takeBefore(frame.dtsUs - LEAD_STALL_US);
    return NOTHING;
  }

  #begin(frame: MediaFrame): readonly Cut[] {
    if (!frame.key) return NOTHING;
    const cuts: Cut[] = [];
    const s = this.#s;
    // Gaps that were cut meanwhile end their segment here.
    if (s.partStartUs > s.segmentStartUs) cuts.push({ type: 'segmentEnd' });
    const startUs = frame.dtsUs;
    Object.assign(s, { running: true, segmentStartUs: startUs, partStartUs: startUs, lastLeadUs: startUs, lastKeyUs: startUs, segmentIsIndependent: true });
    this.#follower.takeBefore(startUs);
    this.#lead.push(frame);
    cuts.push({ type: 'begin', startUs, receivedAtMs: frame.receivedAtMs });
    return cuts;
  }

  /** Cuts while more than a part target has passed: at the last frame if the part is long enough then, or within it. */
  #closeOverlong(atUs: number, cuts: Cut[]): void {
    const { partTargetUs } = this.#timing;
    while (atUs - this.#s.partStartUs > partTargetUs) {
      const lastUs = this.#s.lastLeadUs;
      const isLongEnough = lastUs - this.#s.partStartUs >= PART_FILL * partTargetUs;
      const endUs = isLongEnough ? lastUs : this.#s.partStartUs + partTargetUs;
      this.#closePart(endUs, atUs, cuts);
      this.#closeFullSegment(!this.#s.leadIsVideo, cuts);
    }
  }

  /** The part is long enough, and one more frame like the last would be too much. */
  #endsPartAt(atUs: number): boolean {
    const elapsedUs = atUs - this.#s.partStartUs;
    if (this.#s.isFirstPart && elapsedUs >= FIRST_PART_US) return true;
    const { partTargetUs } = this.#timing;
    return elapsedUs >= PART_FILL * partTargetUs && elapsedUs + this.#s.intervalUs > partTargetUs;
  }

  /** A segment ends at a key frame when it is due, when waiting for the next one is too long, or to begin with a key frame again. */
  #endsSegmentAt(keyUs: number): boolean {
    const s = this.#s;
    const elapsedUs = keyUs - s.segmentStartUs;
    if (elapsedUs <= 0) return false;
    if (!s.segmentIsIndependent || elapsedUs >= this.#timing.segmentUs - s.intervalUs / 2 || this.#isOnGrid(keyUs)) return true;
    const distanceUs = keyUs - (s.lastKeyUs ?? keyUs);
    return elapsedUs >= this.#timing.segmentUs / 2 && elapsedUs + distanceUs > this.#maxSegmentUs;
  }

  /**
   * The first picture at or after a multiple of the length of segments. Where the key frames of a ladder lie on that grid, the
   * segments of its variants begin together, whichever key frame each of them was begun with.
   */
  #isOnGrid(keyUs: number): boolean {
    const { segmentUs } = this.#timing;
    return Math.floor(keyUs / segmentUs) > Math.floor(this.#s.lastLeadUs / segmentUs);
  }

  /**
   * After a part: ends the segment that has no room for another.
   *
   * @param anywhere no key frame of video is to be waited for, so that it ends when it is long enough
   */
  #closeFullSegment(anywhere: boolean, cuts: Cut[]): void {
    const elapsedUs = this.#s.partStartUs - this.#s.segmentStartUs;
    const { partTargetUs, segmentUs } = this.#timing;
    const isFull = elapsedUs + partTargetUs > this.#maxSegmentUs || (anywhere && elapsedUs + partTargetUs / 2 >= segmentUs);
    if (isFull || this.#s.endsEarly) this.#closeSegment(this.#s.partStartUs, cuts);
  }

  /** @param nextUs time of the leading frame that comes after those queued */
  #closePart(endUs: number, nextUs: number, cuts: Cut[]): void {
    const s = this.#s;
    if (endUs <= s.partStartUs) return;
    const leaders = this.#lead.takeBefore(endUs);
    const nextLeadUs = this.#lead.firstUs ?? nextUs;
    const lead = timed(leaders, nextLeadUs);
    // What comes while nothing runs waits for the key frame, and is no part of a gap.
    const follower = s.running ? timed(this.#follower.takeBefore(endUs), this.#follower.firstUs) : [];
    const part: CutPart = {
      type: 'part',
      startUs: s.partStartUs,
      durationUs: endUs - s.partStartUs,
      video: s.leadIsVideo ? lead : [],
      audio: s.leadIsVideo ? follower : lead,
      nextAudioUs: s.leadIsVideo ? this.#follower.firstUs : nextLeadUs,
      independent: lead.some(({ frame }) => frame.key),
    };
    cuts.push(part);
    s.partStartUs = endUs;
    s.isFirstPart = false;
  }

  #closeSegment(atUs: number, cuts: Cut[]): void {
    const s = this.#s;
    if (s.partStartUs <= s.segmentStartUs) return;
    s.segmentStartUs = atUs;
    s.segmentIsIndependent = false;
    s.endsEarly = false;
    cuts.push({ type: 'segmentEnd' });
  }
}

function initialState(): SegmenterState {
  return {
    leadId: undefined,
    followerId: undefined,
    leadIsVideo: false,
    running: false,
    segmentStartUs: 0,
    segmentIsIndependent: false,
    partStartUs: 0,
    isFirstPart: true,
    endsEarly: false,
    lastKeyUs: undefined,
    lastLeadUs: 0,
    intervalUs: DEFAULT_INTERVAL_US,
    lead: [],
    follower: [],
  };
}

/** Gives each frame its duration; the last one lasts until `nextUs`, or as long as the one before when that is unknown. */
function timed(frames: readonly MediaFrame[], nextUs: number | undefined): TimedFrame[] {
  let durationUs = 0;
  return frames.map((frame, index) => {
    const untilUs = frames[index + 1]?.dtsUs ?? nextUs;
    if (untilUs !== undefined) durationUs = Math.max(0, untilUs - frame.dtsUs);
    return { frame, durationUs };
  });
}
