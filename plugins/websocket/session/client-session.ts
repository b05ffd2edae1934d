import type { MediaSessionEvent, TelephoneAccount, TextMessage } from 'wcs-core';
import type { CallMessageName, ClientMessage, ConnectionRequest, StreamEventType, StreamRequest } from '../wire/client-message.ts';
import { loginOf, parseRoomCommand, type RoomCommand } from '../wire/room-command.ts';
import type { ServerMessage, StreamStatus } from '../wire/server-message.ts';
import { INFO } from './infos.ts';
import { mediaStream, statusOf, type MediaStream } from './media-stream.ts';

/** What the session wants done, in this order. */
export type Effect =
  | { readonly type: 'send'; readonly message: ServerMessage }
  /** Ends the WebSocket with a status code and a reason. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  | { readonly type: 'askConnect'; readonly request: ConnectionRequest }
  | { readonly type: 'established' }
  | { readonly type: 'connectPhone'; readonly account: TelephoneAccount }
  | { readonly type: 'bindMediaSocket'; readonly authToken: string }
  | { readonly type: 'askStream'; readonly stream: MediaStream; readonly request: StreamRequest }
  | { readonly type: 'openStream'; readonly stream: MediaStream; readonly request: StreamRequest; readonly params: Readonly<Record<string, string>> }
  | { readonly type: 'closeStream'; readonly stream: MediaStream; readonly reason: string }
  /** Lets a copy of the client's own stand, or go on. */
  | { readonly type: 'pauseStream' | 'resumeStream'; readonly stream: MediaStream }
  /** Others may hear that the stream flows, or has ended. */
  | { readonly type: 'streamLive'; readonly stream: MediaStream }
  | { readonly type: 'streamGone'; readonly stream: MediaStream; readonly failed: boolean }
  /** Nothing is known of the stream any more; its id may be used again. */
  | { readonly type: 'streamForgotten'; readonly stream: MediaStream }
  | { readonly type: 'streamEvent'; readonly stream: MediaStream; readonly event: StreamEventType; readonly payload: unknown }
  | { readonly type: 'snapshot'; readonly mediaSessionId: string; readonly name: string }
  | { readonly type: 'askAvailable'; readonly mediaSessionId: string; readonly name: string }
  | { readonly type: 'askData'; readonly data: DataOperation }
  | { readonly type: 'roomCommand'; readonly operationId: string; readonly command: RoomCommand }
  | { readonly type: 'call'; readonly name: CallMessageName; readonly callId: string; readonly call: Readonly<Record<string, unknown>> }
  | { readonly type: 'sendMessage'; readonly message: Omit<TextMessage, 'from'> }
  | { readonly type: 'debug'; readonly command: 'start' | 'stop' }
  | { readonly type: 'bugReport'; readonly report: unknown }
  | { readonly type: 'logs'; readonly logs: string }
  | { readonly type: 'browserMetrics' };

/** Data that a client sends to the application. */
export interface DataOperation {
  readonly operationId: string;
  readonly payload: unknown;
}

/** Answer of the access chain. */
export type Verdict =
  | { readonly allowed: true; readonly name?: string; readonly params: Readonly<Record<string, string>> }
  | { readonly allowed: false; readonly reason: string };

/** What the session is told about the world. */
export interface ClientSessionOptions {
  readonly sessionId: string;
  /** Presented by the client to come back, and by its media sockets. */
  readonly authToken: string;
  readonly maxStreams: number;
  /** Applications whose data may be room commands. */
  readonly roomAppKeys: readonly string[];
  /** What is wrong with a stream name, if anything. */
  nameFault(name: string): string | undefined;
  /** Whether another session uses the id. */
  isIdTaken(mediaSessionId: string): boolean;
}

/** Plain data of a `ClientSession` with nothing under way. */
export interface ClientSessionState {
  readonly authToken: string;
  readonly request: ConnectionRequest | undefined;
  readonly established: boolean;
  readonly streams: readonly MediaStream[];
}

/** What a client says once it is connected. */
type EstablishedMessage = Exclude<ClientMessage, { readonly type: 'connection' } | { readonly type: 'connectMediaTransport' } | { readonly type: 'ping' } | { readonly type: 'pong' }>;

/** Data operations of one session that wait for the access chain. */
const MAX_WAITING_DATA = 256;
const NOT_PAUSABLE = 'Only a file that plays to this client alone can be paused';

/** One client's signalling: messages and answers in, effects out. */
export class ClientSession {
  readonly authToken: string;
  readonly #options: ClientSessionOptions;
  readonly #streams = new Map<string, MediaStream>();
  #request: ConnectionRequest | undefined;
  #phase: 'new' | 'asking' | 'established' = 'new';
  /** The first one is being asked about. */
  readonly #data: DataOperation[] = [];

