import { usToTicks, WcsError, type TrackDescriptor } from 'wcs-core';
import { audioFrameTicks, type FrameTicks } from 'wcs-core/formats/audio-duration';
import { encodeFragment, encodeInitSegment, mp4TrackOf, VIDEO_TIMESCALE_HZ, type Mp4FragmentTrack, type Mp4Sample, type Mp4Track } from 'wcs-core/formats/mp4';
import type { CutPart, TimedFrame } from './cut.ts';
import type { Fmp4State, Packager } from './packager.ts';

const TRACK_IDS = { video: 1, audio: 2 } as const;
/** Time stamps of sound within this many frames of the expected one are jitter; by more, some of it is missing, or was sent twice. */
const JITTER_FRAMES = 1.5;

/** Writes parts as `moof` and `mdat`; the segment is their concatenation. @see RFC 8216bis section 3.3 */
export class Fmp4Packager implements Packager {
  #tracks: readonly TrackDescriptor[];
  #sequenceNumber: number;
  #audioRateHz = 0;
  #audioTicks: FrameTicks = () => undefined;

  constructor(state: Fmp4State = { container: 'fmp4', tracks: [], sequenceNumber: 1 }) {
    this.#tracks = state.tracks;
    this.#sequenceNumber = state.sequenceNumber;
    this.#readAudioFormat();
  }

  exportState(): Fmp4State {
    return { container: 'fmp4', tracks: this.#tracks, sequenceNumber: this.#sequenceNumber };
  }

  begin(tracks: readonly TrackDescriptor[]): Buffer {
    this.#tracks = tracks;
    this.#readAudioFormat();
    return Buffer.from(encodeInitSegment(tracks.map(placeOf)));
  }

  pack(part: CutPart, startsSegment: boolean): Buffer {
    const tracks: Mp4FragmentTrack[] = [];
    const [video] = part.video;
    if (video !== undefined) {
      const baseDecodeTime = usToTicks(video.frame.dtsUs, VIDEO_TIMESCALE_HZ);
      tracks.push({ id: TRACK_IDS.video, baseDecodeTime, samples: part.video.map(videoSample) });
    }
    if (part.audio.length > 0) tracks.push(this.#audio(part.audio, part.nextAudioUs));
    return encodeFragment({ sequenceNumber: this.#sequenceNumber++, tracks, segmentBrand: startsSegment ? 'cmfs' : 'cmfl' });
  }

  /**
   * Lays the sound of a part end to end, from the stamp of its first frame to that of the frame after it. What came before
   * plays no role: variants of a ladder that were begun at different moments have the same sound at the same times.
   */
  #audio(frames: readonly TimedFrame[], nextUs: number | undefined): Mp4FragmentTrack {
    const rateHz = this.#audioRateHz;
    const baseDecodeTime = usToTicks(frames[0]?.frame.dtsUs ?? 0, rateHz);
    let at = baseDecodeTime;
    const samples = frames.map(({ frame, durationUs }, index): Mp4Sample => {
      const ownTicks = this.#audioTicks(frame.data) ?? usToTicks(durationUs, rateHz);
      const isLast = index === frames.length - 1;
      const duration = isLast && nextUs !== undefined ? untilNext(usToTicks(nextUs, rateHz) - at, ownTicks) : ownTicks;
      at += duration;
      return { data: frame.data, duration, compositionOffset: 0, isSync: true };
    });
    return { id: TRACK_IDS.audio, baseDecodeTime, samples };
  }

  #readAudioFormat(): void {
    const audio = this.#tracks.find(({ kind }) => kind === 'audio');
    if (audio === undefined) return;
    this.#audioRateHz = timescaleOf(audio);
    this.#audioTicks = audioFrameTicks(audio, this.#audioRateHz);
  }
}

/** Takes up the jitter of stamps, but neither a hole nor a repetition. */
function untilNext(ticks: number, ownTicks: number): number {
  const isJitter = ticks > 0 && Math.abs(ticks - ownTicks) <= JITTER_FRAMES * ownTicks;
  return isJitter ? ticks : ownTicks;
}

/** Durations are differences of rounded times, so that they never add up to a drift. */
function videoSample({ frame, durationUs }: TimedFrame): Mp4Sample {
  const decode = usToTicks(frame.dtsUs, VIDEO_TIMESCALE_HZ);
  return {
    data: frame.data,
    duration: usToTicks(frame.dtsUs + durationUs, VIDEO_TIMESCALE_HZ) - decode,
    compositionOffset: usToTicks(frame.ptsUs, VIDEO_TIMESCALE_HZ) - decode,
    isSync: frame.key,
  };
}

function timescaleOf(track: TrackDescriptor): number {
  return track.kind === 'audio' ? (track.sampleRateHz ?? track.clockRateHz) : VIDEO_TIMESCALE_HZ;
}

function placeOf(track: TrackDescriptor): Mp4Track {
  const place = track.kind === 'data' ? undefined : mp4TrackOf(track, TRACK_IDS[track.kind]);
  if (place === undefined) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `Fragmented MP4 of HLS has no place for ${track.codec}.`);
  return place;
}
