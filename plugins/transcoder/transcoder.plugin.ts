import { availableParallelism } from 'node:os';
import { definePlugin, messageOf, type PluginContext, type PluginInstance } from 'wcs-core';
import { ChildPool } from 'wcs-core/process/child-pool';
import type { RepublishState } from './bridge/republisher.ts';
import { TrackTranscoder } from './bridge/track-transcoder.ts';
import childModule from './child/transcoder.child.ts?text';
import { CHILD_ENV, NodeAvProcessor } from './processor/node-av-processor.ts';
import { ManagedStreams } from './managed/managed-streams.ts';
import { registerOperations } from './managed/operations.ts';
import type { MediaProcessor } from './processor/processor.ts';
import { settingsSchema, type TranscoderSettings } from './settings.ts';

/** Before those who ask other servers. */
const PROFILE_ORDER = 10;

/** Makes tracks of other codecs, sizes and rates for readers that need them. */
export default definePlugin({
  manifest: { name: 'transcoder', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<TranscoderSettings> {
    let transcoder: TrackTranscoder | undefined;
    const managed = new ManagedStreams(ctx);
    return {
      async prepare() {
        const processor = await openProcessor(ctx);
        if (processor === undefined) return;
        transcoder = new TrackTranscoder(ctx, processor);
        ctx.media.registerTranscoder(transcoder);
        ctx.media.registerResolver({ name: 'transcoder profiles', order: PROFILE_ORDER, resolve: (name) => managed.resolveProfile(name) });
        registerOperations(ctx, managed);
        registerMetrics(ctx, transcoder, processor);
      },
      exportSession: (session) => managed.find(session)?.state,
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => managed.resume(session, data as RepublishState),
      drain: (signal) => transcoder?.drained(signal) ?? Promise.resolve(),
    };
  },
});

/** The first back end that works; without any, streams are served as they are. */
async function openProcessor(ctx: PluginContext<TranscoderSettings>): Promise<MediaProcessor | undefined> {
  const { backEnd, maxChildren, idleMs } = ctx.settings;
  const pool = new ChildPool({
    spawn: () => ctx.spawnModule(childModule, { env: CHILD_ENV }),
    timers: ctx.timers,
    log: ctx.log,
    maxChildren: maxChildren === 0 ? availableParallelism() : maxChildren,
    idleMs,
  });
  ctx.scope.add('media children', () => pool.close());
  try {
    return await NodeAvProcessor.open(pool);
  } catch (error) {
    ctx.log.warn('node-av does not load; tracks are not transcoded', { backEnd, reason: messageOf(error) });
    return undefined;
  }
}

function registerMetrics(ctx: PluginContext<TranscoderSettings>, transcoder: TrackTranscoder, processor: MediaProcessor): void {
  const group = 'transcoder_stats';
  ctx.metrics.gauge({ name: 'transcoder_tracks', group, help: 'Tracks that are made of others.', read: () => transcoder.jobs });
  ctx.metrics.gauge({ name: 'transcoder_sources', group, help: 'Tracks that are decoded.', read: () => transcoder.sources });
  ctx.metrics.gauge({ name: 'transcoder_processes', group, help: 'Processes that decode and encode.', read: () => processor.pids.length });
  ctx.metrics.gauge({ name: 'transcoder_cores', group, help: 'Processor cores that they use.', read: () => Math.round(processor.cores * 100) / 100 });
}
