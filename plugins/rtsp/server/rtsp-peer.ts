import { messageOf, ProtocolError, WcsError, type Connection, type PluginContext, type PluginSession } from 'wcs-core';
import { NEED_MORE } from 'wcs-core/formats/need-more';
import { Liveness, type LivenessState } from '../session/liveness.ts';
import { RtspSession } from '../session/rtsp-session.ts';
import type { Effect, Question, SessionState, SetTrack } from '../session/session-state.ts';
import type { RtspSettings } from '../settings.ts';
import type { InterleavedFrame, RtspMessage } from '../wire/message.ts';
import { RtspReader } from '../wire/message-reader.ts';
import { encodeInterleaved } from '../wire/message-writer.ts';
import type { NumberPair } from '../wire/transport.ts';
import { accessRequestOf } from './access-request.ts';
import type { MediaPort, Publisher, PublishRequest } from './media-port.ts';
import { PeerPlayer } from './peer-player.ts';
import type { SharedPlayerPorts } from './player-ports.ts';
import { PublisherPorts } from './publisher-ports.ts';

/** How long what was written last may take to go out before a connection that we end is cut. */
const CLOSE_LINGER_MS = 1000;

/** A connection as plain data, for the next version of the plugin. */
export interface PeerState {
  readonly unread: Uint8Array;
  readonly rtsp: SessionState;
  readonly liveness: LivenessState;
  readonly player: unknown;
  readonly publisher: unknown;
  /** Of which track each pair of the session is. */
  readonly pairs: readonly number[];
}

/** What every peer is given. */
export interface PeerServices {
  readonly ctx: PluginContext<RtspSettings>;
  readonly media: MediaPort;
  readonly ports: SharedPlayerPorts;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  onClosed(peer: RtspPeer): void;
}

/** One RTSP connection at work: carries out the effects of its session on the socket, the ports and the media port. */
export class RtspPeer {
  readonly session: PluginSession;
  readonly connection: Connection;
  readonly #services: PeerServices;
  readonly #reader: RtspReader;
  readonly #rtsp: RtspSession;
  readonly #liveness: Liveness;
  readonly #publisherPorts: PublisherPorts;
  readonly #player: PeerPlayer;
  #channels = new Map<number, { readonly index: number; readonly isRtcp: boolean }>();
  #publisher: Publisher | undefined;
  #closing = false;
  /** An answer that is to come late stops everything behind it. */
  #delayed = false;

