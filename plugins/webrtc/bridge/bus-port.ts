import { randomInt } from 'node:crypto';
import type { PluginContext, Publication } from 'wcs-core';
import type { MediaPort, Player, PlayRequest, Publisher, PublishRequest } from '../server/media-port.ts';
import type { WebRtcSettings } from '../server/settings.ts';
import { RtpPlayer, type RtpPlayerState } from './rtp-player.ts';
import { RtpPublisher, type RtpPublisherState } from './rtp-publisher.ts';

const SSRC_MAX = 0xffff_ffff;

/** The sessions' media port on the media bus. */
export class BusPort implements MediaPort {
  readonly #ctx: PluginContext<WebRtcSettings>;

  constructor(ctx: PluginContext<WebRtcSettings>) {
    this.#ctx = ctx;
  }

  publish(request: PublishRequest): Publisher {
    const { session, name, owner, meta, sink } = request;
    const publication = session.publish({ name, owner, meta, onTerminate: (reason) => sink.onTerminated(reason) });
    return this.#publisher(request, publication, randomInt(1, SSRC_MAX));
  }

  play(request: PlayRequest): Player {
    return new RtpPlayer(this.#ctx, request);
  }

  restorePublisher(request: PublishRequest, saved: unknown): Publisher {
    // Written by `exportState` of a publisher; its shape is what the manifest's `handoff` number stands for.
    const state = saved as RtpPublisherState;
    const [publication] = request.session.publications;
    if (publication === undefined) throw new Error(`The publication of ${request.name} was not handed over`);
    return this.#publisher(request, publication, state.ssrc, state);
  }

  restorePlayer(request: PlayRequest, saved: unknown): Player {
    return new RtpPlayer(this.#ctx, request, saved as RtpPlayerState);
  }

  #publisher({ media, bitrate, sink }: PublishRequest, publication: Publication, ssrc: number, state?: RtpPublisherState): Publisher {
    const maxBitrateBps = Math.max(bitrate.maxBps ?? this.#ctx.settings.maxBitrateBps, bitrate.minBps ?? 0);
    const publisher = new RtpPublisher({ publication, media, maxBitrateBps, ssrc, sink }, state);
    publication.setCallbacks({ onKeyFrameRequest: (trackId) => publisher.requestKeyFrame(trackId), onTerminate: (reason) => sink.onTerminated(reason) });
    return publisher;
  }
}
