import { randomInt } from 'node:crypto';
import { messageOf, parseStreamName, WcsError, type Codec, type MediaInvitation, type MediaOffer, type MediaSessionListener, type OfferAnswer, type PluginContext, type PluginSession, type Rounds, type Stream } from 'wcs-core';
import { negotiateAnswer, type AcceptedMedia, type AnswerCapabilities, type NegotiatedAnswer } from '../wire/negotiate-answer.ts';
import { formatAnswer } from '../wire/sdp-answer.ts';
import { acceptanceFor } from '../session/acceptance.ts';
import { parseOffer } from '../wire/sdp-offer.ts';
import { sourcesFor } from './answer-sources.ts';
import { documented } from './documented-error.ts';
import { MediaSession, type MediaSessionState, type SessionPlan, type SessionServices } from './media-session.ts';
import type { MediaPort } from './media-port.ts';
import { Offers } from './offered-transport.ts';
import type { TransportHub } from './peer-transport.ts';
import type { WebRtcSettings } from './settings.ts';

/** How often publishers are looked after while any of them sends. */
const LIVELY_MS = 25;
/** How often sessions are looked after otherwise: all publishers, and the viewers whose turn it is. */
const TURN_MS = 100;
const VIEWER_TURNS = 10;

/** An offer as it comes from any signalling; without a listener nobody is told what happens. */
export type SessionOffer = Omit<MediaOffer, 'listener'> & { readonly listener: string | undefined };

