import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { BusPort } from './bridge/bus-port.ts';
import { PullPort } from './bridge/pull-port.ts';
import type { PullState } from './client/pull.ts';
import { RtspClient } from './client/rtsp-client.ts';
import { SharedPlayerPorts } from './server/player-ports.ts';
import { RtspServer, type RtspSessionState } from './server/rtsp-server.ts';
import { settingsSchema, type RtspSettings } from './settings.ts';

/** A session of either side as plain data; its shape is what the manifest's `handoff` number stands for. */
type SessionData = RtspSessionState | { readonly type: 'pull'; readonly state: PullState };

const nowMs = (): number => performance.now();

/** RTSP and RTSPS: encoders publish to, and players play from, the media bus; cameras and servers are pulled. */
export default definePlugin({
  manifest: { name: 'rtsp', version: '1.0.0', apiVersion: '^1.0.0', ports: { rtsp: 'tcp:554', rtsps: 'tcp:322' }, handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<RtspSettings> {
    const ports = new SharedPlayerPorts(ctx);
    const server = new RtspServer(ctx, new BusPort(ctx, ports, nowMs), ports, nowMs);
    const client = new RtspClient(ctx, ctx.settings.client, new PullPort(nowMs), nowMs);
    return {
      async prepare() {
        registerMetrics(ctx, server);
        client.prepare();
        await server.listen();
      },
      activate() {
        server.start();
        client.start();
      },
      exportSession(session): SessionData | undefined {
        const pull = client.exportSession(session);
        return pull === undefined ? server.exportSession(session) : { type: 'pull', state: pull };
      },
      importSession(session, saved) {
        const data = saved as SessionData;
        if (data.type === 'pull') client.importSession(session, data.state);
        else server.importSession(session, data);
      },
    };
  },
});

function registerMetrics(ctx: PluginContext<RtspSettings>, server: RtspServer): void {
  ctx.metrics.gauge({ name: 'connections_rtsp', group: 'connections_stats', help: 'RTSP connections.', read: () => server.connections });
  ctx.metrics.gauge({ name: 'streams_rtsp_in', group: 'streams_stats', help: 'Streams published by RTSP.', read: () => server.count('publish') });
  ctx.metrics.gauge({ name: 'streams_rtsp_out', group: 'streams_stats', help: 'Streams played by RTSP.', read: () => server.count('play') });
}
