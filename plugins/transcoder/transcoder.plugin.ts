import { availableParallelism } from 'node:os';
import { definePlugin, messageOf, type PluginContext, type PluginInstance } from 'wcs-core';
import { ChildPool, MEDIA_CHILD_ENV } from 'wcs-core/process/child-pool';
import { PictureFiles } from 'wcs-core/process/picture-files';
import type { RepublishState } from './bridge/republisher.ts';
import { TrackTranscoder } from './bridge/track-transcoder.ts';
import childModule from './child/transcoder.child.ts?text';
import { NodeAvProcessor } from './processor/node-av-processor.ts';
import { FfmpegProcessor } from './ffmpeg/ffmpeg-processor.ts';
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
        const pictures = new PictureFiles(ctx.settings.picturesFolder);
        transcoder = new TrackTranscoder(ctx, processor, pictures);
        ctx.media.registerTranscoder(transcoder);
        ctx.media.registerResolver({ name: 'transcoder profiles', order: PROFILE_ORDER, resolve: (name) => managed.resolveProfile(name) });
        registerOperations(ctx, managed, pictures);
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
  const { backEnd } = ctx.settings;
  const openers = { 'node-av': openNodeAv, ffmpeg: ({ scope }: PluginContext) => FfmpegProcessor.open(scope) };
  for (const name of ['node-av', 'ffmpeg'] as const) {
    if (backEnd !== 'auto' && backEnd !== name) continue;
    try {
      return await openers[name](ctx);
    } catch (error) {
      ctx.log.warn(`${name} does not work here`, { reason: messageOf(error) });
    }
  }
  ctx.log.warn('Nothing is transcoded: install node-av, or ffmpeg on the path');
  return undefined;
}

function openNodeAv(ctx: PluginContext<TranscoderSettings>): Promise<MediaProcessor> {
  const { maxChildren, idleMs } = ctx.settings;
  const pool = new ChildPool({
    spawn: () => ctx.spawnModule(childModule, { env: MEDIA_CHILD_ENV }),
    timers: ctx.timers,
    owner: ctx.scope,
    log: ctx.log,
    maxChildren: maxChildren === 0 ? availableParallelism() : maxChildren,
    idleMs,
    keepsSpare: true,
  });
  ctx.scope.add('media children', () => pool.close());
  return NodeAvProcessor.open(pool);
}

function registerMetrics(ctx: PluginContext<TranscoderSettings>, transcoder: TrackTranscoder, processor: MediaProcessor): void {
  const group = 'transcoder_stats';
  ctx.metrics.gauge({ name: 'transcoder_tracks', group, help: 'Tracks that are made of others.', read: () => transcoder.jobs });
  ctx.metrics.gauge({ name: 'transcoder_sources', group, help: 'Tracks that are decoded.', read: () => transcoder.sources });
  ctx.metrics.gauge({ name: 'transcoder_processes', group, help: 'Processes that decode and encode.', read: () => processor.processes });
  ctx.metrics.gauge({ name: 'transcoder_cores', group, help: 'Processor cores that they use.', read: () => Math.round(processor.cores * 100) / 100 });
}
