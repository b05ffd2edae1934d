import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { BusPort } from './bridge/bus-port.ts';
import { FromBus } from './bridge/from-bus.ts';
import { PullMedia } from './bridge/pull-media.ts';
import { PushMedia } from './bridge/push-media.ts';
import { registerPullOperations } from './client/pull-operations.ts';
import { PullSource } from './client/pull-source.ts';
import { registerPushOperations } from './client/push-operations.ts';
import type { RelayState } from './client/relay.ts';
import type { RelayPort } from './client/relay-media.ts';
import { Relays } from './client/relays.ts';
import { RtmpServer } from './server/rtmp-server.ts';
import type { PeerState } from './server/rtmp-peer.ts';
import { settingsSchema, type RtmpSettings } from './server/settings.ts';

const nowMs = (): number => performance.now();

/** A session moves as a connection that came to us, or as one that we made. */
type Moved = { readonly peer: PeerState } | { readonly relay: RelayState };

/** RTMP and RTMPS: encoders publish to, and players play from, the media bus; streams are pushed to and pulled from other servers. */
export default definePlugin({
  manifest: { name: 'rtmp', version: '1.0.0', apiVersion: '^1.0.0', ports: { rtmp: 'tcp:1935', rtmps: 'tcp:1936' }, handoff: 2 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<RtmpSettings> {
    const server = new RtmpServer(ctx, new BusPort(ctx, new FromBus(ctx), nowMs), nowMs);
    const relays = new Relays(ctx, relayPort(ctx), nowMs);
    const source = new PullSource(relays);
    return {
      async prepare() {
        registerMetrics(ctx, server, relays);
        registerPushOperations(ctx, relays);
        registerPullOperations(ctx, relays);
        source.register(ctx);
        await server.listen();
      },
      activate() {
        server.start();
        relays.start();
      },
      exportSession(session): Moved | undefined {
        const relay = relays.exportSession(session);
        if (relay !== undefined) return { relay };
        const peer = server.exportSession(session);
        return peer === undefined ? undefined : { peer };
      },
      importSession(session, data) {
        // Written by `exportSession` of a version with the same `handoff` number.
        const moved = data as Moved;
        if ('peer' in moved) server.importSession(session, moved.peer);
        else source.adopt(relays.importSession(session, moved.relay));
      },
    };
  },
});

function relayPort(ctx: PluginContext<RtmpSettings>): RelayPort {
  return { push: (host, restored) => new PushMedia(ctx, host, restored), pull: (host, restored) => new PullMedia(ctx, host, nowMs, restored) };
}

function registerMetrics(ctx: PluginContext<RtmpSettings>, server: RtmpServer, relays: Relays): void {
  const gauge = (name: string, group: string, help: string, read: () => number): void => ctx.metrics.gauge({ name, group, help, read });
  gauge('connections_rtmp', 'connections_stats', 'RTMP connections.', () => server.connections);
  gauge('streams_rtmp_in', 'streams_stats', 'Streams published by RTMP.', () => server.count('publish'));
  gauge('streams_rtmp_out', 'streams_stats', 'Streams played by RTMP.', () => server.count('play'));
  gauge('streams_rtmp_pulled', 'streams_stats', 'Streams pulled from RTMP servers.', () => relays.pulls.length);
  gauge('streams_rtmp_pushed', 'streams_stats', 'Streams pushed to RTMP servers.', () => relays.pushes.length);
}