  /** @param state of a session of the previous version */
  constructor(options: ClientSessionOptions, state?: ClientSessionState) {
    this.#options = options;
    this.authToken = state?.authToken ?? options.authToken;
    this.#request = state?.request;
    if (state?.established === true) this.#phase = 'established';
    for (const stream of state?.streams ?? []) this.#streams.set(stream.facts.mediaSessionId, stream);
  }

  get established(): boolean {
    return this.#phase === 'established';
  }

  /** What the client said when it connected. */
  get request(): ConnectionRequest | undefined {
    return this.#request;
  }

  get streams(): readonly MediaStream[] {
    return [...this.#streams.values()];
  }

  /** True while an answer is awaited that another version could not take. */
  get pending(): boolean {
    return this.#phase === 'asking' || this.#data.length > 0 || this.streams.some(({ phase }) => phase === 'asking' || phase === 'opening');
  }

  find(mediaSessionId: string): MediaStream | undefined {
    return this.#streams.get(mediaSessionId);
  }

  exportState(): ClientSessionState {
    return { authToken: this.authToken, request: this.#request, established: this.established, streams: this.streams.map((stream) => ({ ...stream })) };
  }

  /** Takes a message of the client. */
  receive(message: ClientMessage): readonly Effect[] {
    if (message.type === 'ping') return [send({ type: 'pong' })];
    if (message.type === 'pong') return [];
    if (message.type === 'connection') return this.#connect(message.request);
    if (message.type === 'connectMediaTransport') {
      return this.#phase === 'new' ? [{ type: 'bindMediaSocket', authToken: message.authToken }] : [failure('connectMediaTransport', 'The session is connected already')];
    }
    if (this.#phase !== 'established') return [{ type: 'close', code: 1008, reason: `${message.type === 'unknown' ? 'A message' : message.type} before connection` }];
    return this.#receiveEstablished(message);
  }

  /** The client is back on another socket: whatever it had is over on its side. */
  resume(request: ConnectionRequest): readonly Effect[] {
    const effects = this.end();
    this.#phase = 'new';
    return [...effects, ...this.#connect(request)];
  }

  /** The access chain has answered `askConnect`. */
  connectDecided(verdict: Verdict): readonly Effect[] {
    if (this.#phase !== 'asking' || this.#request === undefined) return [];
    if (!verdict.allowed) {
      this.#phase = 'new';
      return [failure('ConnectionStatusEvent', verdict.reason), { type: 'close', code: 1008, reason: verdict.reason }];
    }
    this.#phase = 'established';
    const user = { ...this.#request.echo, authToken: this.authToken, status: 'ESTABLISHED', useWsTunnel: false, useWsTunnelPacketization2: false, useBase64BinaryEncoding: false };
    return [send({ type: 'getUserData', user }), { type: 'established' }];
  }

  /** The access chain has answered `askStream`. */
  streamDecided(stream: MediaStream, request: StreamRequest, verdict: Verdict): readonly Effect[] {
    if (!this.#isPresent(stream)) return [];
    if (!verdict.allowed) return this.#end(stream, 'FAILED', verdict.reason || INFO.restricted);
    stream.streamName = verdict.name ?? stream.streamName;
    const rival = this.streams.find((other) => other !== stream && other.facts.published && other.phase !== 'asking' && other.streamName === stream.streamName);
    if (stream.facts.published && rival !== undefined) return this.#end(stream, 'FAILED', INFO.nameInUse);
    stream.phase = 'opening';
    return [{ type: 'openStream', stream, request, params: verdict.params }];
  }

  /** The stream's offer has been answered. */
  streamOpened(stream: MediaStream, sdp: string): readonly Effect[] {
    if (!this.#isPresent(stream)) return [{ type: 'closeStream', stream, reason: INFO.stoppedByUser }];
    stream.phase = 'connecting';
    return [send({ type: 'setRemoteSDP', id: stream.facts.mediaSessionId, sdp })];
  }

  /** The stream could not be opened. */
  streamFailed(stream: MediaStream, info: string): readonly Effect[] {
    return this.#isPresent(stream) ? this.#end(stream, 'FAILED', info) : [];
  }

  /** Something has happened to the media of a stream. */
  mediaEvent(stream: MediaStream, event: MediaSessionEvent): readonly Effect[] {
    if (!this.#isPresent(stream)) return [];
    const { mediaSessionId, published } = stream.facts;
    switch (event.type) {
      case 'connected':
        return this.#live(stream);
      case 'resize': {
        if (published) return [];
        const payload = { streamerVideoWidth: event.width, streamerVideoHeight: event.height };
        return [send({ type: 'notifyStreamEvent', event: { mediaSessionId, type: 'resize', payload } })];
      }
      case 'missing':
        stream.remark = `No ${event.kind}: the stream has ${event.codec}. ${event.remedy}`;
        return stream.phase === 'live' ? [send(statusOf(stream, published ? 'PUBLISHING' : 'PLAYING'))] : [];
      case 'rate':
        return [send({ type: published ? 'inboundVideoRate' : 'outboundVideoRate', mediaSessionId, videoRate: event.videoBps })];
      case 'ended':
        return this.#end(stream, event.failed ? 'FAILED' : published ? 'UNPUBLISHED' : 'STOPPED', event.info, false);
    }
  }

  /** `pauseStream` was asked for, and the stream stands; or it is one that can't. */
  streamPaused(stream: MediaStream, stands: boolean): readonly Effect[] {
    if (!this.#isPresent(stream)) return [];
    if (!stands) return [failure('pauseStream', NOT_PAUSABLE, stream.facts.mediaSessionId)];
    stream.paused = true;
    return [send(statusOf(stream, 'PAUSED'))];
  }

  /** A stream of the client is recorded in that file; it hears of it with the next status, as the SDK expects. */
  recordingStarted(streamName: string, file: string): void {
    for (const stream of this.streams) if (stream.facts.published && stream.facts.record && stream.streamName === streamName) stream.recordName = file;
  }

  /** The access chain has answered `askData`. */
  dataDecided(verdict: Verdict): readonly Effect[] {
    const operation = this.#data.shift();
    if (operation === undefined) return [];
    const next: readonly Effect[] = this.#data[0] === undefined ? [] : [{ type: 'askData', data: this.#data[0] }];
    return [...this.#dataAnswer(operation, verdict), ...next];
  }

  /** The client is gone: its streams end, without a word to it. */
  end(): readonly Effect[] {
    const streams = this.streams;
    this.#streams.clear();
    this.#data.length = 0;
    return streams.flatMap((stream) => this.#release(stream, false, INFO.stoppedByDisconnect));
  }

  #receiveEstablished(message: EstablishedMessage): readonly Effect[] {
    switch (message.type) {
      case 'publishStream':
      case 'playStream':
        return this.#start(message.stream, message.type === 'publishStream');
      case 'unPublishStream':
      case 'stopStream':
        return this.#stop(message.mediaSessionId, message.name, message.type === 'unPublishStream');
      case 'pauseStream':
        return this.#pause(message.mediaSessionId);
      case 'snapshot':
        return [{ type: 'snapshot', mediaSessionId: message.mediaSessionId, name: message.name }];
      case 'availableStream':
        return [{ type: 'askAvailable', mediaSessionId: message.mediaSessionId, name: message.name }];
      case 'sendStreamEvent': {
        const stream = this.#streams.get(message.mediaSessionId);
        // Players can mute too in the SDK; that is nobody's business but theirs.
        return stream?.facts.published === true ? [{ ...message, type: 'streamEvent', stream }] : [];
      }
      case 'sendData':
        return this.#sendData(message);
      case 'call':
      case 'sendMessage':
        return [message];
      case 'notificationResult':
        return [];
      case 'sessionDebug':
        return [{ type: 'debug', command: message.command }];
      case 'submitBugReport':
        return [{ type: 'bugReport', report: message.report }];
      case 'pushLogs':
        return [{ type: 'logs', logs: message.logs }];
      case 'webRTCMetrics':
        return [{ type: 'browserMetrics' }];
      case 'unknown':
        return [failure(message.name, 'The message is not known to this server, or makes no sense')];
    }
  }

  #connect(request: ConnectionRequest): readonly Effect[] {
    if (this.#phase !== 'new') return [failure('connection', 'The session is connected already')];
    this.#phase = 'asking';
    this.#request = request;
    return [{ type: 'askConnect', request }];
  }

  #start(request: StreamRequest, published: boolean): readonly Effect[] {
    const { mediaSessionId, mediaProvider } = request;
    if (mediaSessionId === '') return [failure('StreamStatusEvent', INFO.idMissing)];
    const known = this.#streams.get(mediaSessionId);
    if (!published && known?.paused === true) return this.#resume(known);
    // The id is another stream's: a status event would change that one's state.
    if (known !== undefined) return [failure(published ? 'publishStream' : 'playStream', INFO.idInUse, mediaSessionId)];
    const stream = mediaStream(request, published, { appKey: this.#request?.appKey ?? '', sessionId: this.#options.sessionId });
    const refuse = (info: string): readonly Effect[] => [send(statusOf(stream, 'FAILED', info))];
    if (this.#options.isIdTaken(mediaSessionId)) return refuse(INFO.idInUse);
    const fault = this.#options.nameFault(request.name);
    if (fault !== undefined) return refuse(fault);
    if (mediaProvider !== 'WebRTC' && mediaProvider !== 'MSE') return refuse(`This server has no media for ${mediaProvider}`);
    if (published && mediaProvider === 'MSE') return refuse('MSE can only play');
    if (this.#streams.size >= this.#options.maxStreams) return refuse(`Too many streams of one session: ${this.#options.maxStreams} are allowed`);
    this.#streams.set(mediaSessionId, stream);
    return [{ type: 'askStream', stream, request }];
  }

  #stop(mediaSessionId: string, name: string, published: boolean): readonly Effect[] {
    const status = published ? 'UNPUBLISHED' : 'STOPPED';
    const stream = this.#streams.get(mediaSessionId);
    if (stream !== undefined) return this.#end(stream, status, INFO.stoppedByUser);
    if (mediaSessionId === '') return [failure('StreamStatusEvent', INFO.idMissing)];
    // Without a final status the SDK would ask again and again.
    const gone = { mediaSessionId, name, sdp: '', mediaProvider: 'WebRTC', hasVideo: true, hasAudio: true, record: false, custom: undefined, bitrate: 0, minBitrate: 0, maxBitrate: 0, width: 0, height: 0, quality: 0, orientation: false };
    return [send(statusOf(mediaStream(gone, published, { appKey: this.#request?.appKey ?? '', sessionId: this.#options.sessionId }), status, INFO.stoppedByUser))];
  }

  #pause(mediaSessionId: string): readonly Effect[] {
    const stream = this.#streams.get(mediaSessionId);
    if (stream === undefined || stream.facts.published || stream.phase !== 'live') return [failure('pauseStream', NOT_PAUSABLE, mediaSessionId)];
    return [{ type: 'pauseStream', stream }];
  }

  #resume(stream: MediaStream): readonly Effect[] {
    stream.paused = false;
    return [{ type: 'resumeStream', stream }, send(statusOf(stream, 'PLAYING'))];
  }

  #live(stream: MediaStream): readonly Effect[] {
    if (stream.phase === 'live') return [];
    stream.phase = 'live';
    return [send(statusOf(stream, stream.facts.published ? 'PUBLISHING' : 'PLAYING')), { type: 'streamLive', stream }];
  }

  /** @param mediaIsOpen false when the media side has ended it by itself */
  #end(stream: MediaStream, status: StreamStatus, info: string, mediaIsOpen = true): readonly Effect[] {
    this.#streams.delete(stream.facts.mediaSessionId);
    const released = this.#release(stream, status === 'FAILED', info).filter(({ type }) => mediaIsOpen || type !== 'closeStream');
    return [...released, send(statusOf(stream, status, info))];
  }

  #release(stream: MediaStream, failed: boolean, reason: string): readonly Effect[] {
    return [
      ...(stream.phase === 'asking' ? [] : [{ type: 'closeStream', stream, reason } as const]),
      ...(stream.phase === 'live' ? [{ type: 'streamGone', stream, failed } as const] : []),
      { type: 'streamForgotten', stream },
    ];
  }

  #sendData(operation: DataOperation): readonly Effect[] {
    if (operation.operationId === '') return [failure('DataStatusEvent', 'The operation has no id')];
    if (this.#data.length >= MAX_WAITING_DATA) return [send({ type: 'DataStatusEvent', operationId: operation.operationId, accepted: false, info: 'Too many operations at once' })];
    this.#data.push({ operationId: operation.operationId, payload: operation.payload });
    return this.#data.length === 1 ? [{ type: 'askData', data: operation }] : [];
  }

  #dataAnswer({ operationId, payload }: DataOperation, verdict: Verdict): readonly Effect[] {
    if (!verdict.allowed) return [send({ type: 'DataStatusEvent', operationId, accepted: false, info: verdict.reason })];
    const command = this.#options.roomAppKeys.includes(this.#request?.appKey ?? '') ? parseRoomCommand(payload) : undefined;
    if (command !== undefined) return [{ type: 'roomCommand', operationId, command }];
    return [send({ type: 'DataStatusEvent', operationId, accepted: true })];
  }

  #isPresent(stream: MediaStream): boolean {
    return this.#streams.get(stream.facts.mediaSessionId) === stream;
  }

  /** The name under which rooms know the client. */
  get login(): string | undefined {
    return loginOf(this.#request?.custom);
  }
}

function send(message: ServerMessage): Effect {
  return { type: 'send', message };
}

function failure(apiMethod: string, info: string, id?: string): Effect {
  return send({ type: 'fail', apiMethod, info, ...(id === undefined ? {} : { id }) });
}
