import { ProtocolError, messageOf, parseStreamName, type AccessRequest, type Connection, type PluginContext, type PluginSession } from 'wcs-core';
import { Liveness, type LivenessState } from '../session/liveness.ts';
import { RtmpSession } from '../session/rtmp-session.ts';
import type { Effect, PlayActivity, Question, SessionState } from '../session/session-state.ts';
import type { UrlParams } from '../session/url-params.ts';
import { ChunkEngine, MAX_MESSAGE_BYTES } from '../wire/chunk-engine.ts';
import type { ChunkEngineState } from '../wire/chunk-state.ts';
import { encodeMessage } from '../wire/chunk-writer.ts';
import { USER_EVENT, userControlMessage } from '../wire/control.ts';
import type { MediaPort, Player, PlaySink, Publisher, PublishRequest } from './media-port.ts';
import type { RtmpSettings } from './settings.ts';

/** How long what was written last may take to go out before a connection that we end is cut. */
const CLOSE_LINGER_MS = 1000;

/** A connection as plain data, for the next version of the plugin. */
export interface PeerState {
  readonly engine: ChunkEngineState;
  readonly session: SessionState;
  readonly liveness: LivenessState;
  readonly publishers: readonly { readonly streamId: number; readonly state: unknown }[];
  readonly players: readonly { readonly streamId: number; readonly state: unknown }[];
}

/** What every peer is given. */
export interface PeerServices {
  readonly ctx: PluginContext<RtmpSettings>;
  readonly media: MediaPort;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  onClosed(peer: RtmpPeer): void;
}

/** One RTMP connection at work: carries out the effects of its session on the socket and the media port. */
export class RtmpPeer {
  readonly session: PluginSession;
  readonly connection: Connection;
  readonly #services: PeerServices;
  readonly #engine: ChunkEngine;
  readonly #rtmp: RtmpSession;
  readonly #liveness: Liveness;
  readonly #publishers = new Map<number, Publisher>();
  readonly #players = new Map<number, Player>();
  #closing = false;

