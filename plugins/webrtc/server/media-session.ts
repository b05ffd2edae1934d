import { messageOf, ProtocolError, WcsError, type MediaDirection, type MediaSessionEvent, type PluginSession, type Stream, type StreamMeta } from 'wcs-core';
import type { PictureWish } from '../session/layer-choice.ts';
import type { PeerState } from '../session/peer-state.ts';
import type { AcceptedMedia, NegotiatedAnswer } from '../wire/negotiate-answer.ts';
import type { AnswerSource, BitrateBounds } from '../wire/sdp-answer.ts';
import type { MediaPort, Player, PlaySink, Publisher, PublishRequest } from './media-port.ts';
import type { OfferedTransportLink } from './offered-transport.ts';
import type { PeerTransport, TransportEnd, TransportEvents, TransportHub } from './peer-transport.ts';

/** How often a session tells the bitrate of its video. */
const RATE_MS = 1000;
/** A publisher that is silent for longer has paused. */
const SENDING_MS = 500;

const CONNECTED: Readonly<Record<MediaDirection, string>> = { publish: 'WebRTC stream published', play: 'WebRTC stream played', both: 'WebRTC streams exchanged' };

/** What was agreed when a session was made; plain data. */
export interface SessionPlan {
  /** Name of the media session, chosen by the signalling. */
  readonly id: string;
  readonly direction: MediaDirection;
  /** Of the stream; in a session of both directions, of the one that is published. */
  readonly name: string;
  /** Of the stream that is played. */
  readonly plays: string;
  readonly owner: string;
  /** Capability that is told what happens; undefined where nobody asks. */
  readonly listener: string | undefined;
  readonly meta: StreamMeta;
  readonly answer: NegotiatedAnswer;
  /** What we send, by index of the m-section. */
  readonly sources: readonly (readonly [number, AnswerSource])[];
  readonly bitrate: BitrateBounds;
  /** Of a viewer. */
  readonly picture: PictureWish;
  readonly wish: 'udp' | 'tcp' | undefined;
  /** `o=` of the answer. */
  readonly originId: string;
}

/** A session as plain data, for the next version of the plugin. */
export interface MediaSessionState {
  readonly plan: SessionPlan;
  readonly links: readonly { readonly indices: readonly number[]; readonly state: PeerState; readonly player: unknown }[];
  readonly publisher: unknown;
  readonly connectedAtMs: number | undefined;
  readonly sdpVersion: number;
  readonly remoteUfrags: readonly string[];
}

/** What every session is given. */
export interface SessionServices {
  readonly media: MediaPort;
  readonly hub: TransportHub;
  readonly rtpActivityTimeoutMs: number;
  findStream(name: string): Stream | undefined;
  /** Monotonic milliseconds. */
  nowMs(): number;
  tell(listener: string, id: string, event: MediaSessionEvent): void;
  onClosed(session: MediaSession): void;
}

/** One transport and the m-sections that use it: all of a bundle, or one. */
interface Link {
  readonly indices: readonly number[];
  transport: PeerTransport | undefined;
  player: Player | undefined;
}

/** One browser that publishes or plays one stream: transports on one side, the media bus on the other. */
export class MediaSession {
  readonly session: PluginSession;
  readonly plan: SessionPlan;
  readonly #services: SessionServices;
  readonly #accepted: readonly AcceptedMedia[];
  readonly #sources: ReadonlyMap<number, AnswerSource>;
  readonly #links: readonly Link[];
  #publisher: Publisher | undefined;
  #connectedAtMs: number | undefined;
  #ending = { failed: true, info: undefined as string | undefined };
  #rateDueMs: number;
  #ratedAtMs: number;
  /** Version of the SDP in the answer's origin. */
  sdpVersion: number;
  /** ICE user fragments of the peer, as last offered. */
  remoteUfrags: readonly string[];

