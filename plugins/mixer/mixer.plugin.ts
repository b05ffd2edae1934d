import { definePlugin, type PluginInstance } from 'wcs-core';
import type { MixerState } from './bridge/mixer.ts';
import { Mixers } from './bridge/mixers.ts';
import { registerOperations } from './bridge/operations.ts';
import { configSchema, type MixerSettings } from './settings.ts';

/** Mixes streams into one: pictures on one canvas, sound summed, and for each participant the sum without the own voice. */
export default definePlugin({
  manifest: { name: 'mixer', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema,
  create(ctx): PluginInstance<MixerSettings> {
    const mixers = new Mixers(ctx, () => performance.now());
    return {
      prepare() {
        registerOperations(ctx, mixers);
        ctx.metrics.gauge({ name: 'mixers', group: 'mixer_stats', help: 'Mixers at work.', read: () => mixers.all.length });
        ctx.metrics.gauge({ name: 'mixer_inputs', group: 'mixer_stats', help: 'Streams that go into mixers.', read: () => mixers.all.reduce((sum, { inputs }) => sum + inputs.length, 0) });
      },
      activate: () => mixers.start(),
      exportSession: (session) => mixers.exportSession(session),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => mixers.importSession(session, data as MixerState),
    };
  },
});
