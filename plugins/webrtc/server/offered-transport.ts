import { randomInt } from 'node:crypto';
import { WcsError, type MediaInvitation, type PluginContext, type PluginSession } from 'wcs-core';
import { offeredMedia } from '../wire/offer-media.ts';
import { formatAnswer, type AnswerSource } from '../wire/sdp-answer.ts';
import { sourcesFor } from './answer-sources.ts';
import type { PeerTransport, RemoteAddress, TransportEnd, TransportEvents, TransportHub } from './peer-transport.ts';

/** Hands events on to whoever has taken the transport. */
export class RelayedEvents implements TransportEvents {
  target: TransportEvents | undefined;

  onConnected(): void {
    this.target?.onConnected();
  }

  onRtp(packet: Uint8Array, receivedAtMs: number): void {
    this.target?.onRtp(packet, receivedAtMs);
  }

  onRtcp(compound: Uint8Array, receivedAtMs: number): void {
    this.target?.onRtcp(compound, receivedAtMs);
  }

  onMoved(remote: RemoteAddress): void {
    this.target?.onMoved?.(remote);
  }

  onEnded(end: TransportEnd): void {
    this.target?.onEnded(end);
  }
}

/** A transport that a browser has been offered. */
export interface OfferedTransportLink {
  readonly transport: PeerTransport;
  readonly events: RelayedEvents;
}

/** An offer that waits for its answer. */
export interface OpenOffer extends OfferedTransportLink {
  readonly invitation: MediaInvitation;
  readonly session: PluginSession;
  readonly sources: readonly (readonly [number, AnswerSource])[];
  readonly originId: string;
}

/** Our offers to browsers that are called. */
export class Offers {
  readonly #ctx: PluginContext;
  readonly #hub: TransportHub;
  readonly #open = new Map<string, OpenOffer>();

  constructor(ctx: PluginContext, hub: TransportHub) {
    this.#ctx = ctx;
    this.#hub = hub;
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  /** Makes an offer. @returns its SDP */
  async open(invitation: MediaInvitation): Promise<string> {
    const { id, kinds, codecs, meta } = invitation;
    const media = offeredMedia(kinds, codecs);
    const session = this.#ctx.sessions.open({ protocol: 'webrtc', kind: 'client', ...(meta.peer === undefined ? {} : { peer: meta.peer }) });
    session.scope.add('media offer', () => {
      // One that was taken is a session's by now.
      if (this.#open.get(id)?.session === session) this.#open.delete(id);
    });
    session.entry.update({ state: 'OFFERED', streamName: invitation.name });
    const events = new RelayedEvents();
    try {
      const transport = await this.#hub.create({ session, remote: undefined, events });
      const sources = sourcesFor(media);
      const originId = String(randomInt(1, 2 ** 47));
      this.#open.set(id, { invitation, session, transport, events, sources, originId });
      const byIndex = new Map(sources);
      const { ufrag, pwd, fingerprint, candidates } = transport.local;
      return formatAnswer(media, { sessionId: originId, sessionVersion: 1, transportOf: () => ({ iceUfrag: ufrag, icePwd: pwd, fingerprint, candidates }), sourceOf: ({ index }) => byIndex.get(index), bitrate: {} });
    } catch (error) {
      session.close('Failed by error');
      throw error;
    }
  }

  /** The offer of that id, which is somebody else's from now on. @throws WcsError MEDIA_E_NOT_FOUND */
  take(id: string): OpenOffer {
    const open = this.#open.get(id);
    if (open === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', 'Session does not exist');
    this.#open.delete(id);
    return open;
  }

  close(id: string, reason: string): void {
    this.#open.get(id)?.session.close(reason);
  }
}
