import type { Acceptance, TrackTarget } from 'wcs-core';
import { z } from 'zod';

const side = z.number().int().min(16).max(8192);

/** How a stream `NAME-PROFILE` is made of the stream `NAME`; what isn't stated stays as published. */
export const profileSchema = z.strictObject({
  width: side.optional(),
  height: side.optional(),
  fps: z.number().min(1).max(120).optional(),
  /** Kilobits a second. */
  bitrate: z.number().int().min(50).max(100_000).optional(),
  /** Between key frames; equal in profiles of one ladder, so that a player may change between them at each. */
  keyFrameIntervalMs: z.number().int().min(200).max(60_000).default(2000),
  videoCodec: z.enum(['h264', 'vp8']).default('h264'),
  audioCodec: z.enum(['aac', 'opus']).default('aac'),
  audioRate: z.number().int().min(8000).max(48_000).optional(),
  /** Kilobits a second. */
  audioBitrate: z.number().int().min(8).max(512).optional(),
});

/** A profile with its defaults filled in. */
export type Profile = z.output<typeof profileSchema>;

/** The ladder of who writes none. */
export const DEFAULT_PROFILES = {
  '720p': { height: 720, bitrate: 2300 },
  '480p': { height: 480, bitrate: 1100 },
  '360p': { height: 360, bitrate: 650 },
  '240p': { height: 240, bitrate: 350 },
} as const;

/** What a reader accepts that wants a stream as the profile says. */
export function acceptanceOfProfile(profile: Profile): readonly Acceptance[] {
  const { width, height, fps, bitrate, keyFrameIntervalMs, videoCodec, audioCodec, audioRate, audioBitrate } = profile;
  const picture: TrackTarget = {
    keyFrameIntervalUs: keyFrameIntervalMs * 1000,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(fps === undefined ? {} : { frameRate: fps }),
    ...(bitrate === undefined ? {} : { bitrateBps: bitrate * 1000 }),
  };
  const sound: TrackTarget = { ...(audioRate === undefined ? {} : { sampleRateHz: audioRate }), ...(audioBitrate === undefined ? {} : { bitrateBps: audioBitrate * 1000 }) };
  const soundIsAsPublished = Object.keys(sound).length === 0;
  return [
    { kind: 'video', codecs: [videoCodec], target: picture },
    { kind: 'audio', codecs: [audioCodec], ...(soundIsAsPublished ? {} : { target: sound }) },
  ];
}

/**
 * True for a profile that is made of a picture of that height: none is made larger, but the smallest one is always there.
 */
export function isInLadder(name: string, profiles: Readonly<Record<string, Profile>>, sourceHeight: number | undefined): boolean {
  const { height } = profiles[name] ?? {};
  if (height === undefined || sourceHeight === undefined || height <= sourceHeight) return true;
  const heights = Object.values(profiles).map((profile) => profile.height ?? 0);
  return height === Math.min(...heights);
}
