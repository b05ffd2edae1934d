import { messageOf, parseStreamName, ProtocolError, type AccessRequest, type MediaSessionEvent, type PluginContext, type PluginSession, type TelephonyEvent, type WebSocketConnection, type WebSocketHandler } from 'wcs-core';
import { ClientSession, type ClientSessionState, type Effect, type Verdict } from '../session/client-session.ts';
import type { CommonAct, CommonStream } from '../session/common-ground.ts';
import { INFO } from '../session/infos.ts';
import { KeepAlive, type KeepAliveState } from '../session/keep-alive.ts';
import type { MediaStream } from '../session/media-stream.ts';
import type { RoomMember } from '../session/rooms.ts';
import { parseClientMessage, type ConnectionRequest } from '../wire/client-message.ts';
import { encodeServerMessage, type ServerMessage } from '../wire/server-message.ts';
import type { ClientLog, ClientLogState } from './client-logs.ts';
import { ClientRequests } from './client-requests.ts';
import type { MsePort } from './mse-port.ts';
import { paramsOf } from './params.ts';
import { PhoneDesk } from './phone-desk.ts';
import type { WebSocketSettings } from './settings.ts';
import { StreamDesk, type MsePlaybackState } from './stream-desk.ts';

/** Longest message of a client that isn't authorised: what it says is kept as long as its session. */
const MAX_CONNECTION_LENGTH = 32 * 1024;

const MAX_BACKLOG_BEFORE_PING_BYTES = 64 * 1024;

/** A client as plain data, for the next version of the plugin. */
export interface PeerState {
  readonly machine: ClientSessionState;
  /** Monotonic milliseconds. */
  readonly acceptedAtMs: number;
  readonly awaySinceMs: number | undefined;
  /** Place of the control socket among the session's WebSockets. */
  readonly controlIndex: number | undefined;
  /** In the order of the session's WebSockets. */
  readonly keepAlives: readonly (KeepAliveState | undefined)[];
  readonly playbacks: readonly MsePlaybackState[];
  readonly log: ClientLogState;
  readonly mediaToken: string | undefined;
}

/** What every peer is given. */
export interface PeerServices {
  readonly ctx: PluginContext<WebSocketSettings>;
  readonly mse: MsePort;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  newToken(): string;
  logOf(sessionId: string, state?: ClientLogState): ClientLog;
  isIdTaken(mediaSessionId: string): boolean;
  claimId(mediaSessionId: string, peer: ClientPeer): void;
  releaseId(mediaSessionId: string): void;
  /** Does something to other sessions. */
  perform(act: CommonAct): void;
  onEstablished(peer: ClientPeer): void;
  /** Passes a media socket on to the session of that token. */
  onMediaSocket(peer: ClientPeer, authToken: string): void;
  /** Passes a socket on to the session that the client comes back to; false when there is none. */
  onReturn(peer: ClientPeer, request: ConnectionRequest): boolean;
  onClosed(peer: ClientPeer): void;
  readonly browserMetrics: () => void;
}

/** One client at work: carries out the effects of its session on its sockets, the access chain and the media. */
export class ClientPeer {
  readonly session: PluginSession;
  readonly machine: ClientSession;
  readonly desk: StreamDesk;
  readonly address: { readonly address: string; readonly port: number };
  readonly #services: PeerServices;
  readonly #log: ClientLog;
  readonly #requests: ClientRequests;
  readonly #phone: PhoneDesk;
  readonly #acceptedAtMs: number;
  readonly #keepAlives = new Map<WebSocketConnection, KeepAlive>();
  #control: WebSocketConnection | undefined;
  #awaySinceMs: number | undefined;
  /** Token of a media socket whose session isn't here (yet). */
  #mediaToken: string | undefined;

