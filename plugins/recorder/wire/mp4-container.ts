import { usToTicks } from 'wcs-core';
import { audioFrameTicks, type FrameTicks } from 'wcs-core/formats/audio-duration';
import { encodeFragmentPieces, encodeInitSegment, mp4TrackOf, VIDEO_TIMESCALE_HZ, type Mp4FragmentTrack, type Mp4Sample, type Mp4Track } from 'wcs-core/formats/mp4';
import type { Container, ContainerState, PartFrame, PartTrack } from './container.ts';

/** Time stamps of sound this near to the end of the frame before are jitter of their clock, and are laid end to end. */
const SNAP_US = 15_000;

/** What a fragmented MP4 remembers. */
interface Mp4Memory {
  readonly sequenceNumber: number;
  /** Where the sound of each track has come to, in its ticks. */
  readonly nextTicks: Readonly<Record<number, number>>;
}

interface Lane {
  readonly place: Mp4Track;
  readonly ownTicks: FrameTicks;
}

/** Fragmented MP4: `ftyp` and `moov`, then a `moof` with its `mdat` for each piece. @see ISO/IEC 14496-12 section 8.8 */
export class Mp4Container implements Container {
  readonly type = 'mp4';
  readonly #headBytes: number;
  readonly #lanes = new Map<number, Lane>();
  #tracks: readonly PartTrack[] = [];
  #sequenceNumber: number;
  readonly #nextTicks: Map<number, number>;

  constructor({ tracks, headBytes, memory }: Omit<ContainerState, 'type'>) {
    const { sequenceNumber, nextTicks } = (memory ?? { sequenceNumber: 1, nextTicks: {} }) as Mp4Memory;
    this.#headBytes = headBytes;
    this.#sequenceNumber = sequenceNumber;
    this.#nextTicks = new Map(Object.entries(nextTicks).map(([track, ticks]) => [Number(track), ticks]));
    for (const track of tracks) this.#hold(track);
  }

  get tracks(): readonly PartTrack[] {
    return this.#tracks;
  }

  head(): Uint8Array {
    return encodeInitSegment([...this.#lanes.values()].map(({ place }) => place), this.#headBytes === 0 ? undefined : this.#headBytes);
  }

  addTrack(track: PartTrack): void {
    this.#hold(track);
    try {
      this.head();
    } catch (error) {
      this.#lanes.delete(track.number);
      this.#tracks = this.#tracks.filter((other) => other !== track);
      throw error;
    }
  }

  encode(frames: readonly PartFrame[]): readonly Uint8Array[] {
    const tracks: Mp4FragmentTrack[] = [];
    for (const [number, lane] of this.#lanes) {
      const own = frames.filter(({ track }) => track === number);
      const [first] = own;
      if (first === undefined) continue;
      if (lane.place.kind === 'audio') tracks.push(this.#sound(lane, own));
      else tracks.push({ id: number, baseDecodeTime: usToTicks(first.dtsUs, VIDEO_TIMESCALE_HZ), samples: pictures(own) });
    }
    return encodeFragmentPieces({ sequenceNumber: this.#sequenceNumber++, tracks });
  }

  close(): undefined {
    return undefined;
  }

  exportState(): ContainerState {
    const memory: Mp4Memory = { sequenceNumber: this.#sequenceNumber, nextTicks: Object.fromEntries(this.#nextTicks) };
    return { type: this.type, tracks: this.#tracks, headBytes: this.#headBytes, memory };
  }

  #hold(track: PartTrack): void {
    const place = mp4TrackOf(track.format, track.number);
    if (place === undefined) throw new RangeError(`MP4 has no place for ${track.format.codec}`);
    this.#lanes.set(track.number, { place, ownTicks: audioFrameTicks(track.format, place.timescaleHz) });
    this.#tracks = [...this.#tracks, track];
  }

  #sound({ place: { id, timescaleHz }, ownTicks }: Lane, frames: readonly PartFrame[]): Mp4FragmentTrack {
    let expected = this.#nextTicks.get(id);
    const starts = frames.map(({ dtsUs, durationUs, data }) => {
      const duration = ownTicks(data) ?? usToTicks(durationUs, timescaleHz);
      const start = soundStart(usToTicks(dtsUs, timescaleHz), expected, usToTicks(SNAP_US, timescaleHz), duration);
      expected = start + duration;
      return start;
    });
    const end = expected ?? 0;
    this.#nextTicks.set(id, end);
    const samples = frames.map(({ data }, index): Mp4Sample => ({ data, duration: (starts[index + 1] ?? end) - (starts[index] ?? 0), compositionOffset: 0, isSync: true }));
    return { id, baseDecodeTime: starts[0] ?? 0, samples };
  }
}

/**
 * Where a frame of sound begins, in ticks. Sound knows its own duration better than time stamps in milliseconds do, so it
 * is laid end to end as long as they agree; a gap stays a gap, and sound that runs ahead of its time stamps is caught up with.
 */
function soundStart(stated: number, expected: number | undefined, tolerance: number, duration: number): number {
  if (expected === undefined) return stated;
  if (Math.abs(stated - expected) <= tolerance) return expected;
  return Math.max(stated, expected - Math.floor(Math.min(tolerance, duration / 2)));
}

/** Durations are differences of rounded times, so that they never add up to a drift. */
function pictures(frames: readonly PartFrame[]): Mp4Sample[] {
  return frames.map(({ dtsUs, ptsUs, durationUs, key, data }, index) => {
    const decode = usToTicks(dtsUs, VIDEO_TIMESCALE_HZ);
    const next = usToTicks(frames[index + 1]?.dtsUs ?? dtsUs + durationUs, VIDEO_TIMESCALE_HZ);
    return { data, duration: Math.max(0, next - decode), compositionOffset: usToTicks(ptsUs, VIDEO_TIMESCALE_HZ) - decode, isSync: key };
  });
}