  /** @param state of a peer of the previous version */
  constructor(services: PeerServices, session: PluginSession, connection: Connection, state?: PeerState) {
    const { settings } = services.ctx;
    this.session = session;
    this.connection = connection;
    this.#services = services;
    this.#engine = new ChunkEngine({ onMessage: (message) => this.#perform(this.#rtmp.receive(message)), onOutput: (bytes) => void connection.write(bytes) }, state?.engine);
    this.#rtmp = new RtmpSession({ nameFault }, state?.session);
    this.#liveness = new Liveness(settings, state?.liveness ?? Liveness.begin(services.nowMs()));
    session.scope.add('peer', () => services.onClosed(this));
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
    session.attach(connection, { onData: (chunk) => this.#onData(chunk), onClose: () => session.close('Stopped by session disconnect') });
    if (state !== undefined) this.#restore(state);
    this.#updateEntry();
  }

  /** Message streams that publish, or play, at present. */
  count(type: 'publish' | 'play'): number {
    return type === 'publish' ? this.#publishers.size : this.#players.size;
  }

  /** Looks after a silent peer; called about every second. */
  tick(): void {
    if (this.#closing) return;
    const { bytesRead, bytesWritten, backlogBytes } = this.connection;
    const taken = this.#players.size > 0 ? bytesWritten - backlogBytes : 0;
    const nowMs = this.#services.nowMs();
    switch (this.#liveness.tick(nowMs, bytesRead + taken, this.#rtmp.phase === 'connected')) {
      case 'ping':
        return void this.connection.write(encodeMessage(userControlMessage(USER_EVENT.pingRequest, nowMs)));
      case 'handshakeTimeout':
        return this.#fail('No connect in time');
      case 'idle':
        return this.#fail('Silent for too long');
      case 'fine':
    }
  }

  /** Everything that the next version needs, or undefined when the connection is about to end anyway. */
  exportState(): PeerState | undefined {
    if (this.#closing) return undefined;
    const entries = (all: ReadonlyMap<number, Publisher | Player>) => [...all].map(([streamId, one]) => ({ streamId, state: one.exportState() }));
    return {
      engine: this.#engine.exportState(),
      session: this.#rtmp.exportState(),
      liveness: this.#liveness.exportState(),
      publishers: entries(this.#publishers),
      players: entries(this.#players),
    };
  }

  #restore(state: PeerState): void {
    for (const { streamId, state: saved } of state.publishers) {
      const activity = this.#rtmp.streams.activity(streamId);
      if (activity.type !== 'publish') continue;
      this.#publishers.set(streamId, this.#services.media.restorePublisher(this.#publishRequest(streamId, activity.name, activity.params), saved));
    }
    for (const { streamId, state: saved } of state.players) {
      const activity = this.#rtmp.streams.activity(streamId);
      if (activity.type === 'play') this.#players.set(streamId, this.#services.media.restorePlayer(this.#playRequest(streamId, activity), saved));
    }
    // The answer to the previous version is lost with it.
    if (this.#rtmp.question !== undefined) this.#ask(this.#rtmp.question);
  }

  #onData(chunk: Buffer): void {
    if (this.#closing) return;
    try {
      this.#engine.feed(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(error.message);
    }
  }

  /** The peer's fault, or its silence: nothing more is said. */
  #fail(reason: string): void {
    this.session.log.debug('RTMP connection ended', { reason, address: this.connection.remoteAddress });
    this.session.onGoodbye = undefined;
    this.session.close(reason);
  }

  #sayGoodbye(reason: string): void {
    for (const effect of this.#rtmp.close(reason)) if (effect.type === 'send') this.connection.write(encodeMessage(effect.message));
  }

  /** Ends the connection in good order: what is written goes out first. */
  #close(reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.session.onGoodbye = undefined;
    this.connection.end();
    this.session.timers.after(CLOSE_LINGER_MS, () => this.session.close(reason));
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        return void this.connection.write(encodeMessage(effect.message));
      case 'audio':
        return this.#publishers.get(effect.streamId)?.audio(effect.timestampMs, effect.payload);
      case 'video':
        return this.#publishers.get(effect.streamId)?.video(effect.timestampMs, effect.payload);
      case 'data':
        return this.#publishers.get(effect.streamId)?.data(effect.timestampMs, effect.values);
      case 'ask':
        return this.#ask(effect.question);
      case 'connected':
        this.#engine.maxMessageBytes = MAX_MESSAGE_BYTES;
        return this.#updateEntry();
      case 'startPublish':
        return this.#startPublish(effect.streamId, effect.name, effect.params);
      case 'stopPublish':
        return this.#stopPublish(effect.streamId, effect.reason);
      case 'startPlay':
        this.#players.set(effect.streamId, this.#services.media.play(this.#playRequest(effect.streamId, effect.activity)));
        return this.#updateEntry();
      case 'changePlay':
        return this.#players.get(effect.streamId)?.change(effect.activity);
      case 'seek':
        return this.#seek(effect.streamId, effect.positionMs);
      case 'stopPlay':
        return this.#stopPlay(effect.streamId);
      case 'close':
        return this.#close(effect.reason);
      case 'alive':
        // Its bytes have been counted already.
        return;
    }
  }

  /** Asks the access chain; the connection isn't read until it has answered. */
  #ask(question: Question): void {
    this.connection.pause();
    const decide = async (): Promise<void> => {
      const decision = await this.#services.ctx.access.authorise(this.#accessRequest(question), this.session.scope.signal);
      if (this.session.closed || this.#closing) return;
      const { streamName: name, params } = decision.allowed ? decision : {};
      const verdict = decision.allowed
        ? { allowed: true as const, ...(name === undefined ? {} : { name }), ...(params === undefined ? {} : { params }) }
        : { allowed: false as const, reason: decision.reason };
      try {
        this.#perform(this.#rtmp.decide(verdict));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#fail(error.message);
      }
      if (this.#rtmp.question === undefined) this.connection.resume();
    };
    this.session.background(decide());
  }

  #accessRequest(question: Question): AccessRequest {
    const { connection, session } = this;
    const connect = question.action === 'connect' ? question.request : this.#rtmp.connect;
    const target = question.action === 'connect' ? { params: question.request.params } : { params: question.params, streamName: question.name };
    return {
      action: question.action,
      protocol: 'rtmp',
      ...target,
      app: connect?.app ?? '',
      userAgent: connect?.userAgent ?? '',
      peer: { address: connection.remoteAddress, port: connection.remotePort },
      sessionId: session.id,
    };
  }

  #startPublish(streamId: number, name: string, params: UrlParams): void {
    try {
      this.#publishers.set(streamId, this.#services.media.publish(this.#publishRequest(streamId, name, params)));
    } catch (error) {
      this.session.log.debug('RTMP publishing refused', { stream: name, reason: messageOf(error) });
      return this.#perform(this.#rtmp.publishFailed(streamId, messageOf(error)));
    }
    this.session.log.info('RTMP stream published', { stream: name, address: this.connection.remoteAddress });
    this.#perform(this.#rtmp.publishStarted(streamId));
    this.#updateEntry();
  }

  #stopPublish(streamId: number, reason: string): void {
    const publisher = this.#publishers.get(streamId);
    this.#publishers.delete(streamId);
    publisher?.end(reason);
    this.#updateEntry();
  }

  #stopPlay(streamId: number): void {
    const player = this.#players.get(streamId);
    this.#players.delete(streamId);
    player?.stop();
    this.#updateEntry();
  }

