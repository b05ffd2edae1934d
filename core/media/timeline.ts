import type { MediaFrame, MediaPacket } from './frame.ts';

/** A step back beyond this is a jump of the publisher's clock; a smaller one is jitter and is held at the last time. */
const BACKWARD_TOLERANCE_US = 100_000;
/** Packets come in decoding order, so that their presentation times step back by as much as pictures are reordered. */
const REORDER_TOLERANCE_US = 1_000_000;
/** How much earlier than the track's last time a track may begin on a clock that another track has set. */
const FOLLOW_TOLERANCE_US = 1_000_000;
/** A step ahead of everything in the stream beyond this is a jump of the publisher's clock. */
const FORWARD_JUMP_US = 10_000_000;
/** Step to the first frame after a jump: about one picture. */
const SPLICE_GAP_US = 40_000;
/** Largest distance believed between decoding and presentation of a frame. */
const MAX_COMPOSITION_US = 10_000_000;

interface TrackTime {
  /** Added to the publisher's times; undefined until the first frame of a publication. */
  offsetUs: number | undefined;
  /** Greatest mapped time since the offset was set, before it was held monotonic. */
  mappedUs: number;
  /** Last time given out; undefined before the first frame ever. */
  lastUs: number | undefined;
  discontinuity: boolean;
}

/**
 * Maps the times of one publisher after another to the stream's one clock, which never runs backwards. A jump moves the
 * offset; the other tracks of the publisher follow to the same offset, so that sound and picture stay together.
 */
export class Timeline {
  readonly #tracks = new Map<string, TrackTime>();
  /** Offset of the newest clock that the publisher was seen to use. */
  #epochUs: number | undefined;
  #newestUs: number | undefined;

  /** Greatest time given out; undefined before the first one. */
  get newestUs(): number | undefined {
    return this.#newestUs;
  }

  /**
   * The next frames come from a new publisher, whose clock is unknown.
   *
   * @param afterUs time that they have to come after, besides those given out here
   */
  beginPublication(afterUs?: number): void {
    this.#epochUs = undefined;
    if (afterUs !== undefined) this.#newestUs = Math.max(this.#newestUs ?? 0, afterUs);
    for (const time of this.#tracks.values()) {
      time.offsetUs = undefined;
      time.discontinuity ||= time.lastUs !== undefined;
    }
  }

  /** The frame on the stream's clock: the same object where nothing changes. */
  frame(frame: MediaFrame): MediaFrame {
    const time = this.#time(frame.track.id);
    const mappedUs = this.#map(time, frame.dtsUs, BACKWARD_TOLERANCE_US);
    const dtsUs = this.#advance(time, mappedUs);
    const compositionUs = frame.ptsUs - frame.dtsUs;
    const believable = compositionUs > 0 && compositionUs <= MAX_COMPOSITION_US;
    const ptsUs = believable ? Math.max(dtsUs, mappedUs + Math.round(compositionUs)) : dtsUs;
    return mark(time, dtsUs === frame.dtsUs && ptsUs === frame.ptsUs ? frame : { ...frame, dtsUs, ptsUs });
  }

  /** A frame made of packets that are on the stream's clock already, and bear the marks of jumps: only marked, where a resume is due. */
  converted(frame: MediaFrame): MediaFrame {
    const time = this.#time(frame.track.id);
    this.#advance(time, frame.dtsUs);
    return mark(time, frame);
  }

  /** The packet on the stream's clock: the same object where nothing changes. */
  packet(packet: MediaPacket): MediaPacket {
    const time = this.#time(packet.track.id);
    const ptsUs = Math.max(0, this.#map(time, packet.ptsUs, REORDER_TOLERANCE_US));
    this.#advance(time, ptsUs);
    return mark(time, ptsUs === packet.ptsUs ? packet : { ...packet, ptsUs });
  }

  #time(trackId: string): TrackTime {
    let time = this.#tracks.get(trackId);
    if (time === undefined) {
      time = { offsetUs: undefined, mappedUs: 0, lastUs: undefined, discontinuity: false };
      this.#tracks.set(trackId, time);
    }
    return time;
  }

  #map(time: TrackTime, inUs: number, toleranceUs: number): number {
    const us = Math.round(inUs);
    if (!Number.isSafeInteger(us)) {
      // No time at all: the frame goes out at the newest time and moves no offset.
      time.discontinuity ||= time.lastUs !== undefined;
      return time.lastUs ?? this.#newestUs ?? 0;
    }
    if (time.offsetUs !== undefined && this.#isNear(us + time.offsetUs, time.mappedUs - toleranceUs)) {
      time.mappedUs = Math.max(time.mappedUs, us + time.offsetUs);
      return us + time.offsetUs;
    }
    // Not a jump when the track's first frame ever joins the clock of the other tracks.
    time.discontinuity ||= time.lastUs !== undefined;
    time.offsetUs = this.#offsetFor(time, us);
    time.mappedUs = us + time.offsetUs;
    return time.mappedUs;
  }

  /** The offset that the publisher's other tracks use, if it makes sense for this one; else a new one that goes on smoothly. */
  #offsetFor(time: TrackTime, us: number): number {
    const newestUs = this.#newestUs;
    if (this.#epochUs !== undefined) {
      const earliestUs = time.lastUs === undefined ? (newestUs ?? 0) - FORWARD_JUMP_US : time.lastUs - FOLLOW_TOLERANCE_US;
      if (this.#isNear(us + this.#epochUs, earliestUs)) return this.#epochUs;
    }
    const startUs = newestUs === undefined ? Math.max(us, 0) : newestUs + SPLICE_GAP_US;
    return (this.#epochUs = startUs - us);
  }

  #isNear(mappedUs: number, earliestUs: number): boolean {
    return mappedUs >= earliestUs && mappedUs <= (this.#newestUs ?? mappedUs) + FORWARD_JUMP_US;
  }

  /** Holds the track's time monotonic. */
  #advance(time: TrackTime, mappedUs: number): number {
    const us = Math.max(mappedUs, time.lastUs ?? 0);
    time.lastUs = us;
    if (this.#newestUs === undefined || us > this.#newestUs) this.#newestUs = us;
    return us;
  }
}

function mark<Item extends MediaFrame | MediaPacket>(time: TrackTime, item: Item): Item {
  if (!time.discontinuity) return item;
  time.discontinuity = false;
  return { ...item, discontinuity: true };
}
