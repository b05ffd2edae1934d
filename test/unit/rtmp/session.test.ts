import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { AmfEcmaArray, encodeAmf0, encodeAmf3, type AmfValue } from '../../../core/formats/amf.ts';
import { MAX_MESSAGE_STREAMS } from '../../../plugins/rtmp/session/message-streams.ts';
import { parseConnect } from '../../../plugins/rtmp/session/connect-request.ts';
import { Liveness } from '../../../plugins/rtmp/session/liveness.ts';
import { RtmpSession } from '../../../plugins/rtmp/session/rtmp-session.ts';
import type { Effect } from '../../../plugins/rtmp/session/session-state.ts';
import { commandMessage, dataMessage, parseCommand } from '../../../plugins/rtmp/wire/command.ts';
import { USER_EVENT, userControlMessage } from '../../../plugins/rtmp/wire/control.ts';
import type { RtmpMessage } from '../../../plugins/rtmp/wire/message.ts';

const nameFault = (name: string) => (/^(?:vod:\/\/)?[a-z.]+$/.test(name) ? undefined : `${name} is no name`);
const newSession = () => new RtmpSession({ nameFault });
const call = (session: RtmpSession, streamId: number, name: string, ...values: AmfValue[]) => session.receive(commandMessage(streamId, name, 7, ...values));
const commands = (effects: readonly Effect[]) => effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 20 ? [parseCommand(effect.message)] : []));
const codes = (effects: readonly Effect[]) => commands(effects).flatMap(({ args }) => args.flatMap((arg) => (arg as { code?: string } | null)?.code ?? []));
const types = (effects: readonly Effect[]) => effects.map(({ type }) => type);

function connected(object: AmfValue = { app: 'live' }): RtmpSession {
  const session = newSession();
  call(session, 0, 'connect', object);
  session.decide({ allowed: true });
  return session;
}

function withStream(): RtmpSession {
  const session = connected();
  call(session, 0, 'createStream', null);
  return session;
}

test('connect asks, and is answered with window, bandwidth, chunk size and success', (t) => {
  const session = newSession();
  const [ask] = call(session, 0, 'connect', { app: 'live', objectEncoding: 3 });
  t.like(ask, { type: 'ask', question: { action: 'connect', request: { app: 'live' } } });
  const effects = session.decide({ allowed: true });
  t.deepEqual(effects.flatMap((effect) => (effect.type === 'send' ? [effect.message.type] : [])), [5, 6, 1, 20]);
  t.deepEqual(codes(effects), ['NetConnection.Connect.Success']);
  t.like(commands(effects)[0], { name: '_result', transactionId: 7, args: [{ objectEncoding: 3 }] });
});

test('a refused connect is told why and ended', (t) => {
  const session = newSession();
  call(session, 0, 'connect', {});
  const effects = session.decide({ allowed: false, reason: 'No' });
  t.like(commands(effects)[0], { name: '_error', args: [{ code: 'NetConnection.Connect.Rejected', description: 'No' }] });
  t.is(types(effects).at(-1), 'close');
  t.deepEqual(call(session, 0, 'createStream', null), []);
});

test('parameters of application, address and stream name come together, the nearest first', (t) => {
  const session = connected({ app: 'live?A=1&B=2', tcUrl: 'rtmp://host/live?B=9&Z=5' });
  call(session, 0, 'createStream', null);
  const [ask] = call(session, 1, 'publish', null, 'name?B=3&C=%20x', 'live');
  t.like(ask, { question: { action: 'publish', name: 'name', params: { A: '1', B: '3', C: ' x', Z: '5' } } });
});

test('connect may lack or garble everything', (t) => {
  for (const object of [null, {}, { tcUrl: 'not a url', app: 5 }, { tcUrl: null }, 'text', [1], { fourCcList: 3, videoFourCcInfoMap: 'x' }] as AmfValue[]) {
    t.deepEqual(parseConnect(object).app, '');
    t.deepEqual(codes((() => { const session = newSession(); call(session, 0, 'connect', object); return session.decide({ allowed: true }); })()), ['NetConnection.Connect.Success']);
  }
});

