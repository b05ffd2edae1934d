import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { MseBus } from './bridge/mse-player.ts';
import type { PeerState } from './server/client-peer.ts';
import { settingsSchema, type WebSocketSettings } from './server/settings.ts';
import { COMMON, SignallingServer } from './server/signalling-server.ts';
import { PHONE_LISTENER } from './server/phone-desk.ts';
import { MEDIA_LISTENER } from './server/stream-desk.ts';

const nowMs = (): number => performance.now();

/** WebSocket server: the signalling of browsers, their rooms and data, and playback by Media Source Extensions. */
export default definePlugin({
  manifest: {
    name: 'websocket',
    version: '1.0.0',
    apiVersion: '^1.0.0',
    provides: [MEDIA_LISTENER, PHONE_LISTENER, COMMON],
    ports: { ws: 'tcp:8080', wss: 'tcp:8443' },
    handoff: 2,
  },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<WebSocketSettings> {
    const server = new SignallingServer(ctx, new MseBus(ctx), nowMs);
    return {
      async prepare() {
        ctx.capabilities.provide(MEDIA_LISTENER, server);
        ctx.capabilities.provide(PHONE_LISTENER, server);
        ctx.capabilities.provide(COMMON, server);
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

function registerMetrics(ctx: PluginContext<WebSocketSettings>, server: SignallingServer): void {
  ctx.metrics.gauge({ name: 'connections_websocket', group: 'connections_stats', help: 'Open WebSockets.', read: () => server.sockets });
  ctx.metrics.gauge({ name: 'streams_websocket_out', group: 'streams_stats', help: 'Streams played over WebSockets.', read: () => server.mediaSockets });
}
