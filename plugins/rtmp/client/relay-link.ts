import { ProtocolError, type Connection, type PluginSession } from 'wcs-core';
import { ClientSession } from '../session/client-session.ts';
import type { ClientEffect, ClientFailure, ClientState, ClientWish } from '../session/client-state.ts';
import { Liveness, type LivenessState } from '../session/liveness.ts';
import { ChunkEngine, MAX_MESSAGE_BYTES } from '../wire/chunk-engine.ts';
import type { ChunkEngineState } from '../wire/chunk-state.ts';
import { encodeMessage } from '../wire/chunk-writer.ts';
import { USER_EVENT, userControlMessage } from '../wire/control.ts';
import { encodeClientHello } from '../wire/handshake.ts';
import type { MediaLink, RelayMedia } from './relay-media.ts';

/** A connection as plain data, for the next version of the plugin. */
export interface LinkState {
  readonly wish: ClientWish;
  readonly engine: ChunkEngineState;
  readonly client: ClientState;
  readonly liveness: LivenessState;
  readonly mediaMessages: number;
  readonly flowing: boolean;
}

/** What a link tells its relay; nothing more after `onChallenged` or `onLost`. */
export interface LinkHandlers {
  /** The other server takes, or begins to send, the stream. */
  onStarted(): void;
  /** The other server wants a password: connect once more with this proof. */
  onChallenged(proof: string): void;
  onLost(failure: ClientFailure): void;
}

/** What a link works with. */
export interface LinkOptions {
  readonly session: PluginSession;
  readonly connection: Connection;
  readonly wish: ClientWish;
  readonly limits: LinkLimits;
  readonly media: () => RelayMedia;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly handlers: LinkHandlers;
}

/** Periods of a link, in milliseconds. */
export interface LinkLimits {
  /** From the connection to the flow of media. */
  readonly startTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
}

/** One connection to another server at work: carries out the effects of its client session on socket and media. */
export class RelayLink implements MediaLink {
  /** Set once media flows; until then the link has its time to start. */
  flowing: boolean;
  readonly #options: LinkOptions;
  readonly #engine: ChunkEngine;
  readonly #client: ClientSession;
  readonly #liveness: Liveness;
  #mediaMessages: number;
  #over = false;

  /** @param state of a link of the previous version; a new link says hello */
  constructor(options: LinkOptions, state?: LinkState) {
    const { session, connection, wish, limits, nowMs } = options;
    this.#options = options;
    this.flowing = state?.flowing ?? false;
    this.#mediaMessages = state?.mediaMessages ?? 0;
    this.#engine = new ChunkEngine({ onMessage: (message) => this.#perform(this.#client.receive(message)), onOutput: (bytes) => this.write(bytes) }, state?.engine, 'client');
    this.#client = new ClientSession(wish, state?.client);
    this.#liveness = new Liveness({ ...limits, handshakeTimeoutMs: limits.startTimeoutMs }, state?.liveness ?? Liveness.begin(nowMs()));
    session.attach(connection, { onData: (chunk) => this.#onData(chunk), onClose: (error) => this.#onClose(error) });
    if (state === undefined) this.write(encodeClientHello());
  }

  get connection(): Connection {
    return this.#options.connection;
  }

  get running(): boolean {
    return this.#client.phase === 'running';
  }

  get streamId(): number {
    return this.#client.streamId;
  }

  get fourCcs(): MediaLink['fourCcs'] {
    return this.#client.fourCcs;
  }

  get backlogBytes(): number {
    return this.connection.backlogBytes;
  }

  write(bytes: Uint8Array): void {
    this.connection.write(bytes);
  }

  cork(): void {
    this.connection.cork();
  }

  uncork(): void {
    this.connection.uncork();
  }

  exportState(): LinkState {
    const { wish } = this.#options;
    return { wish, engine: this.#engine.exportState(), client: this.#client.exportState(), liveness: this.#liveness.exportState(), mediaMessages: this.#mediaMessages, flowing: this.flowing };
  }

  /** Looks after a silent server; called about every second. */
  tick(): void {
    if (this.#over) return;
    const { nowMs, wish } = this.#options;
    const { bytesRead, bytesWritten } = this.connection;
    // Answers to pings keep no pull alive: it is there for the media.
    const progress = wish.role === 'publish' ? bytesRead + bytesWritten - this.backlogBytes : this.#mediaMessages;
    const now = nowMs();
    switch (this.#liveness.tick(now, progress, this.flowing)) {
      case 'ping':
        return this.write(encodeMessage(userControlMessage(USER_EVENT.pingRequest, now)));
      case 'handshakeTimeout':
        return this.#lose({ type: 'broken', reason: this.running ? 'No media came in time' : 'The server did not answer in time' });
      case 'idle':
        return this.#lose({ type: 'broken', reason: 'Silent for too long' });
      case 'fine':
    }
  }

  /** Says goodbye and ends our side; what is written goes out first. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const effect of this.#client.close()) if (effect.type === 'send') this.write(encodeMessage(effect.message));
    this.connection.end();
  }

  /** Cuts the connection; nothing is told any more. */
  drop(): void {
    this.#over = true;
    this.#options.session.detach(this.connection);
    this.connection.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#engine.feed(chunk);
      if (this.#engine.handshakeDone && this.#client.phase === 'new') this.#perform(this.#client.begin());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#lose({ type: 'broken', reason: error.message });
    }
  }

  #onClose(error: Error | undefined): void {
    const during = this.running ? '' : ' instead of an answer';
    this.#lose({ type: 'broken', reason: `The server closed the connection${during}${error === undefined ? '' : ` (${error.message})`}` });
  }

  #lose(failure: ClientFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.handlers.onLost(failure);
  }

  #perform(effects: readonly ClientEffect[]): void {
    for (const effect of effects) if (!this.#over) this.#carryOut(effect);
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send':
        return this.write(encodeMessage(effect.message));
      case 'audio':
      case 'video':
        this.#mediaMessages += 1;
        return this.#options.media()[effect.type](effect.timestampMs, effect.payload);
      case 'data':
        return this.#options.media().data(effect.values);
      case 'connected':
        this.#engine.maxMessageBytes = MAX_MESSAGE_BYTES;
        return;
      case 'started':
        return this.#options.handlers.onStarted();
      case 'challenged':
        this.#over = true;
        return this.#options.handlers.onChallenged(effect.proof);
      case 'failed':
        return this.#lose(effect.failure);
    }
  }
}
