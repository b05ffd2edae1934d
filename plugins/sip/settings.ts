import { z } from 'zod';
import { callSettings } from './calls/settings.ts';
import { engineSettingsSchema } from './engine/server/settings.ts';

/** Settings of the plugin, under `plugins.sip` in wcs.yml. */
export const settingsSchema = z.strictObject({
  engine: engineSettingsSchema.prefault({}),
  ...callSettings,
});

/** The settings with their defaults filled in. */
export type SipSettings = z.output<typeof settingsSchema>;