  /** @param first the client's socket; of a client that is handed over, any of its sockets, or where it last was */
  constructor(services: PeerServices, session: PluginSession, first: Pick<WebSocketConnection, 'remoteAddress' | 'remotePort'>, state?: PeerState) {
    const { settings } = services.ctx;
    this.session = session;
    this.#services = services;
    this.address = { address: first.remoteAddress, port: first.remotePort };
    this.#acceptedAtMs = state?.acceptedAtMs ?? services.nowMs();
    this.#log = services.logOf(session.id, state?.log);
    const options = {
      sessionId: session.id,
      authToken: services.newToken(),
      maxStreams: settings.maxStreamsPerSession,
      roomAppKeys: settings.rooms.appKeys,
      nameFault,
      isIdTaken: (id: string) => services.isIdTaken(id),
    };
    this.machine = new ClientSession(options, state?.machine);
    this.desk = new StreamDesk({ ctx: services.ctx, mse: services.mse, session, machine: this.machine, peer: this.address, perform: (effects) => this.#perform(effects) });
    this.#requests = new ClientRequests({ ctx: services.ctx, session, log: this.#log, onBrowserMetrics: services.browserMetrics, deliver: (message) => this.deliver(message) });
    this.#phone = new PhoneDesk({ ctx: services.ctx, session, machine: this.machine, peer: this.address, deliver: (message) => this.deliver(message) });
    session.scope.add('client', () => services.onClosed(this));
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
  }

  /** WebSockets of the client, those of its media included. */
  get sockets(): number {
    return this.#keepAlives.size;
  }

  /** MSE playbacks at work. */
  get mediaSockets(): number {
    return this.desk.mediaSockets.length;
  }

  /** Serves the client on a socket from now on. */
  take(socket: WebSocketConnection, keepAlive: KeepAliveState | number = this.#services.nowMs()): void {
    this.#control = socket;
    this.#awaySinceMs = undefined;
    this.#watch(socket, keepAlive, { onText: (text) => this.#onText(text), onClose: () => this.#onControlClosed(socket) });
    this.#updateEntry();
  }

  /** Serves a media socket of the client. */
  takeMedia(socket: WebSocketConnection, keepAlive: KeepAliveState | number = this.#services.nowMs()): void {
    this.#watch(socket, keepAlive, {
      onText: () => undefined,
      onClose: () => {
        this.#forget(socket);
        this.desk.socketClosed(socket);
      },
    });
  }

  /** Lets go of the socket, which another session takes, and ends. */
  giveAway(): WebSocketConnection | undefined {
    const socket = this.#control;
    if (socket === undefined) return undefined;
    this.#forget(socket);
    this.#control = undefined;
    this.session.close('Continued by another session');
    return socket;
  }

  /** The client is back on another socket. */
  resume(socket: WebSocketConnection, request: ConnectionRequest): void {
    const before = this.#control;
    if (before !== undefined) {
      this.#forget(before);
      before.close(1000, 'The session is continued on another connection');
    }
    this.take(socket);
    this.#perform(this.machine.resume(request));
    this.#services.perform({ type: 'sessionEnded', sessionId: this.session.id });
  }

  /** Tells the client something. */
  deliver(message: ServerMessage): void {
    this.#control?.sendText(encodeServerMessage(message));
  }

  /** Something has happened to the media of a stream of the client. */
  onMediaEvent(mediaSessionId: string, event: MediaSessionEvent): void {
    const stream = this.machine.find(mediaSessionId);
    if (stream !== undefined) this.#perform(this.machine.mediaEvent(stream, event));
  }

  /** Something has happened to the telephone account or a call of the client. */
  onTelephonyEvent(event: TelephonyEvent): void {
    this.#phone.onEvent(event);
  }