test('enhanced codecs are read from a list, a map, or a star', (t) => {
  t.deepEqual(parseConnect({ fourCcList: ['hvc1', 'zzzz', 'Opus'] }).fourCcs, ['hvc1', 'Opus']);
  t.deepEqual(parseConnect({ fourCcList: new AmfEcmaArray({ 0: 'av01' }) }).fourCcs, ['av01']);
  t.deepEqual(parseConnect({ videoFourCcInfoMap: { vp09: 1, hvc1: 2 }, audioFourCcInfoMap: { Opus: 4 } }).fourCcs, ['vp09', 'Opus']);
  t.true(parseConnect({ fourCcList: ['*'] }).fourCcs.length > 5);
});

test('an allowed publisher starts under the name that the access chain says, and its media passes', (t) => {
  const session = withStream();
  call(session, 1, 'publish', null, 'name', 'live');
  const effects = session.decide({ allowed: true, name: 'other' });
  t.like(effects, [{ type: 'startPublish', streamId: 1, name: 'other', asked: 'name' }]);
  t.deepEqual(codes(session.publishStarted(1)), ['NetStream.Publish.Start']);
  t.like(session.receive({ type: 9, streamId: 1, timestampMs: 5, payload: Buffer.from([1]) })[0], { type: 'video', timestampMs: 5 });
  t.deepEqual(session.receive({ type: 9, streamId: 2, timestampMs: 5, payload: Buffer.from([1]) }), []);
  t.like(session.receive(dataMessage(1, 3, '@setDataFrame', 'onMetaData', { width: 2 }))[0], { type: 'data', values: ['@setDataFrame', 'onMetaData', { width: 2 }] });
});

test('publishing without a name, under a bad one, or without a stream is refused on the stream', (t) => {
  const session = withStream();
  for (const values of [[null], [null, ''], [null, 5], [null, '../x'], [null, 'a'.repeat(300) + '!'], []]) t.deepEqual(codes(call(session, 1, 'publish', ...values)), ['NetStream.Publish.BadName']);
  t.deepEqual(codes(call(session, 9, 'publish', null, 'name')), ['NetStream.Publish.BadName']);
  t.deepEqual(codes(call(session, 1, 'play', null)), ['NetStream.Play.StreamNotFound']);
  t.deepEqual(codes(call(session, 1, 'play', null, '../x')), ['NetStream.Play.StreamNotFound']);
});

test('refusals of the access chain and of the bus have their codes', (t) => {
  const session = withStream();
  call(session, 1, 'publish', null, 'name');
  t.deepEqual(codes(session.decide({ allowed: false, reason: 'No' })), ['NetStream.Publish.Denied']);
  call(session, 1, 'publish', null, 'name');
  session.decide({ allowed: true });
  t.deepEqual(codes(session.publishFailed(1, 'in use')), ['NetStream.Publish.BadName']);
  call(session, 1, 'play', null, 'name');
  t.deepEqual(codes(session.decide({ allowed: false, reason: 'No' })), ['NetStream.Play.Failed']);
});

test('messages wait for the access chain, in order', (t) => {
  const session = withStream();
  call(session, 1, 'publish', null, 'name');
  t.deepEqual(session.receive({ type: 8, streamId: 1, timestampMs: 1, payload: Buffer.from([1]) }), []);
  t.deepEqual(call(session, 0, 'createStream', null), []);
  const copy = new RtmpSession({ nameFault }, structuredClone(session.exportState()));
  t.deepEqual(types(copy.decide({ allowed: true })), ['startPublish', 'audio', 'send']);
});

