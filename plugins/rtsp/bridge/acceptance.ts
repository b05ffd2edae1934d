import type { Acceptance, TrackDescriptor } from 'wcs-core';

/** What a description of RTSP can tell. */
export const RTSP_ACCEPT: readonly Acceptance[] = [
  { kind: 'video', codecs: ['h264', 'hevc', 'vp8', 'vp9', 'av1'] },
  { kind: 'audio', codecs: ['aac', 'opus', 'pcma', 'pcmu', 'g722', 'g729', 'speex', 'l16'] },
];

/** True while a track is what a reader was told: pictures may change their size, since their own parameters come with them. */
export function isDescribedBy(track: TrackDescriptor | undefined, described: TrackDescriptor): boolean {
  // A track that is gone may come back.
  if (track === undefined) return true;
  const isSame = track.codec === described.codec && track.clockRateHz === described.clockRateHz;
  // Every packet of Opus tells how many channels it has.
  if (!isSame || track.kind === 'video' || track.codec === 'opus') return isSame;
  if (track.codec !== 'aac') return track.channels === described.channels;
  const [now, before] = [track.codecConfig, described.codecConfig];
  return now !== undefined && before !== undefined && Buffer.compare(now, before) === 0;
}
