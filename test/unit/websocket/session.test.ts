import test from 'ava';
import { Audiences } from '../../../plugins/websocket/session/audiences.ts';
import { ClientSession, type Effect } from '../../../plugins/websocket/session/client-session.ts';
import { KeepAlive } from '../../../plugins/websocket/session/keep-alive.ts';
import { Pigeonholes } from '../../../plugins/websocket/session/pigeonholes.ts';
import { encodeServerMessage } from '../../../plugins/websocket/wire/server-message.ts';
import { parseClientMessage, type ClientMessage } from '../../../plugins/websocket/wire/client-message.ts';

const message = (name: string, fields: unknown): ClientMessage => parseClientMessage(JSON.stringify({ message: name, data: [fields] }));
const session = (): ClientSession => new ClientSession({ sessionId: 's', authToken: 't', maxStreams: 4, roomAppKeys: ['roomApp'], nameFault: () => undefined, isIdTaken: () => false });
const types = (effects: readonly Effect[]): string[] => effects.map((effect) => (effect.type === 'send' ? effect.message.type : effect.type));

function connected(fields: Readonly<Record<string, unknown>> = {}): ClientSession {
  const machine = session();
  machine.receive(message('connection', { appKey: 'roomApp', ...fields }));
  machine.connectDecided({ allowed: true, params: {} });
  return machine;
}

function opened(machine: ClientSession, name: 'publishStream' | 'playStream', id = 'm'): Effect {
  const [ask] = machine.receive(message(name, { mediaSessionId: id, name: 'cam', custom: { name: 'r' } }));
  if (ask?.type !== 'askStream') throw new Error('Not asked');
  const [open] = machine.streamDecided(ask.stream, ask.request, { allowed: true, params: {} });
  return open!;
}

test('nothing is taken before the connection, and the connection only once', (t) => {
  const machine = session();
  t.deepEqual(types(machine.receive(message('ping', null))), ['pong']);
  t.deepEqual(types(machine.receive(message('publishStream', { mediaSessionId: 'm' }))), ['close']);
  t.deepEqual(types(machine.receive(message('connection', {}))), ['askConnect']);
  t.deepEqual(types(machine.receive(message('connection', {}))), ['fail']);
  t.deepEqual(types(machine.connectDecided({ allowed: true, params: {} })), ['getUserData', 'established']);
  t.deepEqual(types(machine.receive(message('connection', {}))), ['fail']);
  t.deepEqual(types(machine.receive(message('connectMediaTransport', { authToken: 'x' }))), ['fail']);
});

test('an answer is given once, and the status follows it', (t) => {
  const machine = connected();
  const open = opened(machine, 'publishStream');
  if (open.type !== 'openStream') return t.fail(open.type);
  t.true(machine.pending);
  t.deepEqual(types(machine.streamOpened(open.stream, 'sdp')), ['setRemoteSDP']);
  t.false(machine.pending);
  t.deepEqual(types(machine.mediaEvent(open.stream, { type: 'connected' })), ['notifyStreamStatusEvent', 'streamLive']);
  t.deepEqual(machine.mediaEvent(open.stream, { type: 'connected' }), []);
  t.deepEqual(types(machine.receive(message('unPublishStream', { mediaSessionId: 'm', name: 'cam' }))), ['closeStream', 'streamGone', 'streamForgotten', 'notifyStreamStatusEvent']);
  t.deepEqual(machine.mediaEvent(open.stream, { type: 'ended', failed: true, info: 'late' }), []);
  t.deepEqual(types(machine.receive(message('unPublishStream', { mediaSessionId: 'm', name: 'cam' }))), ['notifyStreamStatusEvent']);
});

test('a stream that plays stands on request, where it can, and goes on when it is played again', (t) => {
  const machine = connected();
  const open = opened(machine, 'playStream');
  if (open.type !== 'openStream') return t.fail(open.type);
  const ask = (): readonly Effect[] => machine.receive(message('pauseStream', { mediaSessionId: 'm', name: 'cam' }));
  const playAgain = (): readonly Effect[] => machine.receive(message('playStream', { mediaSessionId: 'm', name: 'cam' }));
  t.deepEqual(types(ask()), ['fail'], 'it does not play yet');
  machine.streamOpened(open.stream, 'sdp');
  machine.mediaEvent(open.stream, { type: 'connected' });
  t.deepEqual(types(playAgain()), ['fail'], 'it plays');
  t.deepEqual(types(ask()), ['pauseStream']);
  t.deepEqual(types(machine.streamPaused(open.stream, false)), ['fail']);
  t.deepEqual(machine.streamPaused(open.stream, true).map((effect) => (effect.type === 'send' && effect.message.type === 'notifyStreamStatusEvent' ? effect.message.status : effect.type)), ['PAUSED']);
  t.deepEqual(types(playAgain()), ['resumeStream', 'notifyStreamStatusEvent']);
  t.deepEqual(types(playAgain()), ['fail']);
  machine.receive(message('stopStream', { mediaSessionId: 'm', name: 'cam' }));
  t.deepEqual(machine.streamPaused(open.stream, true), []);
  t.deepEqual(types(ask()), ['fail'], 'it is gone');
});

test('who publishes with a wish to record learns the name of the file at the end, nobody else does', (t) => {
  const endOf = (record: boolean): unknown => {
    const machine = connected();
    const [ask] = machine.receive(message('publishStream', { mediaSessionId: 'm', name: 'cam', record }));
    if (ask?.type !== 'askStream') throw new Error('Not asked');
    machine.streamDecided(ask.stream, ask.request, { allowed: true, params: {} });
    machine.streamOpened(ask.stream, 'sdp');
    machine.mediaEvent(ask.stream, { type: 'connected' });
    machine.recordingStarted('another', 'another.mp4');
    machine.recordingStarted('cam', 'cam.mp4');
    const status = machine.receive(message('unPublishStream', { mediaSessionId: 'm', name: 'cam' })).at(-1);
    if (status?.type !== 'send') throw new Error('No status');
    return (JSON.parse(encodeServerMessage(status.message)) as { data: [{ recordName?: string }] }).data[0].recordName;
  };
  t.is(endOf(true), 'cam.mp4');
  t.is(endOf(false), undefined);
});

