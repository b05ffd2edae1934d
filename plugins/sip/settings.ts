import { z } from 'zod';
import { callSettings } from './calls/settings.ts';
import { drachtioSettingsSchema } from './drachtio/settings.ts';
import { engineSettingsSchema } from './engine/server/settings.ts';

/** Settings of the plugin, under `plugins.sip` in wcs.yml. */
export const settingsSchema = z
  .strictObject({
    engine: engineSettingsSchema.prefault({}),
    drachtio: drachtioSettingsSchema.prefault({}),
    ...callSettings,
  })
  .refine(({ drachtio, localCalls }) => !localCalls || drachtio.hosts.length === 0, { path: ['localCalls'], message: 'only the embedded engine has calls without an exchange; leave drachtio.hosts empty' });

/** The settings with their defaults filled in. */
export type SipSettings = z.output<typeof settingsSchema>;
