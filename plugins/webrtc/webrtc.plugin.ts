import { definePlugin, OFFER_ANSWER, type OfferAnswer, type PluginContext, type PluginInstance } from 'wcs-core';
import { BusPort } from './bridge/bus-port.ts';
import type { MediaSessionState } from './server/media-session.ts';
import { OfferAnswerService } from './server/offer-answer-service.ts';
import { settingsSchema, type WebRtcSettings } from './server/settings.ts';
import { WebrtcTransportHub } from './server/transport-hub.ts';
import { WhipEndpoint } from './server/whip-endpoint.ts';

const now = (): number => performance.now();

/** WebRTC for browsers: publishing and playing, by the signalling of other plugins and by WHIP and WHEP. */
export default definePlugin({
  manifest: {
    name: 'webrtc',
    version: '1.0.0',
    apiVersion: '^1.0.0',
    provides: [OFFER_ANSWER],
    ports: { webrtc: 'udp:31000', webrtcTcp: 'tcp:31000' },
    handoff: 2,
  },
  configSchema: settingsSchema,
  create(ctx): PluginInstance<WebRtcSettings> {
    const { settings } = ctx;
    const hub = new WebrtcTransportHub(ctx, { settings, rtp: ctx.rtp, now });
    const service = new OfferAnswerService(ctx, hub, new BusPort(ctx), now);
    return {
      async prepare() {
        registerMetrics(ctx, service);
        const offerAnswer: OfferAnswer = {
          answer: (offer) => service.answer(offer),
          offer: (invitation) => service.offer(invitation),
          accept: (id, sdp, codecs) => service.accept(id, sdp, codecs),
          close: (id, reason) => service.close(id, reason),
        };
        ctx.capabilities.provide(OFFER_ANSWER, offerAnswer);
        if (settings.whip.enabled) for (const protocol of ['whip', 'whep'] as const) new WhipEndpoint(ctx, service, protocol).register();
        await hub.listen();
      },
      activate() {
        hub.start();
        service.start();
      },
      exportSession: (session) => service.exportSession(session),
      // Written by `exportSession` of a version with the same `handoff` number.
      importSession: (session, data) => service.importSession(session, data as MediaSessionState),
    };
  },
});

function registerMetrics({ metrics }: PluginContext<WebRtcSettings>, service: OfferAnswerService): void {
  metrics.gauge({ name: 'streams_webrtc_in', group: 'streams_stats', help: 'Streams published by WebRTC.', read: () => service.count('publish') });
  metrics.gauge({ name: 'streams_webrtc_out', group: 'streams_stats', help: 'Streams played by WebRTC.', read: () => service.count('play') });
  metrics.gauge({ name: 'webrtc_sessions', group: 'webrtc_stats', help: 'WebRTC sessions, those among them that are not connected yet.', read: () => service.size });
}
