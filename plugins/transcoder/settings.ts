import { z } from 'zod';

/** Settings under `plugins.transcoder` of wcs.yml; README.md says what each does. */
export const settingsSchema = z.strictObject({
  transcodingDisabled: z.boolean().default(false),
  /** `auto`: node-av where it loads, else the system's ffmpeg. */
  backEnd: z.enum(['auto', 'node-av', 'ffmpeg']).default('auto'),
  /** Child processes that share the work; 0: one for each core. */
  maxChildren: z.number().int().min(0).max(256).default(0),
  /** Tracks made at a time, and share of all cores beyond which no further one is begun. */
  maxJobs: z.number().int().min(1).max(10_000).default(200),
  maxCpuPercent: z.number().min(1).max(100).default(90),
  /** How long a child process without work stays. */
  idleMs: z.number().int().min(100).max(3_600_000).default(10_000),
  /** Of x264. */
  preset: z.enum(['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium']).default('veryfast'),
  /** Between two key frames that nobody asked for. */
  keyFrameIntervalMs: z.number().int().min(200).max(60_000).default(2000),
});

/** The settings with their defaults filled in. */
export type TranscoderSettings = z.output<typeof settingsSchema>;