  /** Pings, and ends what is silent for too long; called about every second. */
  tick(nowMs: number): void {
    this.#log.flush();
    const { connectTimeoutMs, resumeMs } = this.#services.ctx.settings;
    if (this.#awaySinceMs !== undefined && nowMs - this.#awaySinceMs >= resumeMs) return this.session.close(INFO.stoppedByDisconnect);
    if (!this.machine.established && this.#awaySinceMs === undefined && nowMs - this.#acceptedAtMs >= connectTimeoutMs && !this.machine.pending) return this.#closeControl(1008, 'No connection in time');
    for (const [socket, keepAlive] of [...this.#keepAlives]) {
      const verdict = keepAlive.tick(nowMs);
      // Behind media that waits a ping would come too late to tell anything.
      if (verdict === 'ping' && socket.backlogBytes < MAX_BACKLOG_BEFORE_PING_BYTES) socket.sendText(PING);
      // It doesn't read, so that it would not hear of a close either.
      if (verdict === 'lost') socket.destroy();
    }
  }

  /** Everything that the next version needs, or undefined while something is under way that it could not take. */
  exportState(): PeerState | undefined {
    if (this.#requests.pending || this.#phone.pending || this.machine.pending || this.#control?.closing === true) return undefined;
    const { webSockets } = this.session;
    return {
      machine: this.machine.exportState(),
      acceptedAtMs: this.#acceptedAtMs,
      awaySinceMs: this.#awaySinceMs,
      controlIndex: this.#control === undefined ? undefined : webSockets.indexOf(this.#control),
      keepAlives: webSockets.map((socket) => this.#keepAlives.get(socket)?.exportState()),
      playbacks: this.desk.exportState(),
      log: this.#log.exportState(),
      mediaToken: this.#mediaToken,
    };
  }

  /** Goes on with what the previous version exported. */
  restore({ controlIndex, keepAlives, playbacks, awaySinceMs, mediaToken }: PeerState): void {
    for (const { facts } of this.machine.streams) this.#services.claimId(facts.mediaSessionId, this);
    for (const [index, socket] of this.session.webSockets.entries()) {
      const keepAlive = keepAlives[index] ?? this.#services.nowMs();
      if (index === controlIndex) this.take(socket, keepAlive);
      else this.takeMedia(socket, keepAlive);
    }
    this.#awaySinceMs = awaySinceMs;
    this.desk.restore(playbacks);
    this.#updateEntry();
    this.#mediaToken = mediaToken;
    if (mediaToken !== undefined) this.#services.onMediaSocket(this, mediaToken);
  }

  #watch(socket: WebSocketConnection, keepAlive: KeepAliveState | number, handler: Pick<WebSocketHandler, 'onText' | 'onClose'>): void {
    const watched = new KeepAlive(this.#services.ctx.settings, keepAlive);
    this.#keepAlives.set(socket, watched);
    this.session.attach(socket, {
      onText: (text) => {
        watched.heard();
        handler.onText(text);
      },
      onBinary: () => socket.close(1003, 'Binary messages mean nothing here'),
      onClose: handler.onClose,
    });
  }

  #forget(socket: WebSocketConnection): void {
    this.#keepAlives.delete(socket);
    this.session.detach(socket);
  }

  #onText(text: string): void {
    if (!this.machine.established && text.length > MAX_CONNECTION_LENGTH) return this.#closeControl(1009, 'The message is too long for a client that is not connected');
    try {
      const message = parseClientMessage(text);
      const isNew = !this.machine.established && !this.machine.pending;
      if (isNew && message.type === 'connection' && this.#services.onReturn(this, message.request)) return;
      this.#perform(this.machine.receive(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#closeControl(1007, error.message);
    }
  }

  #onControlClosed(socket: WebSocketConnection): void {
    if (this.#control !== socket) return;
    this.#control = undefined;
    const { keepAlive = false } = this.machine.request ?? {};
    if (!this.machine.established || !keepAlive) return this.session.close(INFO.stoppedByDisconnect);
    this.#forget(socket);
    this.#awaySinceMs = this.#services.nowMs();
    this.#leave();
    this.#updateEntry();
  }

  #closeControl(code: number, reason: string): void {
    this.session.log.debug('WebSocket closed', { code, reason, address: this.address.address });
    this.#control?.close(code, reason);
  }

  /** Ends the client's streams and takes it out of its rooms, without a word to it. */
  #leave(): void {
    this.#perform(this.machine.end().filter(({ type }) => type !== 'send'));
    this.#phone.disconnect();
    this.#services.perform({ type: 'sessionEnded', sessionId: this.session.id });
  }

  #sayGoodbye(reason: string): void {
    this.#leave();
    this.#log.flush();
    this.#control?.close(1001, reason);
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    if (effects.length > 0 && !this.session.closed) this.#updateEntry();
  }

  #carryOut(effect: Effect): void {
    const { desk } = this;
    switch (effect.type) {
      case 'send':
        return this.deliver(effect.message);
      case 'close':
        return this.#closeControl(effect.code, effect.reason);
      case 'askConnect':
        return this.#askConnect(effect.request);
      case 'established':
        return this.#services.onEstablished(this);
      case 'connectPhone':
        return this.#phone.connect(effect.account);
      case 'bindMediaSocket':
        this.#mediaToken = effect.authToken;
        return this.#services.onMediaSocket(this, effect.authToken);
      case 'askStream': {
        const { stream, request } = effect;
        this.#services.claimId(stream.facts.mediaSessionId, this);
        const action = stream.facts.published ? 'publish' : 'play';
        return this.#ask(action, paramsOf(request.custom), (verdict) => this.machine.streamDecided(stream, request, verdict), stream.streamName);
      }
      case 'openStream':
        return desk.open(effect.stream, effect.request, effect.params);
      case 'closeStream':
        return desk.close(effect.stream, effect.reason);
      case 'pauseStream':
        return desk.pause(effect.stream);
      case 'resumeStream':
        return desk.resume(effect.stream);
      case 'streamForgotten':
        return this.#services.releaseId(effect.stream.facts.mediaSessionId);
      case 'streamLive':
        return this.#services.perform({ type: 'streamLive', by: this.#member(), stream: this.#common(effect.stream) });
      case 'streamGone':
        return this.#services.perform({ type: 'streamGone', by: this.#member(), stream: this.#common(effect.stream), failed: effect.failed });
      case 'streamEvent':
        return this.#services.perform({ type: 'streamEvent', stream: this.#common(effect.stream), event: effect.event, payload: effect.payload });
      case 'askData':
        return this.#ask('data', {}, (verdict) => this.machine.dataDecided(verdict));
      case 'roomCommand':
        return this.#services.perform({ type: 'roomCommand', by: this.#member(), operationId: effect.operationId, command: effect.command });
      case 'call':
        return this.#phone.receive(effect);
      case 'sendMessage':
        return this.#phone.send(effect.message);
      default:
        return this.#requests.answer(effect);
    }
  }

