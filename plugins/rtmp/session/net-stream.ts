import { amfProperties, type AmfValue } from 'wcs-core/formats/amf';
import { commandMessage, type Command } from '../wire/command.ts';
import type { RtmpMessage } from '../wire/message.ts';
import { MAX_MESSAGE_STREAMS } from './message-streams.ts';
import type { CommandHost, Effect, PlayActivity, Question, Verdict } from './session-state.ts';
import { statusInfo, statusMessage, type StatusCode } from './status.ts';
import { splitAddress, type UrlParams } from './url-params.ts';

/** What some players put in front of the name of a file, by its ending: not part of the address of a source. */
const FILE_PREFIX = /^(?:mp4|mp3|flv):(?=[a-z][a-z0-9+.-]*:\/\/)/i;

/** Carries out a command of an accepted connection. @see RTMP 1.0 sections 7.2.1 and 7.2.2 */
export function netStreamCommand(session: CommandHost, command: Command, streamId: number): Effect[] {
  const { name, transactionId, args } = command;
  switch (name) {
    case 'createStream':
      return createStream(session, transactionId);
    case 'publish':
      return publish(session, streamId, args);
    case 'play':
      return play(session, streamId, { asked: args[0], start: args[1], reset: args[3] });
    case 'play2':
      return play(session, streamId, { asked: amfProperties(args[0])?.streamName, start: 0, reset: true });
    case 'pause':
    case 'pauseRaw':
      return pause(session, streamId, args[0] === true);
    case 'receiveAudio':
      return changePlay(session, streamId, { audio: args[0] !== false });
    case 'receiveVideo':
      return changePlay(session, streamId, { video: args[0] !== false });
    case 'closeStream':
      return stopActivity(session, streamId, 'Closed by the peer');
    case 'deleteStream':
      return deleteStream(session, args[0]);
    case 'seek':
      return seek(session, streamId, args[0]);
    default:
      return helperCommand(session, command, streamId);
  }
}

/** Commands around publishing and playing that encoders and players wait for an answer to. */
function helperCommand(session: CommandHost, { name, transactionId, args }: Command, streamId: number): Effect[] {
  const text = typeof args[0] === 'string' ? args[0] : '';
  switch (name) {
    case 'releaseStream':
    case '_checkbw':
      return [result(transactionId, undefined)];
    case 'getStreamLength':
    case 'getMovLen':
      return [result(transactionId, 0)];
    case 'FCPublish':
      return [result(transactionId, undefined), tell('onFCPublish', 'NetStream.Publish.Start', text)];
    case 'FCSubscribe':
      return [result(transactionId, undefined), tell('onFCSubscribe', 'NetStream.Play.Start', text)];
    case 'FCUnpublish':
      return [...stopPublishing(session, text), result(transactionId, undefined), tell('onFCUnpublish', 'NetStream.Unpublish.Success', text)];
    case 'FCUnsubscribe':
      return [result(transactionId, undefined)];
    case '_result':
    case '_error':
    case 'onStatus':
      return [];
    default:
      if (transactionId === 0) return [];
      return [send(commandMessage(streamId, '_error', transactionId, null, statusInfo('NetConnection.Call.Failed', `${JSON.stringify(name.slice(0, 64))} is not supported.`)))];
  }
}

function createStream(session: CommandHost, transactionId: number): Effect[] {
  const id = session.streams.open();
  if (id !== undefined) return [result(transactionId, id)];
  return [send(commandMessage(0, '_error', transactionId, null, statusInfo('NetConnection.Call.Failed', `More than ${MAX_MESSAGE_STREAMS} message streams.`)))];
}

function deleteStream(session: CommandHost, argument: AmfValue): Effect[] {
  const id = typeof argument === 'number' ? argument : -1;
  const effects = stopActivity(session, id, 'Closed by the peer');
  session.streams.close(id);
  return effects;
}

function publish(session: CommandHost, streamId: number, args: readonly AmfValue[]): Effect[] {
  const [asked] = args;
  if (asked === false) return stopActivity(session, streamId, 'Closed by the peer');
  const stopped = stopActivity(session, streamId, 'Another stream is published');
  const address = addressOf(session, streamId, asked);
  if (typeof address === 'string') return [...stopped, status(streamId, 'NetStream.Publish.BadName', address)];
  return [...stopped, ...session.ask({ action: 'publish', streamId, ...address })];
}

/** What a `play` asks for. */
interface PlayWish {
  readonly asked: AmfValue;
  /** Milliseconds; below 0 for live. */
  readonly start: AmfValue;
  readonly reset: AmfValue;
}

