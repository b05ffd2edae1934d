import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { Playbacks } from './bridge/playbacks.ts';
import type { PlaybackState } from './bridge/playback.ts';
import { registerOperations } from './server/operations.ts';
import { settingsSchema, type VodSettings } from './settings.ts';

/** Video on demand: MP4 and Matroska files as streams, shared or a copy for each reader. */
export default definePlugin({
  manifest: { name: 'vod', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<VodSettings> {
    const playbacks = new Playbacks(ctx);
    return {
      prepare() {
        ctx.media.registerSource(playbacks.source('vod'));
        ctx.media.registerSource(playbacks.source('vod-live'));
        registerOperations(ctx, playbacks);
        registerMetrics(ctx, playbacks);
      },
      activate: () => playbacks.watchReaders(),
      exportSession: (session) => playbacks.exportSession(session),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => playbacks.importSession(session, data as PlaybackState),
    };
  },
});

function registerMetrics(ctx: PluginContext<VodSettings>, playbacks: Playbacks): void {
  ctx.metrics.gauge({ name: 'streams_vod_live', group: 'streams_stats', help: 'Files played to all their readers together.', read: () => playbacks.count(false) });
  ctx.metrics.gauge({ name: 'streams_vod', group: 'streams_stats', help: 'Files played to one reader each.', read: () => playbacks.count(true) });
  ctx.metrics.gauge({ name: 'vod_late', group: 'streams_stats', help: 'Times that a file could not be read in time.', read: () => playbacks.late });
}
