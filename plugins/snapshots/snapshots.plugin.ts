import { definePlugin, SNAPSHOTS, type PluginContext, type PluginInstance } from 'wcs-core';
import { ChildPool, MEDIA_CHILD_ENV } from 'wcs-core/process/child-pool';
import { KeyFrames } from './bridge/key-frames.ts';
import childCode from './child/picture.child.ts?text';
import { FfmpegPictures } from './server/ffmpeg-pictures.ts';
import { NodeAvPictures } from './server/node-av-pictures.ts';
import { registerOperations } from './server/operations.ts';
import { FirstAvailable } from './server/picture-maker.ts';
import { PictureRoute } from './server/picture-route.ts';
import { settingsSchema, type SnapshotsSettings } from './server/settings.ts';
import { SnapshotService } from './server/snapshot-service.ts';

const GROUP = 'snapshots_stats';
const BUCKETS_MS = [10, 30, 100, 300, 1000, 3000];

/** Pictures of running streams, by REST, by HTTP at a fixed address, and for the WebSocket API. */
export default definePlugin({
  manifest: { name: 'snapshots', version: '1.0.0', apiVersion: '^1.0.0', provides: [SNAPSHOTS] },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<SnapshotsSettings> {
    const service = serviceOf(ctx);
    return {
      prepare() {
        ctx.capabilities.provide(SNAPSHOTS, service);
        ctx.metrics.gauge({ name: 'snapshots_running', group: GROUP, help: 'Pictures that are being made.', read: () => service.running });
        registerOperations(ctx, service);
        new PictureRoute(ctx, service).register();
      },
      drain: () => service.idle(),
    };
  },
});

function serviceOf(ctx: PluginContext<SnapshotsSettings>): SnapshotService {
  const { backend, ffmpegPath, freshMs, maxJobs, idleMs } = ctx.settings;
  const pool = new ChildPool({ spawn: () => ctx.spawnModule(childCode, { env: MEDIA_CHILD_ENV }), timers: ctx.timers, owner: ctx.scope, log: ctx.log, maxChildren: maxJobs, idleMs });
  ctx.scope.add('decoders', () => pool.close());
  const makers = [new NodeAvPictures(pool), new FfmpegPictures(ctx, ffmpegPath)].filter(({ name }) => backend === 'auto' || backend === name);
  return new SnapshotService({
    ctx,
    keyFrames: new KeyFrames(ctx, freshMs, () => performance.now()),
    maker: new FirstAvailable(makers),
    metrics: {
      taken: ctx.metrics.counter({ name: 'snapshots_taken', group: GROUP, help: 'Pictures made.' }),
      failed: ctx.metrics.counter({ name: 'snapshots_failed', group: GROUP, help: 'Pictures that could not be made.' }),
      took: ctx.metrics.histogram({ name: 'snapshots_time_ms', group: GROUP, help: 'Time to make a picture, the wait for its key frame included.', bucketsMs: BUCKETS_MS }),
    },
  });
}