  private constructor(services: SessionServices, session: PluginSession, plan: SessionPlan, state?: MediaSessionState) {
    this.#services = services;
    this.session = session;
    this.plan = plan;
    this.#accepted = plan.answer.media.filter((media) => media.type === 'accepted');
    this.#sources = new Map(plan.sources);
    this.#links = linksOf(plan.answer, this.#accepted).map((indices) => ({ indices, transport: undefined, player: undefined }));
    this.#connectedAtMs = state?.connectedAtMs;
    this.#ratedAtMs = services.nowMs();
    this.#rateDueMs = this.#ratedAtMs + RATE_MS;
    this.sdpVersion = state?.sdpVersion ?? 1;
    this.remoteUfrags = state?.remoteUfrags ?? [...new Set(this.#accepted.map(({ transport }) => transport.iceUfrag))];
    session.scope.add('media session', () => services.onClosed(this));
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
    session.entry.update({
      role: plan.direction === 'both' ? 'publish+play' : plan.direction,
      streamName: plan.name,
      state: this.#connectedAtMs === undefined ? 'PENDING' : stateOf(plan),
      bytesIn: () => this.#sum((transport) => transport.counters.bytesIn),
      bytesOut: () => this.#sum((transport) => transport.sender?.counters.bytes ?? 0),
    });
  }

  /**
   * Takes the stream's name, or the stream, and waits for the peer.
   *
   * @param offered transport that the peer has been offered
   *
   * @throws WcsError when the name is in use, or no port is left
   */
  static async open(services: SessionServices, session: PluginSession, plan: SessionPlan, offered?: OfferedTransportLink): Promise<MediaSession> {
    const own = new MediaSession(services, session, plan);
    if (plan.direction !== 'play') own.#publisher = services.media.publish(own.#publishRequest());
    for (const link of own.#links) {
      const [media] = own.#mediaOf(link);
      if (media === undefined) continue;
      const { fingerprint, iceUfrag } = media.transport;
      if (offered !== undefined) {
        if (own.#links.length > 1) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', 'The answer has several transports; one was offered.');
        link.transport = offered.transport;
        offered.events.target = own.#eventsOf(link);
        offered.transport.agree({ fingerprints: [fingerprint], ufrag: iceUfrag });
        continue;
      }
      link.transport = await services.hub.create({ session, remote: { fingerprints: [fingerprint], ufrag: iceUfrag }, events: own.#eventsOf(link), wish: plan.wish });
    }
    return own;
  }

  /** Goes on with a session of the previous version. @throws WcsError, and the session stays there */
  static restore(services: SessionServices, session: PluginSession, state: MediaSessionState): MediaSession {
    const { plan } = state;
    const own = new MediaSession(services, session, plan, state);
    if (plan.direction !== 'play') own.#publisher = services.media.restorePublisher(own.#publishRequest(), state.publisher);
    own.#links.forEach((link, index) => {
      const saved = state.links[index];
      if (saved === undefined) throw new WcsError('INTERNAL_E_FAULT', `Media session ${plan.id} was handed over without a transport.`);
      link.transport = services.hub.importPeer(saved.state, { session, events: own.#eventsOf(link) });
      if (saved.player !== undefined) link.player = services.media.restorePlayer(own.#playRequest(link, link.transport), saved.player);
    });
    return own;
  }

  /** Everything that the next version needs; undefined while a transport is between two states, or the end is near. */
  exportState(): MediaSessionState | undefined {
    if (this.session.closed) return undefined;
    const links: { indices: readonly number[]; state: PeerState; player: unknown }[] = [];
    for (const { indices, transport, player } of this.#links) {
      const state = transport?.exportState();
      if (state === undefined) return undefined;
      links.push({ indices, state, player: player?.exportState() });
    }
    const { plan, sdpVersion, remoteUfrags } = this;
    return { plan, links, publisher: this.#publisher?.exportState(), connectedAtMs: this.#connectedAtMs, sdpVersion, remoteUfrags };
  }

  get isConnected(): boolean {
    return this.#connectedAtMs !== undefined;
  }

  get facts(): Readonly<Record<string, unknown>> {
    return this.#publisher?.facts ?? Object.fromEntries(this.#links.flatMap(({ player }) => Object.entries(player?.facts ?? {})));
  }

  /** The transport of an accepted m-section, and what we send there. */
  transportOf(media: AcceptedMedia): PeerTransport {
    const transport = this.#links.find(({ indices }) => indices.includes(media.index))?.transport;
    if (transport === undefined) throw new WcsError('INTERNAL_E_FAULT', `Section ${media.index} has no transport.`);
    return transport;
  }

  sourceOf(media: AcceptedMedia): AnswerSource | undefined {
    return this.#sources.get(media.index);
  }

  /** New credentials on every transport for the peer's new ones. @see RFC 8445 section 9 */
  restartIce(ufrag: string): void {
    this.sdpVersion++;
    this.remoteUfrags = [ufrag];
    for (const { transport } of this.#links) transport?.restartIce({ ufrag });
  }

  /** Whether media has come of the peer just now: what is lost of it is asked for within milliseconds. */
  isSending(nowMs: number): boolean {
    return nowMs - (this.#publisher?.lastPacketMs ?? -Infinity) < SENDING_MS;
  }

  /** Looks after the session; called about every 25 ms for publishers that send, every 100 for others, every second for viewers. */
  tick(nowMs: number): void {
    if (this.#connectedAtMs === undefined) return;
    this.#publisher?.tick(nowMs);
    const isDue = nowMs >= this.#rateDueMs;
    // A viewer alone gets its turn once a second.
    if (this.plan.direction === 'play' || isDue) for (const { player } of this.#links) player?.tick(nowMs);
    if (!isDue) return;
    // By the grid, so that a turn which comes a little early is not told a whole second late.
    this.#rateDueMs = Math.max(this.#rateDueMs + RATE_MS, nowMs);
    this.#tellRate(nowMs);
    const { rtpActivityTimeoutMs } = this.#services;
    const silentMs = nowMs - (this.#publisher?.lastPacketMs ?? this.#connectedAtMs);
    if (this.#publisher !== undefined && rtpActivityTimeoutMs > 0 && silentMs >= rtpActivityTimeoutMs) this.#fail('Failed by RTP activity');
  }

  /** Ends the session without an event. @param reason the publisher may come back after `Stopped by session disconnect` */
  close(reason: string): void {
    this.session.onGoodbye = undefined;
    if (reason !== 'Stopped by session disconnect') this.#publisher?.end(reason);
    this.#hangUp();
    this.session.close(reason);
  }

  #eventsOf(link: Link): TransportEvents {
    return {
      onConnected: () => this.#onConnected(link),
      onRtp: (packet, receivedAtMs) => this.#guard(() => this.#publisher?.rtp(packet, link.indices, receivedAtMs)),
      onRtcp: (compound, receivedAtMs) =>
        this.#guard(() => {
          this.#publisher?.rtcp(compound, receivedAtMs);
          link.player?.rtcp(compound, receivedAtMs);
        }),
      onEnded: (end) => this.#onTransportEnded(end),
    };
  }

  /** What makes no sense is dropped: it says nothing about the rest. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.session.log.trace('WebRTC packet dropped', { reason: error.message });
    }
  }

  #onConnected(link: Link): void {
    const { transport } = link;
    if (transport === undefined || this.session.closed) return;
    if (this.plan.direction !== 'publish') {
      try {
        link.player = this.#services.media.play(this.#playRequest(link, transport));
      } catch (error) {
        const facts = { stream: this.plan.name, reason: messageOf(error) };
        if (error instanceof WcsError) this.session.log.debug('WebRTC playing refused', facts);
        else this.session.log.error('WebRTC playing failed', { ...facts, err: error });
        return this.#fail(error instanceof WcsError && error.code === 'MEDIA_E_NO_COMMON_CODEC' ? 'No common codecs' : 'Stream not found');
      }
    }
    if (this.#links.some(({ transport: other }) => other?.state !== 'connected')) return;
    this.#connectedAtMs = this.#services.nowMs();
    this.#ratedAtMs = this.#connectedAtMs;
    this.#rateDueMs = this.#connectedAtMs + RATE_MS;
    const { remote } = transport;
    this.session.entry.update({ state: stateOf(this.plan), info: { transport: remote?.transport, remote: remote === undefined ? undefined : `${remote.address}:${remote.port}` } });
    this.session.log.info(CONNECTED[this.plan.direction], { stream: this.plan.name, ...remote });
    this.#tell({ type: 'connected' });
  }

  #onTransportEnded(end: TransportEnd): void {
    if (end.type === 'closed') return this.#endByPeer();
    this.session.log.debug('WebRTC transport failed', { stream: this.plan.name, info: end.info, detail: end.detail });
    this.#fail(end.info);
  }

  /** The peer closed its connection on purpose. */
  #endByPeer(): void {
    this.#ending = { failed: false, info: 'Stopped by user' };
    this.#publisher?.end('Stopped by publisher stop');
    this.session.close('Stopped by user');
  }

  #fail(info: string): void {
    this.#ending = { failed: true, info };
    // Nobody waits for the return of a publisher that was never there.
    if (this.#connectedAtMs === undefined) this.#publisher?.end(info);
    this.session.close(info);
  }

  #sayGoodbye(reason: string): void {
    const { failed, info = reason } = this.#ending;
    this.#hangUp();
    this.#tell({ type: 'ended', failed, info });
    this.#closeTransports();
  }

  /** Peers whose signalling has nothing to tell them hear the end by DTLS. */
  #closeTransports(): void {
    for (const { transport } of this.#links) transport?.close();
  }

  /** A browser that is told learns of the end at once, not by the silence after it. */
  #hangUp(): void {
    for (const { transport } of this.#links) if (transport?.state === 'connected') transport.close();
  }

  #tell(event: MediaSessionEvent): void {
    if (this.plan.listener !== undefined) this.#services.tell(this.plan.listener, this.plan.id, event);
  }

  #tellRate(nowMs: number): void {
    let bits = this.#publisher?.takeVideoBits() ?? 0;
    for (const { player } of this.#links) bits += player?.takeVideoBits() ?? 0;
    const elapsedMs = nowMs - this.#ratedAtMs;
    this.#ratedAtMs = nowMs;
    if (bits > 0) this.#tell({ type: 'rate', videoBps: Math.round((bits * 1000) / elapsedMs) });
  }

  #publishRequest(): PublishRequest {
    const { name, owner, meta, bitrate } = this.plan;
    return {
      session: this.session,
      name,
      owner,
      meta,
      bitrate,
      media: this.#accepted,
      sink: {
        sendRtcp: (index, compound) => this.#links.find(({ indices }) => indices.includes(index))?.transport?.sender?.sendRtcp(compound),
        onTerminated: (reason) => this.#fail(reason),
      },
    };
  }

  #playRequest(link: Link, transport: PeerTransport): Parameters<MediaPort['play']>[0] {
    const stream = this.#services.findStream(this.plan.plays);
    const { sender } = transport;
    if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${this.plan.plays} is not there any more.`);
    if (sender === undefined) throw new WcsError('INTERNAL_E_FAULT', 'A viewer was played to before its transport was connected.');
    const sink: PlaySink = {
      onResize: (width, height) => this.#tell({ type: 'resize', width, height }),
      onMissing: (kind, codec, remedy) => this.#tell({ type: 'missing', kind, codec, remedy }),
      onEnded: (reason) => this.#fail(viewersInfo(reason)),
    };
    return { session: this.session, stream, media: this.#mediaOf(link), sourceOf: (media) => this.sourceOf(media), wish: this.plan.picture, sender, sink };
  }

  #mediaOf({ indices }: Link): AcceptedMedia[] {
    return this.#accepted.filter(({ index }) => indices.includes(index));
  }

  #sum(count: (transport: PeerTransport) => number): number {
    return this.#links.reduce((sum, { transport }) => sum + (transport === undefined ? 0 : count(transport)), 0);
  }
}

function stateOf({ direction }: SessionPlan): string {
  return { publish: 'PUBLISHING', play: 'PLAYING', both: 'TALKING' }[direction];
}

/** The bundle goes over one transport, every other section over its own. */
function linksOf({ bundle }: NegotiatedAnswer, accepted: readonly AcceptedMedia[]): number[][] {
  const bundled = accepted.filter(({ mid }) => mid !== undefined && bundle.includes(mid)).map(({ index }) => index);
  const alone = accepted.filter(({ index }) => !bundled.includes(index)).map(({ index }) => [index]);
  return bundled.length === 0 ? alone : [bundled, ...alone];
}

/** What a viewer is told about the end of its stream. */
function viewersInfo(reason: string): string {
  return reason === 'Stopped by rest /terminate' ? reason : 'Stopped by publisher stop';
}