test('a player waits, starts, pauses, leaves sound out, and is told of the end', (t) => {
  const session = withStream();
  call(session, 1, 'play', null, 'name', -2, -1, true);
  t.deepEqual(types(session.decide({ allowed: true })), ['startPlay']);
  t.deepEqual(call(session, 1, 'receiveAudio', null, false), []);
  t.deepEqual(codes(session.playStarted(1)), ['NetStream.Play.Reset', 'NetStream.Play.Start']);
  t.like(call(session, 1, 'pause', null, true, 0)[0], { type: 'changePlay', activity: { paused: true, audio: false } });
  t.deepEqual(codes(call(session, 1, 'pause', null, false, 0)), ['NetStream.Unpause.Notify']);
  t.deepEqual(call(session, 1, 'seek', null, 1000), [{ type: 'seek', streamId: 1, positionMs: 1000 }]);
  t.like(call(session, 1, 'seek', null, NaN)[0], { positionMs: 0 });
  t.deepEqual(codes(session.sought(1)), ['NetStream.Seek.Notify']);
  t.like(call(session, 1, 'receiveVideo', null, false), [{ type: 'changePlay', activity: { video: false } }]);
  t.deepEqual(codes(session.playResumed(1)), ['NetStream.Play.PublishNotify']);
  t.deepEqual(codes(session.playEnded(1)), ['NetStream.Play.UnpublishNotify']);
  t.deepEqual(session.playEnded(1), []);
  t.deepEqual([...session.sought(1), ...call(session, 1, 'seek', null, 5)], []);
});

test('play2 changes the stream, and play and publish false stop', (t) => {
  const session = withStream();
  call(session, 1, 'play', null, 'name');
  session.decide({ allowed: true });
  t.deepEqual(types(call(session, 1, 'play2', null, { streamName: 'other' })), ['stopPlay', 'ask']);
  session.decide({ allowed: true });
  t.deepEqual(types(call(session, 1, 'play', null, false)), ['stopPlay']);
  t.deepEqual(call(session, 1, 'publish', null, false), []);
});

test('message streams are numbered from 1, bounded, and used again', (t) => {
  const session = connected();
  const ids = Array.from({ length: MAX_MESSAGE_STREAMS }, () => commands(call(session, 0, 'createStream', null))[0]?.args[0]);
  t.deepEqual(ids.slice(0, 3), [1, 2, 3]);
  t.is(commands(call(session, 0, 'createStream', null))[0]?.name, '_error');
  call(session, 0, 'deleteStream', null, 2);
  t.is(commands(call(session, 0, 'createStream', null))[0]?.args[0], 2);
});

test('FCUnpublish, closeStream and deleteStream end a publisher once', (t) => {
  for (const end of [['FCUnpublish', null, 'name?x=1'], ['closeStream', null], ['deleteStream', null, 1]] as const) {
    const session = withStream();
    call(session, 1, 'publish', null, 'name');
    session.decide({ allowed: true });
    const [command, ...values] = end;
    t.is(call(session, 1, command, ...values).filter(({ type }) => type === 'stopPublish').length, 1);
    t.is(call(session, 0, 'deleteStream', null, 1).filter(({ type }) => type === 'stopPublish').length, 0);
  }
});

test('helper commands are answered, unknown ones with an error only if an answer is wanted', (t) => {
  const session = withStream();
  for (const name of ['releaseStream', '_checkbw', 'getStreamLength', 'FCPublish', 'FCSubscribe']) t.like(commands(call(session, 0, name, null, 'x'))[0], { name: '_result', transactionId: 7 });
  t.is(commands(call(session, 0, 'FCSubscribe', null, 'x'))[1]?.name, 'onFCSubscribe');
  t.is(commands(call(session, 0, 'setPeerInfo', null))[0]?.name, '_error');
  t.deepEqual(session.receive(commandMessage(0, 'whatever', 0, null)), []);
});

test('AMF3 commands are read with and without the switch to AMF3', (t) => {
  const session = newSession();
  const payload = Buffer.concat([Buffer.from([0]), encodeAmf0(['connect', 1, { app: 'flash' }])]);
  t.like(session.receive({ type: 17, streamId: 0, timestampMs: 0, payload })[0], { type: 'ask', question: { request: { app: 'flash' } } });
  const switched = Buffer.concat([Buffer.from([0]), encodeAmf0(['connect', 1]), Buffer.from([0x11]), encodeAmf3([{ app: 'three' }])]);
  t.like(newSession().receive({ type: 17, streamId: 0, timestampMs: 0, payload: switched })[0], { question: { request: { app: 'three' } } });
});

