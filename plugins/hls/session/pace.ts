import type { MediaFrame, TrackDescriptor } from 'wcs-core';
import type { StreamPace } from './timing.ts';

/** Intervals needed before the frames themselves tell the rate. */
const MIN_INTERVALS = 4;
const US_PER_S = 1_000_000;

/** What is known of a stream when its presentation begins. */
export interface KnownMedia {
  readonly tracks: readonly TrackDescriptor[];
  /** Frames since the last key frame. */
  readonly cached: readonly MediaFrame[];
  /** Key frames of the leading track so far. */
  readonly keyFrames: number;
  /** How long the stream has been there. */
  readonly ageMs: number;
}

/** How often frames and key frames come: by the cached frames, else by what the track says of itself. */
export function paceOf({ tracks, cached, keyFrames, ageMs }: KnownMedia): StreamPace {
  const video = tracks.find(({ kind }) => kind === 'video');
  const lead = video ?? tracks.find(({ kind }) => kind === 'audio');
  if (lead === undefined) return { frameIntervalUs: undefined, keyIntervalUs: undefined };
  const times = cached.filter(({ track }) => track.id === lead.id).map(({ dtsUs }) => dtsUs);
  const stated = lead.frameRate !== undefined && lead.frameRate > 0 ? US_PER_S / lead.frameRate : undefined;
  const cachedUs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const meanKeyUs = keyFrames >= 2 ? (ageMs * 1000) / keyFrames : 0;
  return {
    frameIntervalUs: medianInterval(times) ?? stated,
    // Sound can be cut anywhere.
    keyIntervalUs: video === undefined ? undefined : Math.max(cachedUs, meanKeyUs),
  };
}

function medianInterval(times: readonly number[]): number | undefined {
  const intervals = times.slice(1).map((time, index) => time - (times[index] ?? time));
  if (intervals.length < MIN_INTERVALS) return undefined;
  const median = intervals.sort((a, b) => a - b)[Math.floor(intervals.length / 2)];
  return median === undefined || median <= 0 ? undefined : median;
}
