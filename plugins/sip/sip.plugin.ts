import { definePlugin, TELEPHONY, type PluginContext, type PluginInstance } from 'wcs-core';
import { registerApiOperations } from './calls/api-operations.ts';
import { connectSrf } from './calls/connect-srf.ts';
import { registerCallOperations } from './calls/operations.ts';
import { TELEPHONY_MEDIA } from './calls/phone-clients.ts';
import { Switchboard, type BoardSession, type BoardShared } from './calls/switchboard.ts';
import { SipEngine, type EngineState } from './engine/server/sip-engine.ts';
import { MediaPort } from './media/bridge/media-port.ts';
import { settingsSchema, type SipSettings } from './settings.ts';

/** A session as plain data; its shape is what the manifest's `handoff` number stands for. */
type SessionData = { readonly type: 'engine'; readonly engine: EngineState; readonly shared: BoardShared } | BoardSession;

const nowMs = (): number => performance.now();

/** SIP: an embedded engine, and accounts and calls on drachtio-srf on top of it. */
export default definePlugin({
  manifest: { name: 'sip', version: '1.0.0', apiVersion: '^1.0.0', provides: [TELEPHONY, TELEPHONY_MEDIA], ports: { sip: 'udp:30000', sipTcp: 'tcp:30000', sips: 'tcp:30001' }, handoff: 3 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<SipSettings> {
    const { settings } = ctx;
    const engine = new SipEngine(ctx, settings.engine, nowMs);
    const { codecs, secure, symmetric, graceMs } = settings.media;
    const media = new MediaPort({ ctx, nowMs, codecs, security: secure, latchMode: symmetric, graceMs, addressTowards: (host) => engine.hostTowards(host) });
    const board = new Switchboard(ctx, settings, media, nowMs, engine);
    engine.onConnectionLost = (target) => board.registrar.onFlowLost(target);
    return {
      async prepare() {
        registerMetrics(ctx, engine, board);
        registerCallOperations(ctx.operations, board);
        registerApiOperations(ctx.operations, board);
        ctx.capabilities.provide(TELEPHONY, board.clients);
        ctx.capabilities.provide(TELEPHONY_MEDIA, board.clients);
        await media.prepare();
        const access = await engine.prepare();
        board.connected(await connectSrf(ctx, access, board.handlers, false));
        await engine.routed(Object.keys(board.handlers));
      },
      activate() {
        engine.start();
        board.start();
      },
      exportSession: (session): SessionData | undefined => (engine.owns(session) ? { type: 'engine', engine: engine.exportState(), shared: board.exportShared() } : board.exportSession(session)),
      importSession(session, saved) {
        // Written by `exportSession` of a version with the same `handoff` number.
        const data = saved as SessionData;
        if (data.type === 'engine') {
          engine.importState(session, data.engine);
          board.importShared(data.shared);
        } else board.importSession(session, data);
      },
      drain: (signal) => engine.drain(signal),
    };
  },
});

function registerMetrics({ metrics }: PluginContext<SipSettings>, engine: SipEngine, board: Switchboard): void {
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge({ name, group: 'sip_stats', help, read });
  gauge('sip_calls', 'Calls, those among them that ring.', () => board.calls.all.length);
  gauge('sip_accounts', 'Telephone accounts that are to be registered.', () => board.registrar.size);
  gauge('sip_accounts_registered', 'Telephone accounts that are registered.', () => board.registrar.registered);
  gauge('sip_dialogs', 'SIP dialogs: calls and subscriptions.', () => engine.counts.dialogs);
  gauge('sip_transactions', 'Open SIP transactions.', () => engine.counts.transactions);
  gauge('sip_connections', 'SIP connections over TCP and TLS.', () => engine.counts.connections);
  gauge('sip_messages_received', 'SIP messages received since the plugin was loaded.', () => engine.counters.received);
  gauge('sip_messages_malformed', 'SIP messages refused as malformed since the plugin was loaded.', () => engine.counters.malformed);
  gauge('sip_messages_dropped', 'SIP messages dropped at the limit of their source since the plugin was loaded.', () => engine.counters.dropped);
}
