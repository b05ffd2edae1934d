import { z } from 'zod';
import { OPUS_COMPLEXITY } from 'wcs-core/process/opus-options';
import { DEFAULT_PROFILES, profileSchema } from './managed/profiles.ts';

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
  /** Where watermarks are; relative to the working folder. */
  picturesFolder: z.string().min(1).default('./pictures'),
  /** Of x264. */
  preset: z.enum(['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium']).default('veryfast'),
  /** Of libopus: 0 costs least, 10 sounds best. */
  opusComplexity: z.number().int().min(0).max(10).default(OPUS_COMPLEXITY),
  /** Between two key frames that nobody asked for. */
  keyFrameIntervalMs: z.number().int().min(200).max(60_000).default(2000),
  /** `NAME-PROFILE` is the stream `NAME` made like this, as soon as somebody asks for it. */
  profiles: z.record(z.string().regex(/^[A-Za-z0-9_]{1,32}$/), profileSchema).prefault(DEFAULT_PROFILES),
  /** How long such a stream goes on without readers. */
  profileIdleMs: z.number().int().min(1000).max(3_600_000).default(15_000),
});

/** The settings with their defaults filled in. */
export type TranscoderSettings = z.output<typeof settingsSchema>;
