import { OFFER_ANSWER, type MediaInvitation, type MediaOffer, type MediaSessionEvent, type MediaSessionListener } from '../../core/media/offer-answer.ts';
import type { Publication } from '../../core/media/publication.ts';
import { WcsError } from '../../core/errors/wcs-error.ts';
import type { TestKernel } from './test-kernel.ts';

const LISTENER = 'websocket-media';

/** Stands for the media side of browsers: answers every offer, publishes names on the bus, and says what a test wants said. */
export class FakeOfferAnswer {
  readonly offers: MediaOffer[] = [];
  /** Those of ours to browsers. */
  readonly invitations = new Map<string, MediaInvitation>();
  readonly closed: { readonly id: string; readonly reason: string }[] = [];
  /** Offers that have come, answered or not. */
  asked = 0;
  /** Media flows as soon as the offer is answered. */
  connects = true;
  /** Awaited before an offer is answered. */
  gate: Promise<void> = Promise.resolve();
  readonly #kernel: TestKernel;
  readonly #publications = new Map<string, Publication>();

  constructor(kernel: TestKernel) {
    this.#kernel = kernel;
    kernel.kernel.parts.capabilities.provide(OFFER_ANSWER, this);
  }

  async answer(offer: MediaOffer): Promise<{ sdp: string }> {
    this.asked++;
    await this.gate;
    const { media } = this.#kernel.kernel.parts;
    this.offers.push(offer);
    if (offer.direction !== 'play') this.#publish(offer);
    else if (media.find(offer.name) === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', 'Stream not found');
    if (this.connects) setTimeout(() => this.tell(offer.id, { type: 'connected' }), 1);
    return { sdp: `v=0\r\na=answer-to:${offer.id}\r\n` };
  }

  offer(invitation: MediaInvitation): Promise<{ sdp: string }> {
    this.invitations.set(invitation.id, invitation);
    return Promise.resolve({ sdp: `v=0\r\na=offer-of:${invitation.id}\r\n` });
  }

  accept(id: string): Promise<void> {
    const invitation = this.invitations.get(id);
    if (invitation !== undefined) this.#publish(invitation);
    return Promise.resolve();
  }

  close(id: string, reason: string): void {
    this.closed.push({ id, reason });
    this.#publications.get(id)?.end(reason);
    this.#publications.delete(id);
  }

  #publish({ id, name, owner, meta }: Pick<MediaOffer, 'id' | 'name' | 'owner' | 'meta'>): void {
    const { media } = this.#kernel.kernel.parts;
    this.#publications.set(id, media.publish({ name, owner, meta, graceMs: 0, onTerminate: (info) => this.tell(id, { type: 'ended', failed: true, info }) }));
  }

  /** Tells the signalling what happens to a media session. */
  tell(id: string, event: MediaSessionEvent): void {
    const { capabilities } = this.#kernel.kernel.parts;
    // The server may be stopping.
    if (capabilities.has(LISTENER)) capabilities.get<MediaSessionListener>(LISTENER).onMediaEvent(id, event);
  }
}

