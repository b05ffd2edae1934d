import { WcsError, type Codec } from 'wcs-core';
import type { CallMedia, CallMediaPort, CallMediaRequest } from '../../calls/call-media.ts';
import type { CallKind } from '../session/sdp-dialogue.ts';
import { BusCallMedia, type BusCallMediaState, type CallMediaServices } from './call-media.ts';

/** What the media of calls is made with. */
export interface MediaPortOptions extends CallMediaServices {
  /** Best first. */
  readonly codecs: readonly Codec[];
  readonly secure: boolean;
  /** Our address as that host sees it. */
  readonly addressTowards: (host: string) => string;
}

/** The calls' media on the media bus. */
export class MediaPort implements CallMediaPort {
  readonly #options: MediaPortOptions;

  constructor(options: MediaPortOptions) {
    this.#options = options;
  }

  async open(request: CallMediaRequest): Promise<CallMedia> {
    const { ctx, codecs, secure, addressTowards } = this.#options;
    const { session, audio, video } = request;
    const kinds: readonly CallKind[] = [...(audio ? (['audio'] as const) : []), ...(video ? (['video'] as const) : [])];
    const ports: Partial<Record<CallKind, number>> = {};
    for (const kind of kinds) {
      const pair = await ctx.rtp.openPair();
      if (session.closed) {
        pair.destroy();
        throw new WcsError('SCOPE_E_CLOSED', 'The call is over');
      }
      session.attach(pair, { onRtp: () => undefined, onRtcp: () => undefined });
      ports[kind] = pair.rtp.port;
    }
    const wanted = request.codecs === undefined ? codecs : codecs.filter((codec) => request.codecs?.includes(codec));
    return new BusCallMedia(this.#options, request, { kinds, codecs: wanted, secure, address: addressTowards(request.peerHost), ports });
  }

  restore(request: CallMediaRequest, state: unknown): CallMedia {
    // Written by `exportState`; its shape is what the manifest's `handoff` number stands for.
    const saved = state as BusCallMediaState;
    return new BusCallMedia(this.#options, request, saved.dialogue.wish, saved);
  }
}
