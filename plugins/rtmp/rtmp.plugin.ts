import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { BusPort } from './bridge/bus-port.ts';
import { FromBus } from './bridge/from-bus.ts';
import { RtmpServer } from './server/rtmp-server.ts';
import type { PeerState } from './server/rtmp-peer.ts';
import { settingsSchema, type RtmpSettings } from './server/settings.ts';

const nowMs = (): number => performance.now();

/** RTMP and RTMPS server: encoders publish to, and players play from, the media bus. */
export default definePlugin({
  manifest: { name: 'rtmp', version: '1.0.0', apiVersion: '^1.0.0', ports: { rtmp: 'tcp:1935', rtmps: 'tcp:1936' }, handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<RtmpSettings> {
    const server = new RtmpServer(ctx, new BusPort(ctx, new FromBus(ctx), nowMs), nowMs);
    return {
      async prepare() {
        registerMetrics(ctx, server);
        await server.listen();
      },
      activate: () => server.start(),
      exportSession: (session) => server.exportSession(session),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => server.importSession(session, data as PeerState),
    };
  },
});

function registerMetrics(ctx: PluginContext<RtmpSettings>, server: RtmpServer): void {
  ctx.metrics.gauge({ name: 'connections_rtmp', group: 'connections_stats', help: 'RTMP connections.', read: () => server.connections });
  ctx.metrics.gauge({ name: 'streams_rtmp_in', group: 'streams_stats', help: 'Streams published by RTMP.', read: () => server.count('publish') });
  ctx.metrics.gauge({ name: 'streams_rtmp_out', group: 'streams_stats', help: 'Streams played by RTMP.', read: () => server.count('play') });
}
