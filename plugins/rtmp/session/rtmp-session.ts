import { splitAggregate } from '../wire/aggregate.ts';
import { commandMessage, parseCommand, parseData, type Command } from '../wire/command.ts';
import { setChunkSizeMessage, setPeerBandwidthMessage, parseUserControl, USER_EVENT, userControlMessage, windowAckSizeMessage } from '../wire/control.ts';
import { OUT_CHUNK_BYTES } from '../wire/chunk-writer.ts';
import { MESSAGE_TYPE, type RtmpMessage } from '../wire/message.ts';
import { parseConnect, type ConnectRequest } from './connect-request.ts';
import { MessageStreams } from './message-streams.ts';
import { netStreamCommand, startPublish, startPlay } from './net-stream.ts';
import type { CommandHost, Effect, Question, SessionState, Verdict } from './session-state.ts';
import { statusInfo, statusMessage, type StatusCode } from './status.ts';
import { WINDOW_BYTES } from './window.ts';

/** Messages that may wait for the access chain; the connection isn't read meanwhile, so these came in one piece. */
const MAX_QUEUED = 4096;

const NEW: SessionState = { phase: 'new', connect: undefined, streams: [], question: undefined, queue: [] };

/** What a session needs to know from outside. */
export interface SessionOptions {
  /** Says what is wrong with a stream name; undefined for a good one. */
  readonly nameFault: (name: string) => string | undefined;
}

/**
 * One connection's dealings, as a state machine without I/O or clock: messages and answers in, effects out.
 * A question to the access chain holds back all later messages until `decide()`.
 *
 * @see RTMP 1.0 section 7
 */
export class RtmpSession implements CommandHost {
  readonly nameFault: SessionOptions['nameFault'];
  readonly streams: MessageStreams;
  #phase: SessionState['phase'];
  #connect: ConnectRequest | undefined;
  #question: Question | undefined;
  #queue: RtmpMessage[];
  #saidNoSharedObjects = false;

  /** @param state where another session left off, from its `exportState` */
  constructor({ nameFault }: SessionOptions, state: SessionState = NEW) {
    this.nameFault = nameFault;
    this.#phase = state.phase;
    this.#connect = state.connect;
    this.streams = new MessageStreams(state.streams);
    this.#question = state.question;
    this.#queue = [...state.queue];
  }

  get phase(): SessionState['phase'] {
    return this.#phase;
  }

  /** What the peer said when it connected; undefined before. */
  get connect(): ConnectRequest | undefined {
    return this.#connect;
  }

  /** The question that waits for `decide()`. */
  get question(): Question | undefined {
    return this.#question;
  }

