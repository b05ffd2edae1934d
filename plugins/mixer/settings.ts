import { z } from 'zod';
import { OPUS_COMPLEXITY } from 'wcs-core/process/opus-options';
import type { DesktopAlign } from './layout/layout.ts';

const even = z.number().int().min(16).max(4096).refine((pixels) => pixels % 2 === 0, 'even, for chroma has half the resolution');
const ALIGNS = ['TOP', 'LEFT', 'RIGHT', 'BOTTOM', 'CENTER'] as const satisfies readonly DesktopAlign[];

/** What holds for mixers unless their start says otherwise. */
export const mixSettings = z.object({
  width: even.default(1280),
  height: even.default(720),
  fps: z.number().int().min(1).max(60).default(25),
  videoBitrateKbps: z.number().int().min(64).max(50_000).default(2000),
  keyFrameIntervalFrames: z.number().int().min(1).max(600).default(50),
  preset: z.enum(['ultrafast', 'superfast', 'veryfast', 'faster', 'fast']).default('veryfast'),
  layout: z.enum(['grid', 'gridNoPadding', 'crop', 'pictureInPicture']).default('grid'),
  desktopName: z.string().default('desktop'),
  desktopAlign: z.enum(ALIGNS).default('TOP'),
  voiceActivity: z.boolean().default(true),
  silenceDb: z.number().min(-100).max(0).default(-50),
  audioCodec: z.enum(['opus', 'aac', 'pcma', 'pcmu']).default('opus'),
  audioChannels: z.number().int().min(1).max(2).default(2),
  /** Of libopus: 0 costs least, 10 sounds best. */
  opusComplexity: z.number().int().min(0).max(10).default(OPUS_COMPLEXITY),
  maxDelayMs: z.number().int().min(20).max(1000).default(200),
  mcuAudio: z.boolean().default(true),
  mcuVideo: z.boolean().default(false),
  displayStreamNames: z.boolean().default(false),
  captionSizePx: z.number().int().min(8).max(200).default(20),
  captionAudioOnlySizePx: z.number().int().min(8).max(200).default(40),
});

/** Settings under `plugins.mixer` of wcs.yml; README.md says what each does. */
export const configSchema = mixSettings.extend({
  /** Of captions; empty: no captions. */
  captionFont: z.string().default('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'),
  /** Where watermarks, backgrounds and avatars are; relative to the working folder. */
  picturesFolder: z.string().min(1).default('./pictures'),
  /** Where folders of layouts are; relative to the working folder. */
  layoutsFolder: z.string().min(1).default('./layouts'),
  autoStart: z.boolean().default(true),
  idleMs: z.number().int().min(1000).max(3_600_000).default(10_000),
  maxMixers: z.number().int().min(1).max(1000).default(20),
  maxInputs: z.number().int().min(1).max(1000).default(100),
});

/** The settings with their defaults filled in. */
export type MixerSettings = z.output<typeof configSchema>;
/** Those that a mixer may have of its own. */
export type MixSettings = z.output<typeof mixSettings>;