  /** @param state of a peer of the previous version */
  constructor(services: PeerServices, session: PluginSession, connection: Connection, state?: PeerState) {
    const { auth, udp, sessionTimeoutS } = services.ctx.settings;
    this.session = session;
    this.connection = connection;
    this.#services = services;
    this.#reader = new RtspReader(state?.unread);
    // What is encrypted must not leave in the clear beside it.
    const isOverUdp = udp && !connection.encrypted;
    const family = connection.localAddress.includes(':') ? 6 : 4;
    this.#rtsp = new RtspSession({ auth, udp: isOverUdp, sessionTimeoutS, family, nowMs: services.nowMs }, state?.rtsp);
    this.#liveness = new Liveness(services.ctx.settings, services.nowMs(), state?.liveness);
    this.#publisherPorts = new PublisherPorts({
      session,
      address: connection.remoteAddress,
      clientPorts: (index) => this.#clientPorts(index),
      onRtp: (index, packet) => this.#publisher?.rtp(index, packet, services.nowMs()),
      onRtcp: (index, compound) => this.#publisher?.rtcp(index, compound, services.nowMs()),
    });
    const { media, ports, nowMs } = services;
    this.#player = new PeerPlayer({
      session,
      connection,
      rtsp: this.#rtsp,
      media,
      ports,
      nowMs,
      perform: (effects) => this.#perform(effects),
      continue: (effects) => this.#continue(effects),
      onSign: () => this.#liveness.sign(nowMs()),
      onTooSlow: () => this.#fail('Reader is too slow'),
    });
    // Not its ports: they go with the session, to the next version or with its end.
    session.scope.add('peer', () => {
      this.#player.stop();
      services.onClosed(this);
    });
    session.attach(connection, { onData: (chunk) => this.#onData(chunk), onClose: () => session.close('Stopped by session disconnect') });
    if (state !== undefined) this.#restore(state);
    this.#updateEntry();
  }

  get activity(): 'play' | 'publish' | undefined {
    if (this.#player.isAtWork) return 'play';
    return this.#publisher === undefined ? undefined : 'publish';
  }

  /** Looks after a silent peer, and sends what is due; called about every second. */
  tick(nowMs: number): void {
    if (this.#closing) return;
    this.#player.tick(nowMs);
    this.#publisher?.tick(nowMs);
    if (this.#publisher?.lastPacketMs !== undefined) this.#liveness.sign(this.#publisher.lastPacketMs);
    const { bytesWritten, backlogBytes } = this.connection;
    const verdict = this.#liveness.tick(nowMs, bytesWritten - backlogBytes, this.activity !== undefined);
    if (verdict !== 'fine') this.#fail(verdict === 'silent' ? 'Silent for too long' : 'Nothing played or published in time');
  }

  /** Everything that the next version needs, or undefined while the connection is about to end or an answer is late. */
  exportState(): PeerState | undefined {
    if (this.#closing || this.#delayed || this.#rtsp.pending?.wait.type === 'port') return undefined;
    return {
      player: this.#player.exportState(),
      publisher: this.#publisher?.exportState(),
      unread: this.#reader.unread,
      rtsp: this.#rtsp.exportState(),
      liveness: this.#liveness.exportState(),
      pairs: this.#publisherPorts.indices,
    };
  }

  #restore(state: PeerState): void {
    for (const [place, index] of state.pairs.entries()) {
      const pair = this.session.rtpPairs[place];
      if (pair !== undefined) this.#publisherPorts.attach(index, pair);
    }
    this.#mapChannels();
    const { target, pending } = this.#rtsp;
    if (state.player !== undefined) this.#player.restore(state.player);
    else if (target?.type === 'play') this.#player.hold(target.name);
    if (state.publisher !== undefined) this.#publisher = this.#services.media.restorePublisher(this.#publishRequest(), state.publisher);
    // The answer to the previous version is lost with it.
    if (pending?.wait.type === 'access') this.#ask(pending.wait.question);
    if (pending?.wait.type === 'stream') this.#find(pending.wait.name, pending.wait.params);
    if (pending?.wait.type === 'seek') this.#player.seek(pending.wait.startS);
  }

  #onData(chunk: Buffer): void {
    if (this.#closing) return;
    this.#reader.feed(chunk);
    this.#read();
  }

  #read(): void {
    try {
      while (!this.#closing && !this.#isWaiting) {
        const message = this.#reader.next();
        if (message === NEED_MORE) break;
        this.#take(message);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#fail(error.message);
    }
    if (this.#isWaiting) this.connection.pause();
    else this.connection.resume();
  }

  get #isWaiting(): boolean {
    return this.#delayed || this.#rtsp.pending !== undefined;
  }

  #take(message: RtspMessage): void {
    if (message.type === 'interleaved') return this.#takeFrame(message);
    this.#liveness.sign(this.#services.nowMs());
    // We ask readers nothing, so that there is no response to look at.
    if (message.type === 'request') this.#perform(this.#rtsp.receive(message));
  }

  /** Frames of channels that were not set up go nowhere. @see RFC 2326 section 10.12 */
  #takeFrame({ channel, data }: InterleavedFrame): void {
    const place = this.#channels.get(channel);
    if (place === undefined) return;
    const nowMs = this.#services.nowMs();
    if (this.#publisher !== undefined) {
      if (place.isRtcp) this.#publisher.rtcp(place.index, data, nowMs);
      else this.#publisher.rtp(place.index, data, nowMs);
    } else if (place.isRtcp) this.#player.rtcp(place.index, data);
  }

  /** The peer's fault, or its silence: nothing more is said. */
  #fail(reason: string): void {
    this.session.log.debug('RTSP connection ended', { reason, address: this.connection.remoteAddress });
    this.session.close(reason);
  }

  /** Ends the connection in good order: what is written goes out first. */
  #close(reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#stop();
    this.connection.end();
    this.session.timers.after(CLOSE_LINGER_MS, () => this.session.close(reason));
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect.bytes, effect.delayMs ?? 0);
      case 'ask':
        return this.#ask(effect.question);
      case 'find':
        return this.#find(effect.name, effect.params);
      case 'openPort':
        return this.session.background(this.#openPort(effect.track));
      case 'seek':
        return this.#player.seek(effect.startS);
      case 'startPlay':
        return this.#player.start(effect.cseq, effect.uri, effect.startS);
      case 'pausePlay':
        return this.#player.pause();
      case 'startRecord':
        return this.#startRecord(effect.cseq);
      case 'stop':
        this.#publisher?.end(effect.reason);
        return this.#stop();
      case 'changed':
        this.#mapChannels();
        return this.#updateEntry();
      case 'close':
        return this.#close(effect.reason);
    }
  }

  #send(bytes: Uint8Array, delayMs: number): void {
    if (delayMs === 0) return void this.connection.write(bytes);
    this.#delayed = true;
    this.session.timers.after(delayMs, () => {
      this.#delayed = false;
      this.connection.write(bytes);
      this.#read();
    });
  }

  /** Carries out what came of a wait, and goes on with what the peer has sent meanwhile. */
  #continue(effects: readonly Effect[]): void {
    if (this.session.closed || this.#closing) return;
    this.#perform(effects);
    this.#read();
  }

  #ask(question: Question): void {
    const decide = async (): Promise<void> => {
      const decision = await this.#services.ctx.access.authorise(accessRequestOf(this.session, this.connection, question, this.#rtsp.userAgent), this.session.scope.signal);
      if (!decision.allowed) {
        this.session.log.debug('RTSP refused', { reason: decision.reason, stream: question.name });
        this.#continue(this.#rtsp.decide({ allowed: false, reason: decision.reason }));
        return;
      }
      const { streamName: name, params } = decision;
      this.#continue(this.#rtsp.decide({ allowed: true, ...(name === undefined ? {} : { name }), ...(params === undefined ? {} : { params }) }));
    };
    this.session.background(decide());
  }

  #find(name: string, params: Readonly<Record<string, string>>): void {
    const { media } = this.#services;
    const { session } = this;
    const { signal } = session.scope;
    const find = async (): Promise<void> => {
      try {
        const stream = await media.find({ session, name, params, signal });
        if (signal.aborted) return;
        this.#player.hold(stream.name);
        this.#continue(this.#rtsp.found(media.describe(stream)));
      } catch (error) {
        if (signal.aborted) return;
        session.log.debug('RTSP playing refused', { stream: name, reason: messageOf(error) });
        const isAbsent = error instanceof WcsError && error.code === 'MEDIA_E_NOT_FOUND';
        this.#continue(this.#rtsp.notFound(isAbsent ? 404 : 503));
      }
    };
    session.background(find());
  }

  async #openPort({ index }: SetTrack): Promise<void> {
    const { ctx, ports } = this.#services;
    try {
      const isPublish = this.#rtsp.target?.type === 'publish';
      const pair = isPublish ? await ctx.rtp.openPair() : await ports.open();
      if (isPublish && (this.session.closed || this.#closing)) {
        pair.destroy();
        return;
      }
      if (isPublish) this.#publisherPorts.attach(index, pair);
      this.#continue(this.#rtsp.portOpened([pair.rtp.port, pair.rtcp.port]));
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      this.session.log.warn('No ports for RTP', { reason: error.message });
      this.#continue(this.#rtsp.portRefused());
    }
  }

  #startRecord(cseq: string): void {
    try {
      this.#publisher = this.#services.media.publish(this.#publishRequest());
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      this.session.log.debug('RTSP publishing refused', { reason: error.message });
      return this.#perform(this.#rtsp.recordFailed(cseq, error.code === 'MEDIA_E_NAME_IN_USE' ? 409 : 403));
    }
    this.session.log.info('RTSP stream published', { stream: this.#rtsp.target?.name, address: this.connection.remoteAddress });
    this.#perform(this.#rtsp.recordStarted(cseq));
  }

  #stop(): void {
    this.#player.stop();
    this.#publisher = undefined;
    this.#publisherPorts.close();
    this.#channels.clear();
  }

  #clientPorts(index: number): NumberPair | undefined {
    const path = this.#rtsp.tracks.find((track) => track.index === index)?.path;
    return path?.type === 'udp' ? path.clientPorts : undefined;
  }

  #mapChannels(): void {
    this.#channels = new Map(this.#rtsp.tracks.flatMap(({ index, path }) => (path.type === 'interleaved' ? path.channels.map((channel, at) => [channel, { index, isRtcp: at === 1 }] as const) : [])));
  }

  #publishRequest(): PublishRequest {
    const { connection, session } = this;
    const { target, tracks: set, user } = this.#rtsp;
    if (target?.type !== 'publish') throw new Error('Publishing without a target');
    const { name, params, tracks } = target;
    const sendRtcp = (index: number, compound: Uint8Array): void => this.#sendRtcp(set.find((track) => track.index === index), compound);
    const onTerminate = (reason: string): void => this.#perform(this.#rtsp.ended(reason));
    return { session, peer: { address: connection.remoteAddress, port: connection.remotePort }, name, params, user, tracks, set, sendRtcp, onTerminate };
  }

  #sendRtcp(track: SetTrack | undefined, compound: Uint8Array): void {
    if (track?.path.type === 'interleaved') this.connection.write(encodeInterleaved(track.path.channels[1], compound));
    else if (track !== undefined) this.#publisherPorts.sendRtcp(track.index, compound);
  }

  /** The facts for lists; their functions belong to this version of the plugin, so that a swap exchanges them. */
  #updateEntry(): void {
    const { connection } = this;
    const { phase, target, tracks, user, userAgent } = this.#rtsp;
    this.session.entry.update({
      state: phase === 'playing' || phase === 'recording' ? 'ESTABLISHED' : 'PENDING',
      role: phase === 'playing' ? 'play' : phase === 'recording' ? 'publish' : 'control',
      streamName: target?.name,
      user,
      userAgent,
      info: { secure: connection.encrypted, transport: tracks[0]?.path.type ?? 'none' },
      bytesIn: () => connection.bytesRead,
      bytesOut: () => connection.bytesWritten + this.#player.datagramBytes,
    });
  }
}
