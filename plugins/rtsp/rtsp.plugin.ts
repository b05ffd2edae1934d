import { definePlugin, type PluginInstance } from 'wcs-core';
import { z } from 'zod';
import { PullPort } from './bridge/pull-port.ts';
import type { PullState } from './client/pull.ts';
import { RtspClient } from './client/rtsp-client.ts';
import { clientSettingsSchema } from './client/settings.ts';

const nowMs = (): number => performance.now();
const settingsSchema = z.strictObject({ port: z.number().optional(), client: clientSettingsSchema.prefault({}) });

/** Cameras and servers are pulled by RTSP. */
export default definePlugin({
  manifest: { name: 'rtsp', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<z.output<typeof settingsSchema>> {
    const client = new RtspClient(ctx, ctx.settings.client, new PullPort(nowMs), nowMs);
    return {
      prepare: () => client.prepare(),
      activate: () => client.start(),
      exportSession: (session) => client.exportSession(session),
      importSession: (session, data) => client.importSession(session, data as PullState),
    };
  },
});