test('a stream that is stopped while it is opened is closed when the answer comes, and its id is free again', (t) => {
  const machine = connected();
  const open = opened(machine, 'playStream');
  if (open.type !== 'openStream') return t.fail(open.type);
  t.deepEqual(types(machine.receive(message('stopStream', { mediaSessionId: 'm', name: 'cam' }))), ['closeStream', 'streamForgotten', 'notifyStreamStatusEvent']);
  const again = opened(machine, 'playStream');
  t.deepEqual(types(machine.streamOpened(open.stream, 'sdp')), ['closeStream']);
  t.deepEqual(machine.streamFailed(open.stream, 'late'), []);
  t.is(again.type, 'openStream');
});

test('the end of a client closes what is open and says nothing', (t) => {
  const machine = connected();
  const open = opened(machine, 'publishStream');
  if (open.type !== 'openStream') return t.fail(open.type);
  machine.streamOpened(open.stream, 'sdp');
  machine.mediaEvent(open.stream, { type: 'connected' });
  machine.receive(message('playStream', { mediaSessionId: 'm2', name: 'cam' }));
  t.deepEqual(types(machine.end()), ['closeStream', 'streamGone', 'streamForgotten', 'streamForgotten']);
  t.deepEqual(machine.streams, []);
});

test('data operations are answered in their order, and only room applications have rooms', (t) => {
  const machine = connected();
  const join = { command: 'join', options: { name: 'r' } };
  t.deepEqual(types(machine.receive(message('sendData', { operationId: 'a', payload: join }))), ['askData']);
  t.deepEqual(types(machine.receive(message('sendData', { operationId: 'b', payload: 1 }))), []);
  t.deepEqual(types(machine.dataDecided({ allowed: true, params: {} })), ['roomCommand', 'askData']);
  t.deepEqual(types(machine.dataDecided({ allowed: false, reason: 'no' })), ['DataStatusEvent']);
  for (let count = 0; count < 256; count++) machine.receive(message('sendData', { operationId: 'x', payload: 1 }));
  t.deepEqual(types(machine.receive(message('sendData', { operationId: 'y', payload: 1 }))), ['DataStatusEvent'], 'too many at once');
  const other = connected({ appKey: 'another' });
  other.receive(message('sendData', { operationId: 'a', payload: join }));
  t.deepEqual(types(other.dataDecided({ allowed: true, params: {} })), ['DataStatusEvent']);
});

test('a session goes on from its plain data', (t) => {
  const machine = connected({ custom: { login: 'Alice' } });
  const open = opened(machine, 'publishStream');
  if (open.type !== 'openStream') return t.fail(open.type);
  machine.streamOpened(open.stream, 'sdp');
  const next = new ClientSession({ sessionId: 's', authToken: 'other', maxStreams: 4, roomAppKeys: [], nameFault: () => undefined, isIdTaken: () => false }, structuredClone(machine.exportState()));
  t.is(next.authToken, 't');
  t.is(next.login, 'Alice');
  t.true(next.established);
  t.deepEqual(types(next.mediaEvent(next.find('m')!, { type: 'connected' })), ['notifyStreamStatusEvent', 'streamLive']);
});

test('a silent peer is pinged each interval and lost after the last probe', (t) => {
  const keepAlive = new KeepAlive({ pingIntervalMs: 100, pingProbes: 2 }, 0);
  t.is(keepAlive.tick(99), 'fine');
  t.is(keepAlive.tick(100), 'ping');
  t.is(keepAlive.tick(150), 'fine');
  keepAlive.heard();
  t.deepEqual([keepAlive.tick(200), keepAlive.tick(300)], ['ping', 'ping']);
  const next = new KeepAlive({ pingIntervalMs: 100, pingProbes: 2 }, keepAlive.exportState());
  t.deepEqual([next.tick(399), next.tick(400)], ['fine', 'lost']);
});

test('only the publisher of a stream speaks for it, and a successor starts unmuted', (t) => {
  const audiences = new Audiences();
  const first = { sessionId: 'a', mediaSessionId: '1', streamName: 'cam' };
  const second = { sessionId: 'b', mediaSessionId: '2', streamName: 'cam' };
  const viewer = { sessionId: 'c', mediaSessionId: '3', streamName: 'cam' };
  audiences.published(first);
  audiences.event(first, 'audioMuted', undefined);
  t.is(audiences.subscribed(viewer).length, 1);
  t.deepEqual(audiences.event(second, 'data', 1), []);
  audiences.published(second);
  audiences.unpublished(first);
  t.deepEqual(audiences.event(first, 'data', 1), []);
  t.is(audiences.event(second, 'data', 1).length, 1);
  t.deepEqual(audiences.subscribed(viewer), []);
  audiences.unsubscribed(viewer);
  audiences.unpublished(second);
  t.deepEqual(audiences.exportState(), []);
});

test('pigeonholes are bounded and keep the order', (t) => {
  const holes = new Pigeonholes<number>({ maxHoles: 2, maxItemsPerHole: 2 });
  for (const name of ['a', 'b', 'c']) for (const item of [1, 2, 3]) holes.put(name, item);
  t.deepEqual([holes.take('a'), holes.take('a'), holes.take('b'), holes.take('c')], [[1, 2], [], [1, 2], []]);
});
