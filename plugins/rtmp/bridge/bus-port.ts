import { createHash } from 'node:crypto';
import type { PluginContext, Publication } from 'wcs-core';
import type { MediaPort, Player, PlayRequest, Publisher, PublishRequest } from '../server/media-port.ts';
import type { RtmpSettings } from '../server/settings.ts';
import { BusPlayer, type PlayerState } from './bus-player.ts';
import type { FromBus } from './from-bus.ts';
import { ToBus, type ToBusState } from './to-bus.ts';

interface PublisherState {
  /** Place among the session's publications. */
  readonly index: number;
  readonly toBus: ToBusState;
}

/** The server's media port on the media bus. */
export class BusPort implements MediaPort {
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #fromBus: FromBus;
  readonly #nowMs: () => number;

  constructor(ctx: PluginContext<RtmpSettings>, fromBus: FromBus, nowMs: () => number) {
    this.#ctx = ctx;
    this.#fromBus = fromBus;
    this.#nowMs = nowMs;
  }

  publish(request: PublishRequest): Publisher {
    const { session, peer, name, params } = request;
    const publication = session.publish({
      name,
      owner: ownerOf(request),
      meta: { plugin: 'rtmp', protocol: 'rtmp', sessionId: session.id, peer, params },
      onTerminate: (reason) => request.onTerminate(reason),
    });
    return this.#publisher(request, publication);
  }

  restorePublisher(request: PublishRequest, state: unknown): Publisher {
    // Written by `exportState` below; its shape is what the manifest's `handoff` number stands for.
    const { index, toBus } = state as PublisherState;
    const publication = request.session.publications[index];
    if (publication === undefined) throw new Error(`The publication of ${request.name} was not handed over`);
    publication.setCallbacks({ onTerminate: (reason) => request.onTerminate(reason) });
    return this.#publisher(request, publication, toBus);
  }

  play(request: PlayRequest): Player {
    return new BusPlayer(this.#ctx, this.#fromBus, request);
  }

  restorePlayer(request: PlayRequest, state: unknown): Player {
    return new BusPlayer(this.#ctx, this.#fromBus, request, state as PlayerState);
  }

  #publisher({ session }: PublishRequest, publication: Publication, state?: ToBusState): Publisher {
    const toBus = new ToBus(publication, session.log, this.#nowMs, state);
    return {
      audio: (timestampMs, body) => toBus.audio(timestampMs, body),
      video: (timestampMs, body) => toBus.video(timestampMs, body),
      data: (_timestampMs, values) => toBus.data(values),
      end: (reason) => publication.end(reason),
      exportState: (): PublisherState => ({ index: session.publications.indexOf(publication), toBus: toBus.exportState() }),
    };
  }
}

/**
 * Who may take a stream over while its publisher still looks alive: an encoder that reconnects from the same address
 * to the same application with the same name and parameters (its secret among them, where one is asked for).
 */
function ownerOf({ peer, app, name, params }: PublishRequest): string {
  const facts = JSON.stringify([peer.address, app, name, Object.entries(params).sort()]);
  return `rtmp:${createHash('sha256').update(facts).digest('base64url')}`;
}