  exportState(): SessionState {
    return { phase: this.#phase, connect: this.#connect, streams: this.streams.list(), question: this.#question, queue: this.#queue };
  }

  /** Takes a message of the peer. @throws ProtocolError when it makes no sense */
  receive(message: RtmpMessage): Effect[] {
    if (this.#phase === 'closed') return [];
    if (this.#question === undefined) return this.#handle(message);
    if (this.#queue.length >= MAX_QUEUED) return this.close('Too many messages at once');
    this.#queue.push(message);
    return [];
  }

  /** Takes the access chain's answer to `question`; later messages go on. */
  decide(verdict: Verdict): Effect[] {
    const question = this.#question;
    if (question === undefined || this.#phase === 'closed') return [];
    this.#question = undefined;
    const effects = this.#answer(question, verdict);
    while (!this.#isAsking()) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      effects.push(...this.#handle(next));
    }
    return effects;
  }

  publishStarted(streamId: number): Effect[] {
    const activity = this.streams.activity(streamId);
    if (activity.type !== 'publish') return [];
    return [status(streamId, 'NetStream.Publish.Start', `${activity.asked} is now published.`)];
  }

  publishFailed(streamId: number, reason: string): Effect[] {
    this.streams.idle(streamId);
    return [status(streamId, 'NetStream.Publish.BadName', reason)];
  }

  playStarted(streamId: number): Effect[] {
    const activity = this.streams.activity(streamId);
    if (activity.type !== 'play') return [];
    this.streams.use(streamId, { ...activity, phase: 'playing' });
    const begin: Effect = { type: 'send', message: userControlMessage(USER_EVENT.streamBegin, streamId) };
    const reset = activity.reset ? [status(streamId, 'NetStream.Play.Reset', `Playing and resetting ${activity.name}.`)] : [];
    return [begin, ...reset, status(streamId, 'NetStream.Play.Start', `Started playing ${activity.name}.`)];
  }

  playFailed(streamId: number, code: 'NetStream.Play.StreamNotFound' | 'NetStream.Play.Failed', reason: string): Effect[] {
    if (this.streams.activity(streamId).type !== 'play') return [];
    this.streams.idle(streamId);
    return [status(streamId, code, reason)];
  }

  /** The stream that was played has ended. */
  playEnded(streamId: number): Effect[] {
    const activity = this.streams.activity(streamId);
    if (activity.type !== 'play') return [];
    this.streams.idle(streamId);
    const eof: Effect = { type: 'send', message: userControlMessage(USER_EVENT.streamEof, streamId) };
    return [status(streamId, 'NetStream.Play.UnpublishNotify', `${activity.name} is no longer published.`), eof];
  }

  /** The publisher of the stream that is played has returned. */
  playResumed(streamId: number): Effect[] {
    const activity = this.streams.activity(streamId);
    if (activity.type !== 'play') return [];
    return [status(streamId, 'NetStream.Play.PublishNotify', `${activity.name} is published again.`)];
  }

  /** The player is where it wanted to be; pictures from there follow. */
  sought(streamId: number): Effect[] {
    if (this.streams.activity(streamId).type !== 'play') return [];
    return [status(streamId, 'NetStream.Seek.Notify', 'Playing from another position.')];
  }

  /** Says goodbye on every message stream, and closes. */
  close(reason: string): Effect[] {
    if (this.#phase === 'closed') return [];
    const effects: Effect[] = [];
    for (const { id, activity } of this.streams.list()) {
      if (activity.type === 'publish') effects.push(status(id, 'NetStream.Unpublish.Success', reason));
      if (activity.type === 'play') effects.push(status(id, 'NetStream.Play.UnpublishNotify', reason));
    }
    if (this.#phase === 'connected') effects.push(status(0, 'NetConnection.Connect.Closed', reason));
    this.#phase = 'closed';
    this.#queue = [];
    return [...effects, { type: 'close', reason }];
  }

  /** Makes later messages wait until `decide()`. */
  ask(question: Question): Effect[] {
    this.#question = question;
    return [{ type: 'ask', question }];
  }

  #isAsking(): boolean {
    return this.#question !== undefined;
  }

  #handle(message: RtmpMessage): Effect[] {
    switch (message.type) {
      case MESSAGE_TYPE.audio:
        return this.#media('audio', message);
      case MESSAGE_TYPE.video:
        return this.#media('video', message);
      case MESSAGE_TYPE.aggregate:
        return splitAggregate(message).flatMap((part) => this.#handle(part));
      case MESSAGE_TYPE.dataAmf0:
      case MESSAGE_TYPE.dataAmf3:
        return this.#data(message);
      case MESSAGE_TYPE.commandAmf0:
      case MESSAGE_TYPE.commandAmf3:
        return this.#command(parseCommand(message), message.streamId);
      case MESSAGE_TYPE.userControl:
        return this.#userControl(message);
      case MESSAGE_TYPE.sharedObjectAmf0:
      case MESSAGE_TYPE.sharedObjectAmf3:
        return this.#sharedObject();
      default:
        return [];
    }
  }

  /** Encoders go on for a moment after they were refused or stopped; that is left out silently. */
  #media(type: 'audio' | 'video', { streamId, timestampMs, payload }: RtmpMessage): Effect[] {
    if (this.streams.activity(streamId).type !== 'publish') return [];
    return [{ type, streamId, timestampMs, payload }];
  }

  #data(message: RtmpMessage): Effect[] {
    const { streamId, timestampMs } = message;
    if (this.streams.activity(streamId).type !== 'publish') return [];
    return [{ type: 'data', streamId, timestampMs, values: parseData(message) }];
  }

  #userControl(message: RtmpMessage): Effect[] {
    const { event, value } = parseUserControl(message.payload);
    if (event === USER_EVENT.pingResponse) return [{ type: 'alive' }];
    if (event !== USER_EVENT.pingRequest) return [];
    return [{ type: 'alive' }, { type: 'send', message: userControlMessage(USER_EVENT.pingResponse, value) }];
  }

  #sharedObject(): Effect[] {
    if (this.#saidNoSharedObjects) return [];
    this.#saidNoSharedObjects = true;
    return [status(0, 'NetConnection.Call.Failed', 'Shared objects are not supported.')];
  }

  #command(command: Command, streamId: number): Effect[] {
    if (command.name === 'connect') return this.#onConnect(command);
    if (this.#phase !== 'connected') return this.close(`${command.name.slice(0, 64)} before connect`);
    return netStreamCommand(this, command, streamId);
  }

  #onConnect({ object, transactionId }: Command): Effect[] {
    if (this.#phase !== 'new') return this.close('A second connect');
    this.#phase = 'connecting';
    return this.ask({ action: 'connect', transactionId, request: parseConnect(object) });
  }

  #answer(question: Question, verdict: Verdict): Effect[] {
    if (question.action === 'publish') return startPublish(this, question, verdict);
    if (question.action === 'play') return startPlay(this, question, verdict);
    return verdict.allowed ? this.#accept(question.request, question.transactionId, verdict) : this.#reject(question.transactionId, verdict.reason);
  }

  #accept(request: ConnectRequest, transactionId: number, verdict: Verdict & { allowed: true }): Effect[] {
    this.#phase = 'connected';
    this.#connect = { ...request, params: verdict.params ?? request.params };
    const server = { fmsVer: 'FMS/3,5,7,7009', capabilities: 31, mode: 1, fourCcList: [...FOUR_CCS_IN], videoFourCcInfoMap: VIDEO_IN, audioFourCcInfoMap: AUDIO_IN };
    const info = { ...statusInfo('NetConnection.Connect.Success', 'Connection succeeded.'), objectEncoding: request.objectEncoding };
    const messages = [
      windowAckSizeMessage(WINDOW_BYTES),
      setPeerBandwidthMessage(WINDOW_BYTES),
      setChunkSizeMessage(OUT_CHUNK_BYTES),
      commandMessage(0, '_result', transactionId, server, info),
    ];
    return [{ type: 'connected' }, ...messages.map((message): Effect => ({ type: 'send', message }))];
  }

  #reject(transactionId: number, reason: string): Effect[] {
    const message = commandMessage(0, '_error', transactionId, null, statusInfo('NetConnection.Connect.Rejected', reason));
    return [{ type: 'send', message }, ...this.close(reason)];
  }
}

/** Enhanced codecs that a publisher may send. @see Enhanced RTMP v2, "Enhancing NetConnection connect Command" */
const FOUR_CCS_IN = ['av01', 'vp09', 'vp08', 'hvc1', 'avc1', 'Opus', 'mp4a', '.mp3'] as const;
const CAN_FORWARD = 4;
const VIDEO_IN = { av01: CAN_FORWARD, vp09: CAN_FORWARD, vp08: CAN_FORWARD, hvc1: CAN_FORWARD, avc1: CAN_FORWARD };
const AUDIO_IN = { Opus: CAN_FORWARD, mp4a: CAN_FORWARD, '.mp3': CAN_FORWARD };

function status(streamId: number, code: StatusCode, description: string): Effect {
  return { type: 'send', message: statusMessage(streamId, code, description) };
}
