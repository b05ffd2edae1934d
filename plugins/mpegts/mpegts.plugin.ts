import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { ToBus, type ToBusState } from './bridge/to-bus.ts';
import type { IngestState, SinkMaker } from './server/ingest.ts';
import { MpegTsServer, OPEN_PORTS } from './server/mpegts-server.ts';
import { registerOperations } from './server/operations.ts';
import { settingsSchema, type MpegTsSettings } from './server/settings.ts';

const GROUP = 'mpegts_stats';
const nowMs = (): number => performance.now();

/** MPEG transport streams that are sent to this server, over UDP or SRT. */
export default definePlugin({
  manifest: { name: 'mpegts', version: '1.0.0', apiVersion: '^1.0.0', provides: [OPEN_PORTS], ports: { mpegts: 'udp:31000-31999' }, handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<MpegTsSettings> {
    const makeSink: SinkMaker = (publication, { hasAudio, hasVideo }, state) =>
      // Written by `exportState` of a version with the same `handoff` number.
      new ToBus(publication, { audio: hasAudio, video: hasVideo }, ctx.log, nowMs, state as ToBusState | undefined);
    const server = new MpegTsServer(ctx, makeSink, nowMs);
    return {
      async prepare() {
        await server.prepare();
        ctx.capabilities.provide(OPEN_PORTS, server);
        registerOperations(ctx, server);
        registerMetrics(ctx, server);
      },
      activate: () => server.start(),
      exportSession: (session) => server.exportSession(session),
      importSession: (session, data) => server.importSession(session, data as IngestState),
    };
  },
});

function registerMetrics(ctx: PluginContext, server: MpegTsServer): void {
  const sum = (count: (ingest: (typeof server.ingests)[number]) => number) => () => server.ingests.reduce((total, ingest) => total + count(ingest), 0);
  ctx.metrics.gauge({ name: 'streams_mpegts_in', group: 'streams_stats', help: 'Streams published by MPEG-TS.', read: sum(({ isPublishing }) => (isPublishing ? 1 : 0)) });
  ctx.metrics.gauge({ name: 'mpegts_ingests', group: GROUP, help: 'Ports that are open for MPEG-TS.', read: () => server.ingests.length });
  ctx.metrics.gauge({ name: 'mpegts_gaps', group: GROUP, help: 'Places in the present streams where packets are missing.', read: sum(({ counters }) => counters.gaps) });
  ctx.metrics.gauge({ name: 'mpegts_refused', group: GROUP, help: 'Datagrams for the present streams that came from elsewhere or were no transport stream.', read: sum(({ refused }) => refused) });
}