  #seek(streamId: number, positionMs: number): void {
    const player = this.#players.get(streamId);
    if (player === undefined) return;
    // A stream whose file fails ends, which is said on its own.
    const sought = player.seek(positionMs).catch(() => false);
    this.session.background(
      sought.then((hasMoved) => {
        if (hasMoved && !this.session.closed && !this.#closing) this.#perform(this.#rtmp.sought(streamId));
      }),
    );
  }

  #publishRequest(streamId: number, name: string, params: UrlParams): PublishRequest {
    const { connection, session } = this;
    const peer = { address: connection.remoteAddress, port: connection.remotePort };
    const onTerminate = (reason: string): void => {
      this.#publishers.delete(streamId);
      this.#perform(this.#rtmp.close(reason));
    };
    return { session, peer, app: this.#rtmp.connect?.app ?? '', name, params, onTerminate };
  }

  #playRequest(streamId: number, activity: PlayActivity): Parameters<MediaPort['play']>[0] {
    return { session: this.session, streamId, activity, fourCcs: this.#rtmp.connect?.fourCcs ?? [], sink: this.#playSink(streamId) };
  }

  #playSink(streamId: number): PlaySink {
    const { connection } = this;
    const ended = (effects: readonly Effect[]): void => {
      this.#stopPlay(streamId);
      this.#perform(effects);
    };
    return {
      write: (bytes) => connection.write(bytes),
      get backlogBytes() {
        return connection.backlogBytes;
      },
      onStarted: () => this.#perform(this.#rtmp.playStarted(streamId)),
      onFailed: (code, reason) => ended(this.#rtmp.playFailed(streamId, code, reason)),
      onResumed: () => this.#perform(this.#rtmp.playResumed(streamId)),
      onEnded: () => ended(this.#rtmp.playEnded(streamId)),
      onOverflow: () => this.#fail('Reader is too slow'),
    };
  }

  /** The facts for lists; their functions belong to this version of the plugin, so that a swap exchanges them. */
  #updateEntry(): void {
    const { connection } = this;
    const [publishes, plays] = [this.#publishers.size > 0, this.#players.size > 0];
    const names = this.#rtmp.streams.list().flatMap(({ activity }) => (activity.type === 'idle' ? [] : [activity.name]));
    this.session.entry.update({
      state: this.#rtmp.phase === 'connected' ? 'ESTABLISHED' : 'PENDING',
      role: publishes && plays ? 'publish+play' : publishes ? 'publish' : plays ? 'play' : 'control',
      streamName: names[0],
      userAgent: this.#rtmp.connect?.userAgent,
      info: { app: this.#rtmp.connect?.app ?? '', secure: connection.encrypted },
      bytesIn: () => connection.bytesRead,
      bytesOut: () => connection.bytesWritten,
    });
  }
}

function nameFault(name: string): string | undefined {
  try {
    parseStreamName(name);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