function play(session: CommandHost, streamId: number, { asked, start, reset }: PlayWish): Effect[] {
  if (asked === false) return stopActivity(session, streamId, 'Closed by the peer');
  const stopped = stopActivity(session, streamId, 'Another stream is played');
  const address = addressOf(session, streamId, asked);
  if (typeof address === 'string') return [...stopped, status(streamId, 'NetStream.Play.StreamNotFound', address)];
  return [...stopped, ...session.ask({ action: 'play', streamId, ...address, reset: reset !== false && reset !== 0, startMs: positionOf(start) })];
}

/** The stream that is meant, with the parameters of connection and name; or what is wrong, as a sentence. */
function addressOf(session: CommandHost, streamId: number, asked: AmfValue): { name: string; params: UrlParams } | string {
  if (!session.streams.has(streamId)) return `There is no message stream ${streamId}; use createStream first.`;
  if (typeof asked !== 'string' || asked === '') return 'A stream name is needed.';
  const { path: written, params } = splitAddress(asked);
  const path = written.replace(FILE_PREFIX, '');
  const fault = session.nameFault(path);
  return fault ?? { name: path, params: { ...session.connect?.params, ...params } };
}

/** Goes on with a `publish` that the access chain has judged. */
export function startPublish(session: CommandHost, question: Question & { action: 'publish' }, verdict: Verdict): Effect[] {
  const { streamId, name: asked } = question;
  if (!verdict.allowed) return [status(streamId, 'NetStream.Publish.Denied', verdict.reason)];
  const name = verdict.name ?? asked;
  const params = verdict.params ?? question.params;
  session.streams.use(streamId, { type: 'publish', name, asked, params });
  return [{ type: 'startPublish', streamId, name, asked, params }];
}

/** Goes on with a `play` that the access chain has judged. */
export function startPlay(session: CommandHost, question: Question & { action: 'play' }, verdict: Verdict): Effect[] {
  const { streamId, reset } = question;
  if (!verdict.allowed) return [status(streamId, 'NetStream.Play.Failed', verdict.reason)];
  const activity: PlayActivity = {
    type: 'play',
    phase: 'waiting',
    name: verdict.name ?? question.name,
    params: verdict.params ?? question.params,
    reset,
    startMs: question.startMs,
    paused: false,
    audio: true,
    video: true,
  };
  session.streams.use(streamId, activity);
  return [{ type: 'startPlay', streamId, activity }];
}

/** Ends what a message stream is doing; the stream itself stays. */
export function stopActivity(session: CommandHost, streamId: number, reason: string): Effect[] {
  const activity = session.streams.activity(streamId);
  session.streams.idle(streamId);
  if (activity.type === 'publish') return [{ type: 'stopPublish', streamId, reason }, status(streamId, 'NetStream.Unpublish.Success', `${activity.asked} is now unpublished.`)];
  return activity.type === 'play' ? [{ type: 'stopPlay', streamId }] : [];
}

function stopPublishing(session: CommandHost, asked: string): Effect[] {
  const { path } = splitAddress(asked);
  const found = session.streams.list().find(({ activity }) => activity.type === 'publish' && activity.asked === path);
  return found === undefined ? [] : stopActivity(session, found.id, 'Unpublished by the peer');
}

/** Live has no other place to go to: its player keeps its position. */
function seek(session: CommandHost, streamId: number, position: AmfValue): Effect[] {
  const activity = session.streams.activity(streamId);
  return activity.type === 'play' && activity.phase === 'playing' ? [{ type: 'seek', streamId, positionMs: positionOf(position) }] : [];
}

function positionOf(value: AmfValue): number {
  return typeof value === 'number' && value > 0 && value < Number.MAX_SAFE_INTEGER / 1000 ? value : 0;
}

function pause(session: CommandHost, streamId: number, paused: boolean): Effect[] {
  const changed = changePlay(session, streamId, { paused });
  if (session.streams.activity(streamId).type !== 'play') return [];
  return [...changed, status(streamId, paused ? 'NetStream.Pause.Notify' : 'NetStream.Unpause.Notify', paused ? 'Paused.' : 'Playing again.')];
}

function changePlay(session: CommandHost, streamId: number, change: Partial<Pick<PlayActivity, 'paused' | 'audio' | 'video'>>): Effect[] {
  const before = session.streams.activity(streamId);
  if (before.type !== 'play') return [];
  const activity = { ...before, ...change };
  if (activity.paused === before.paused && activity.audio === before.audio && activity.video === before.video) return [];
  session.streams.use(streamId, activity);
  return activity.phase === 'playing' ? [{ type: 'changePlay', streamId, activity }] : [];
}

function tell(name: string, code: StatusCode, description: string): Effect {
  return send(commandMessage(0, name, 0, null, statusInfo(code, description)));
}

function result(transactionId: number, value: AmfValue): Effect {
  return send(commandMessage(0, '_result', transactionId, null, value));
}

function status(streamId: number, code: StatusCode, description: string): Effect {
  return send(statusMessage(streamId, code, description));
}

function send(message: RtmpMessage): Effect {
  return { type: 'send', message };
}
