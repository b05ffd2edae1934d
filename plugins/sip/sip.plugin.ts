import { definePlugin, type PluginContext, type PluginInstance } from 'wcs-core';
import { connectSrf } from './calls/connect-srf.ts';
import { SipEngine, type EngineState } from './engine/server/sip-engine.ts';
import { settingsSchema, type SipSettings } from './settings.ts';

const nowMs = (): number => performance.now();

/** SIP: an embedded engine, and the call logic on drachtio-srf on top of it. */
export default definePlugin({
  manifest: { name: 'sip', version: '1.0.0', apiVersion: '^1.0.0', ports: { sip: 'udp:30000', sipTcp: 'tcp:30000', sips: 'tcp:30001' }, handoff: 1 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<SipSettings> {
    const engine = new SipEngine(ctx, ctx.settings.engine, nowMs);
    return {
      async prepare() {
        registerMetrics(ctx, engine);
        const srf = await connectSrf(ctx, await engine.prepare(), false);
        srf.use('options', (_request, response) => response.send(200));
      },
      activate: () => engine.start(),
      exportSession: (session) => (engine.owns(session) ? engine.exportState() : undefined),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => engine.importState(session, data as EngineState),
      drain: (signal) => engine.drain(signal),
    };
  },
});

function registerMetrics({ metrics }: PluginContext<SipSettings>, engine: SipEngine): void {
  metrics.gauge({ name: 'sip_dialogs', group: 'sip_stats', help: 'SIP dialogs: calls and subscriptions.', read: () => engine.counts.dialogs });
  metrics.gauge({ name: 'sip_transactions', group: 'sip_stats', help: 'Open SIP transactions.', read: () => engine.counts.transactions });
  metrics.gauge({ name: 'sip_connections', group: 'sip_stats', help: 'SIP connections over TCP and TLS.', read: () => engine.counts.connections });
  metrics.gauge({ name: 'sip_messages_received', group: 'sip_stats', help: 'SIP messages received since the plugin was loaded.', read: () => engine.counters.received });
  metrics.gauge({ name: 'sip_messages_malformed', group: 'sip_stats', help: 'SIP messages refused as malformed since the plugin was loaded.', read: () => engine.counters.malformed });
  metrics.gauge({ name: 'sip_messages_dropped', group: 'sip_stats', help: 'SIP messages dropped at the limit of their source since the plugin was loaded.', read: () => engine.counters.dropped });
}
