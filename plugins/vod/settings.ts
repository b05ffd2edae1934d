import { z } from 'zod';

/** Settings of the plugin, under `plugins.vod` in wcs.yml. */
export const settingsSchema = z.strictObject({
  /** Where the files are; relative to the working folder. */
  folder: z.string().min(1).default('./media'),
  /** Whether `vod-live://` begins anew at the end of its file. */
  loop: z.boolean().default(false),
  /** Files played at the same time; further ones are refused. */
  maxPlaybacks: z.number().int().min(1).default(500),
});

/** The settings with their defaults filled in. */
export type VodSettings = z.output<typeof settingsSchema>;
