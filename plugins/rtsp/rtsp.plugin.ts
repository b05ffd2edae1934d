import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { BusPort } from './bridge/bus-port.ts';
import { SharedPlayerPorts } from './server/player-ports.ts';
import { RtspServer, type RtspSessionState } from './server/rtsp-server.ts';
import { settingsSchema, type RtspSettings } from './settings.ts';

const nowMs = (): number => performance.now();

/** RTSP and RTSPS server: encoders publish to, and players play from, the media bus. */
export default definePlugin({
  manifest: { name: 'rtsp', version: '1.0.0', apiVersion: '^1.0.0', ports: { rtsp: 'tcp:554', rtsps: 'tcp:322' }, handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<RtspSettings> {
    const ports = new SharedPlayerPorts(ctx);
    const server = new RtspServer(ctx, new BusPort(ctx, ports, nowMs), ports, nowMs);
    return {
      async prepare() {
        registerMetrics(ctx, server);
        await server.listen();
      },
      activate: () => server.start(),
      exportSession: (session) => server.exportSession(session),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => server.importSession(session, data as RtspSessionState),
    };
  },
});

function registerMetrics(ctx: PluginContext<RtspSettings>, server: RtspServer): void {
  ctx.metrics.gauge({ name: 'connections_rtsp', group: 'connections_stats', help: 'RTSP connections.', read: () => server.connections });
  ctx.metrics.gauge({ name: 'streams_rtsp_in', group: 'streams_stats', help: 'Streams published by RTSP.', read: () => server.count('publish') });
  ctx.metrics.gauge({ name: 'streams_rtsp_out', group: 'streams_stats', help: 'Streams played by RTSP.', read: () => server.count('play') });
}
