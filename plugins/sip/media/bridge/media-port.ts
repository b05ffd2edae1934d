import { WcsError, type Codec } from 'wcs-core';
import { openDtlsIdentity } from 'wcs-core/rtp/dtls/identity';
import type { DtlsIdentity } from 'wcs-core/rtp/dtls/handshake';
import type { CallMedia, CallMediaPort, CallMediaRequest } from '../../calls/call-media.ts';
import type { CallKind, SecurityWish } from '../session/sdp-dialogue.ts';
import { BusCallMedia, type BusCallMediaState, type CallMediaServices } from './call-media.ts';

/** What the media of calls is made with. */
export interface MediaPortOptions extends Omit<CallMediaServices, 'identity'> {
  /** Best first. */
  readonly codecs: readonly Codec[];
  readonly security: SecurityWish;
  /** Our address as that host sees it. */
  readonly addressTowards: (host: string) => string;
}

/** The calls' media on the media bus. */
export class MediaPort implements CallMediaPort {
  readonly #options: MediaPortOptions;
  #identity: DtlsIdentity | undefined;

  constructor(options: MediaPortOptions) {
    this.#options = options;
  }

  /** To be called before any call; reads or makes the certificate of the plugin. */
  async prepare(): Promise<void> {
    const { ctx } = this.#options;
    this.#identity = await openDtlsIdentity(ctx.stateFolder(), ctx.log);
  }

  async open(request: CallMediaRequest): Promise<CallMedia> {
    const { ctx, codecs, security, addressTowards } = this.#options;
    const services = this.#services();
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
    return new BusCallMedia(services, request, { kinds, codecs: wanted, security, fingerprint: services.identity.fingerprint, address: addressTowards(request.peerHost), ports });
  }

  restore(request: CallMediaRequest, state: unknown): CallMedia {
    // Written by `exportState`; its shape is what the manifest's `handoff` number stands for.
    const saved = state as BusCallMediaState;
    return new BusCallMedia(this.#services(), request, saved.dialogue.wish, saved);
  }

  #services(): CallMediaServices {
    if (this.#identity === undefined) throw new WcsError('INTERNAL_E_FAULT', 'The media of calls is not prepared yet.');
    return { ...this.#options, identity: this.#identity };
  }
}