  /** Nothing more is read until the access chain has answered. */
  #askConnect(request: ConnectionRequest): void {
    const socket = this.#control;
    socket?.pause();
    this.#ask('connect', paramsOf(request.custom), (verdict) => {
      socket?.resume();
      const effects = this.machine.connectDecided(verdict);
      return verdict.allowed && request.account !== undefined ? [...effects, { type: 'connectPhone', account: request.account }] : effects;
    });
  }

  #ask(action: AccessRequest['action'], params: AccessRequest['params'], decide: (verdict: Verdict) => readonly Effect[], streamName?: string): void {
    const { ctx } = this.#services;
    const request: AccessRequest = {
      action,
      protocol: 'websocket',
      app: this.machine.request?.appKey ?? '',
      params,
      peer: this.address,
      sessionId: this.session.id,
      userAgent: this.machine.request?.userAgent ?? '',
      ...(streamName === undefined ? {} : { streamName }),
    };
    const asked = async (): Promise<void> => {
      const decision = await ctx.access.authorise(request, this.session.scope.signal);
      if (this.session.closed) return;
      const verdict: Verdict = decision.allowed ? { allowed: true, params: decision.params ?? params, ...(decision.streamName === undefined ? {} : { name: decision.streamName }) } : decision;
      this.#perform(decide(verdict));
    };
    this.session.background(asked());
  }

  #member(): RoomMember {
    return { sessionId: this.session.id, appKey: this.machine.request?.appKey ?? '', login: this.machine.login };
  }

  #common({ facts, streamName, room }: MediaStream): CommonStream {
    const { mediaSessionId, name, published } = facts;
    return { sessionId: this.session.id, mediaSessionId, name, published, streamName, room };
  }

  /** The facts for lists; their functions belong to this version of the plugin, so that a swap exchanges them. */
  #updateEntry(): void {
    const { streams, request } = this.machine;
    const [publishes, plays] = [streams.some(({ facts }) => facts.published), streams.some(({ facts }) => !facts.published)];
    const sum = (count: (socket: WebSocketConnection) => number) => () => [...this.#keepAlives.keys()].reduce((total, socket) => total + count(socket), 0);
    this.session.entry.update({
      state: this.#awaySinceMs !== undefined ? 'AWAY' : this.machine.established ? 'ESTABLISHED' : 'PENDING',
      role: publishes && plays ? 'publish+play' : publishes ? 'publish' : plays ? 'play' : 'control',
      streamName: streams[0]?.streamName,
      user: this.machine.login,
      userAgent: request?.userAgent,
      info: { appKey: request?.appKey ?? '', secure: this.#control?.encrypted ?? false },
      bytesIn: sum((socket) => socket.bytesRead),
      bytesOut: sum((socket) => socket.bytesWritten),
    });
  }
}

const PING = encodeServerMessage({ type: 'ping' });

function nameFault(name: string): string | undefined {
  try {
    parseStreamName(name);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