/** Answers offers, and looks after the sessions that come of them. */
export class OfferAnswerService implements OfferAnswer {
  readonly #ctx: PluginContext<WebRtcSettings>;
  readonly #services: SessionServices;
  readonly #sessions = new Map<string, MediaSession>();
  readonly #byPluginSession = new Map<PluginSession, MediaSession>();
  readonly #offers: Offers;
  /** Sessions that publish are looked after in every round, viewers when it is their turn, so that their reports are spread over the second. */
  readonly #publishing = new Set<MediaSession>();
  readonly #viewersByTurn = Array.from({ length: VIEWER_TURNS }, () => new Set<MediaSession>());
  #turn = 0;
  #turnDueMs = 0;
  #nextViewersTurn = 0;
  #rounds: Rounds | undefined;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext<WebRtcSettings>, hub: TransportHub, media: MediaPort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#offers = new Offers(ctx, hub);
    this.#services = {
      media,
      hub,
      rtpActivityTimeoutMs: ctx.settings.rtpActivityTimeoutMs,
      findStream: (name) => ctx.media.find(name),
      nowMs,
      tell: (listener, id, event) => {
        if (ctx.capabilities.has(listener)) ctx.capabilities.get<MediaSessionListener>(listener).onMediaEvent(id, event);
      },
      onClosed: (session) => this.#forget(session),
    };
  }

  /** Starts to look after the sessions: one timer for all of them, and none without. */
  start(): void {
    this.#rounds = this.#ctx.timers.rounds(() => this.#lookAfter());
    if (this.#sessions.size > 0) this.#rounds.begin();
  }

  find(id: string): MediaSession | undefined {
    return this.#sessions.get(id);
  }

  count(direction: 'publish' | 'play'): number {
    let count = 0;
    for (const { plan, isConnected } of this.#sessions.values()) if (isConnected && (plan.direction === direction || plan.direction === 'both')) count++;
    return count;
  }

  get size(): number {
    return this.#sessions.size;
  }

  async answer(offer: SessionOffer): Promise<{ readonly sdp: string }> {
    const session = await this.open(offer);
    return { sdp: this.answerText(session) };
  }

  close(id: string, reason: string): void {
    this.#sessions.get(id)?.close(reason);
    this.#offers.close(id, reason);
  }

  async offer(invitation: MediaInvitation): Promise<{ readonly sdp: string }> {
    try {
      this.#check(invitation.id);
      return { sdp: await this.#offers.open({ ...invitation, codecs: this.#capabilities(false, invitation.codecs).codecs }) };
    } catch (error) {
      throw documented(error);
    }
  }

  async accept(id: string, sdp: string, codecs: readonly Codec[]): Promise<void> {
    const open = this.#offers.take(id);
    const { invitation, session, sources, originId } = open;
    const { name, plays, owner, listener, meta } = invitation;
    try {
      const answer = negotiateAnswer(parseOffer(sdp), 'both', this.#capabilities(false, codecs));
      const plan: SessionPlan = { id, direction: 'both', name: parseStreamName(name), plays, owner, listener, meta, answer, sources, bitrate: {}, picture: {}, wish: undefined, originId };
      this.#remember(await MediaSession.open(this.#services, session, plan, open));
    } catch (error) {
      session.close('Failed by error');
      throw documented(error);
    }
  }

  /** Opens the session of an offer. @throws WcsError as `answer` does */
  async open(offer: SessionOffer): Promise<MediaSession> {
    try {
      this.#check(offer.id);
      return offer.direction === 'play' ? await this.#play(offer) : await this.#publish(offer);
    } catch (error) {
      this.#ctx.log.debug('WebRTC offer refused', { stream: offer.name, direction: offer.direction, reason: messageOf(error) });
      throw documented(error);
    }
  }

  /** The answer of a session as it is now. */
  answerText(session: MediaSession): string {
    const { answer, originId, bitrate } = session.plan;
    return formatAnswer(answer, {
      sessionId: originId,
      sessionVersion: session.sdpVersion,
      transportOf: (media) => {
        const { ufrag, pwd, fingerprint, candidates } = session.transportOf(media).local;
        return { iceUfrag: ufrag, icePwd: pwd, fingerprint, candidates };
      },
      sourceOf: (media) => session.sourceOf(media),
      bitrate,
    });
  }

  exportSession(session: PluginSession): MediaSessionState | undefined {
    return this.#byPluginSession.get(session)?.exportState();
  }

  importSession(session: PluginSession, state: MediaSessionState): void {
    this.#remember(MediaSession.restore(this.#services, session, state));
  }

  #check(id: string): void {
    if (this.#sessions.has(id) || this.#offers.has(id)) throw new WcsError('OPERATION_E_CONFLICT', 'MediaSessionId is already in use');
    const { maxSessions } = this.#ctx.settings;
    if (this.#sessions.size >= maxSessions) throw new WcsError('NET_E_PORT_EXHAUSTED', `${maxSessions} WebRTC sessions are open; raise plugins.webrtc.maxSessions or try later.`);
  }

  async #publish(offer: SessionOffer): Promise<MediaSession> {
    const name = parseStreamName(offer.name);
    const { direction, codecs, orientation = false } = offer;
    const answer = negotiateAnswer(parseOffer(offer.sdp), direction, this.#capabilities(orientation, codecs));
    return this.#openSession({ ...offer, name }, answer, direction === 'both' ? sourcesFor(answer) : []);
  }

  async #play(offer: SessionOffer): Promise<MediaSession> {
    // A broken offer starts no source.
    const parsed = parseOffer(offer.sdp);
    const { params, peer } = offer.meta;
    const stream = await this.#ctx.media.resolve(offer.name, { params, caller: peer?.address, signal: this.#ctx.scope.signal, personal: true });
    await this.#untilTracks(stream);
    const { tracks } = stream;
    const answer = negotiateAnswer(parsed, 'play', { ...this.#capabilities(true), tracks });
    const accepted = answer.media.filter((media) => media.type === 'accepted');
    this.#checkServed(stream, accepted, offer);
    return this.#openSession({ ...offer, name: stream.name }, answer, sourcesFor(answer));
  }

  /** A viewer gets what kinds there are, but no offer is answered for nothing, nor for a size that can't be had. */
  #checkServed(stream: Stream, accepted: readonly AcceptedMedia[], { maxWidth, maxHeight, maxBitrateBps }: SessionOffer): void {
    const { tracks } = stream;
    if (tracks.length === 0) return;
    const accept = acceptanceFor(accepted, { maxWidth, maxHeight, maxBitrateBps }, stream);
    const wanted = tracks.some(({ kind }) => accept.some((entry) => entry.kind === kind));
    const sized = accept.filter(({ target }) => target !== undefined);
    const served = stream.refusalOf(accept) === undefined && stream.refusalOf(sized) === undefined;
    if (wanted && served) return;
    const info = wanted ? 'Transcoding required, but disabled' : 'No common codecs';
    throw new WcsError('MEDIA_E_NO_COMMON_CODEC', info, { details: { stream: stream.name, has: tracks.map(({ codec }) => codec) } });
  }

  async #openSession(offer: SessionOffer, answer: NegotiatedAnswer, sources: SessionPlan['sources']): Promise<MediaSession> {
    const { id, direction, name, plays = name, owner, listener, meta, minBitrateBps, maxBitrateBps, maxWidth, maxHeight, transport } = offer;
    const plan: SessionPlan = { id, direction, name, plays, owner, listener, meta, answer, sources, bitrate: { minBps: minBitrateBps, maxBps: maxBitrateBps }, picture: { maxWidth, maxHeight, maxBitrateBps }, wish: transport, originId: String(randomInt(1, 2 ** 47)) };
    const session = this.#ctx.sessions.open({ protocol: 'webrtc', kind: 'client', ...(meta.peer === undefined ? {} : { peer: meta.peer }) });
    try {
      const opened = await MediaSession.open(this.#services, session, plan);
      // It may have been taken down while its port was being opened.
      if (session.closed) throw new WcsError('SCOPE_E_CLOSED', 'Requested stream shutdown');
      this.#check(id);
      this.#remember(opened);
      return opened;
    } catch (error) {
      session.onGoodbye = undefined;
      for (const publication of session.publications) publication.end('Failed by error');
      session.close('Failed by error');
      throw error;
    }
  }

  #capabilities(orientation: boolean, wanted?: readonly Codec[]): AnswerCapabilities {
    const { codecs, simulcast } = this.#ctx.settings;
    return { codecs: wanted?.filter((codec) => codecs.some((own) => own === codec)) ?? codecs, orientation, simulcast };
  }

  /** A publisher that has only just come will tell its tracks in a moment; a viewer of one that doesn't gets whatever comes. */
  async #untilTracks(stream: Stream): Promise<void> {
    if (stream.tracks.length > 0) return;
    const limit = new AbortController();
    const cancel = this.#ctx.timers.after(this.#ctx.settings.playWaitMs, () => limit.abort());
    try {
      await stream.ready(limit.signal);
    } catch (error) {
      if (!limit.signal.aborted) throw error;
    } finally {
      cancel();
    }
  }

  /** Answers in how many milliseconds the next round is due. */
  #lookAfter(): number | undefined {
    const nowMs = this.#services.nowMs();
    let isLively = false;
    for (const session of this.#publishing) {
      session.tick(nowMs);
      isLively ||= session.isSending(nowMs);
    }
    if (nowMs >= this.#turnDueMs) {
      // By the grid, so that rounds which come a little late don't add up.
      this.#turnDueMs = Math.max(this.#turnDueMs + TURN_MS, nowMs);
      this.#turn = (this.#turn + 1) % VIEWER_TURNS;
      for (const session of this.#viewersByTurn[this.#turn] ?? []) session.tick(nowMs);
    }
    if (this.#sessions.size === 0) return undefined;
    return isLively ? LIVELY_MS : TURN_MS;
  }

  #remember(session: MediaSession): void {
    this.#sessions.set(session.plan.id, session);
    this.#byPluginSession.set(session.session, session);
    if (session.plan.direction !== 'play') this.#publishing.add(session);
    else {
      this.#nextViewersTurn = (this.#nextViewersTurn + 1) % VIEWER_TURNS;
      this.#viewersByTurn[this.#nextViewersTurn]?.add(session);
    }
    this.#rounds?.begin();
  }

  #forget(session: MediaSession): void {
    this.#byPluginSession.delete(session.session);
    this.#publishing.delete(session);
    for (const viewers of this.#viewersByTurn) viewers.delete(session);
    if (this.#sessions.get(session.plan.id) === session) this.#sessions.delete(session.plan.id);
  }
}
