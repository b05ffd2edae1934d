import { definePlugin, TELEPHONY, type PluginContext, type PluginInstance } from 'wcs-core';
import { Agents } from './calls/agents.ts';
import { registerApiOperations } from './calls/api-operations.ts';
import { registerCallOperations } from './calls/operations.ts';
import { TELEPHONY_MEDIA } from './calls/phone-clients.ts';
import { Switchboard, type BoardSession, type BoardShared } from './calls/switchboard.ts';
import { DrachtioHosts } from './drachtio/client/drachtio-hosts.ts';
import { SipEngine } from './engine/server/sip-engine.ts';
import type { SipStack } from './engine/sip-stack.ts';
import { MediaPort } from './media/bridge/media-port.ts';
import { settingsSchema, type SipSettings } from './settings.ts';

/** A session as plain data; its shape is what the manifest's `handoff` number stands for. */
type SessionData = { readonly type: 'stack'; readonly stack: unknown; readonly shared: BoardShared } | BoardSession;

const nowMs = (): number => performance.now();

/** SIP: an embedded engine or drachtio-servers elsewhere, and accounts and calls on drachtio-srf on top of it. */
export default definePlugin({
  manifest: { name: 'sip', version: '1.0.0', apiVersion: '^1.0.0', provides: [TELEPHONY, TELEPHONY_MEDIA], ports: { sip: 'udp:30000', sipTcp: 'tcp:30000', sips: 'tcp:30001' }, handoff: 4 },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<SipSettings> {
    const { settings } = ctx;
    const stack = stackOf(ctx);
    const { codecs, secure, symmetric, graceMs } = settings.media;
    const media = new MediaPort({ ctx, nowMs, codecs, security: secure, latchMode: symmetric, graceMs, addressTowards: (host) => stack.hostTowards(host) });
    const board = new Switchboard(ctx, settings, media, nowMs, stack);
    let isComplete = false;
    stack.onConnectionLost = (target) => board.registrar.onFlowLost(target);
    stack.onPlacesChanged = () => board.registrar.onPlacesChanged();
    return {
      async prepare() {
        registerMetrics(ctx, stack, board);
        registerCallOperations(ctx.operations, board);
        registerApiOperations(ctx.operations, board);
        ctx.capabilities.provide(TELEPHONY, board.clients);
        ctx.capabilities.provide(TELEPHONY_MEDIA, board.clients);
        await media.prepare();
        const places = await stack.prepare(Object.keys(board.handlers));
        board.connected(await Agents.connect(ctx, places, board.handlers));
      },
      activate() {
        stack.start();
        board.start();
      },
      trouble: () => stack.trouble,
      exportSession: (session): SessionData | undefined => (stack.owns(session) ? { type: 'stack', stack: stack.exportSession(session), shared: board.exportShared() } : board.exportSession(session)),
      importSession(session, saved) {
        // Written by `exportSession` of a version with the same `handoff` number.
        const data = saved as SessionData;
        if (data.type === 'stack') {
          stack.importSession(session, data.stack);
          // It comes with each of the stack's sessions.
          if (!isComplete) board.importShared(data.shared);
          isComplete = true;
        } else board.importSession(session, data);
      },
      drain: (signal) => stack.drain(signal),
    };
  },
});

function stackOf(ctx: PluginContext<SipSettings>): SipStack {
  const { drachtio, engine } = ctx.settings;
  return drachtio.hosts.length === 0 ? new SipEngine(ctx, engine, nowMs) : new DrachtioHosts(ctx, { settings: drachtio, publicAddress: engine.publicAddress, nowMs });
}

function registerMetrics({ metrics }: PluginContext<SipSettings>, stack: SipStack, board: Switchboard): void {
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge({ name, group: 'sip_stats', help, read });
  gauge('sip_calls', 'Calls, those among them that ring.', () => board.calls.all.length);
  gauge('sip_accounts', 'Telephone accounts that are to be registered.', () => board.registrar.size);
  gauge('sip_accounts_registered', 'Telephone accounts that are registered.', () => board.registrar.registered);
  gauge('sip_dialogs', 'SIP dialogs: calls and subscriptions.', () => stack.counts.dialogs);
  gauge('sip_transactions', 'Open SIP transactions.', () => stack.counts.transactions);
  gauge('sip_connections', 'SIP connections over TCP and TLS.', () => stack.counts.connections);
  gauge('sip_messages_received', 'SIP messages received since the plugin was loaded.', () => stack.counters.received);
  gauge('sip_messages_malformed', 'SIP messages refused as malformed since the plugin was loaded.', () => stack.counters.malformed);
  gauge('sip_messages_dropped', 'SIP messages dropped at the limit of their source since the plugin was loaded.', () => stack.counters.dropped);
}