test('aggregates are split with times relative to their own', (t) => {
  const session = withStream();
  call(session, 1, 'publish', null, 'name');
  session.decide({ allowed: true });
  const part = (type: number, time: number, body: number[]) => Buffer.concat([Buffer.from([type, 0, 0, body.length, (time >> 16) & 255, (time >> 8) & 255, time & 255, time >>> 24, 0, 0, 0, ...body]), Buffer.from([0, 0, 0, 11 + body.length])]);
  const aggregate = (payload: Buffer): RtmpMessage => ({ type: 22, streamId: 1, timestampMs: 1000, payload });
  t.like(session.receive(aggregate(Buffer.concat([part(8, 500, [1]), part(9, 540, [2, 3])]))), [{ type: 'audio', timestampMs: 1000 }, { type: 'video', timestampMs: 1040 }]);
  t.throws(() => session.receive(aggregate(part(22, 0, [1]))), { instanceOf: ProtocolError });
  t.throws(() => session.receive(aggregate(part(8, 0, [1]).subarray(0, 10))), { instanceOf: ProtocolError });
});

test('shared objects are refused once, pings answered', (t) => {
  const session = connected();
  const object = { type: 19, streamId: 0, timestampMs: 0, payload: Buffer.alloc(10) };
  t.deepEqual(codes(session.receive(object)), ['NetConnection.Call.Failed']);
  t.deepEqual(session.receive(object), []);
  t.like(session.receive(userControlMessage(USER_EVENT.pingRequest, 99)), [{ type: 'alive' }, { type: 'send', message: userControlMessage(USER_EVENT.pingResponse, 99) }]);
  t.throws(() => session.receive({ type: 4, streamId: 0, timestampMs: 0, payload: Buffer.alloc(1) }), { instanceOf: ProtocolError });
});

test('commands before connect, and a second connect, end the connection', (t) => {
  t.deepEqual(types(call(newSession(), 0, 'createStream', null)), ['close']);
  t.is(types(call(connected(), 0, 'connect', {})).at(-1), 'close');
  t.throws(() => newSession().receive({ type: 20, streamId: 0, timestampMs: 0, payload: Buffer.from([0, 1, 2]) }), { instanceOf: ProtocolError });
});

test('goodbye names every stream and the connection', (t) => {
  const session = withStream();
  call(session, 1, 'publish', null, 'name');
  session.decide({ allowed: true });
  t.deepEqual(codes(session.close('server stop')), ['NetStream.Unpublish.Success', 'NetConnection.Connect.Closed']);
  t.deepEqual(session.close('again'), []);
});

test('silence leads to pings and then to the end', (t) => {
  const limits = { handshakeTimeoutMs: 10, pingIntervalMs: 20, idleTimeoutMs: 60 };
  const peer = new Liveness(limits, Liveness.begin(0));
  t.is(peer.tick(9, 0, false), 'fine');
  t.is(peer.tick(10, 100, false), 'handshakeTimeout');
  t.is(peer.tick(10, 100, true), 'fine');
  t.is(peer.tick(30, 100, true), 'ping');
  t.is(peer.tick(31, 100, true), 'fine');
  const moved = new Liveness(limits, structuredClone(peer.exportState()));
  t.is(moved.tick(69, 100, true), 'ping');
  t.is(moved.tick(70, 100, true), 'idle');
});

test('a player may begin at a position, and the prefix that players put before files is no part of an address', (t) => {
  for (const [asked, start, expected] of [['mp4:vod://a.mkv', 5000, { name: 'vod://a.mkv', startMs: 5000 }], ['plain', -2000, { name: 'plain', startMs: 0 }]] as const) {
    const session = withStream();
    call(session, 1, 'play', null, asked, start);
    t.like(session.decide({ allowed: true })[0], { type: 'startPlay', activity: expected });
  }
});
