import { z } from 'zod';

/** Settings of the plugin, under `plugins.snapshots` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** What decodes: `node-av` (in a child process), a system `ffmpeg`, or the first of them that is there. */
  backend: z.enum(['auto', 'node-av', 'ffmpeg']).default('auto'),
  /** The ffmpeg program. */
  ffmpegPath: z.string().min(1).default('ffmpeg'),
  /** From the question to the picture, the wait for a key frame included, in milliseconds. */
  timeoutMs: z.number().int().min(100).max(60_000).default(3000),
  /** A picture (or a failure) is given again to all who ask within this time, in milliseconds. */
  minIntervalMs: z.number().int().min(0).max(3_600_000).default(1000),
  /** Of a publisher that makes key frames on request, an older key frame than this is not taken, in milliseconds. */
  freshMs: z.number().int().min(0).max(3_600_000).default(2000),
  /** Pictures made at a time; each takes a process. */
  maxJobs: z.number().int().min(1).max(64).default(2),
  /** How long a decoder's process without work is kept, in milliseconds. */
  idleMs: z.number().int().min(0).max(3_600_000).default(60_000),
  /** Pictures of one stream that one address may fetch by HTTP in a minute. */
  requestsPerMinute: z.number().int().min(1).max(60_000).default(120),
});

/** The settings with their defaults filled in. */
export type SnapshotsSettings = z.output<typeof settingsSchema>;
