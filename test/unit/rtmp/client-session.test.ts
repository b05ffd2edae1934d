import test from 'ava';
import type { AmfValue } from '../../../core/formats/amf.ts';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { Backoff } from '../../../plugins/rtmp/client/backoff.ts';
import { ClientSession } from '../../../plugins/rtmp/session/client-session.ts';
import type { ClientEffect, ClientWish } from '../../../plugins/rtmp/session/client-state.ts';
import { commandMessage, dataMessage, parseCommand } from '../../../plugins/rtmp/wire/command.ts';
import { USER_EVENT, userControlMessage } from '../../../plugins/rtmp/wire/control.ts';

const WISH: ClientWish = { role: 'publish', app: 'live?a=1', tcUrl: 'rtmp://host/live?a=1', streamName: 'name', flashVersion: 'Test', credentials: { user: 'u', password: 'p' }, proof: '', nonce: '00000000' };
const NAMES = { publish: ['createStream', 'publish'], play: ['createStream', 'play'] } as const;

const commands = (effects: readonly ClientEffect[]) => effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 20 ? [parseCommand(effect.message)] : []));
const names = (effects: readonly ClientEffect[]) => commands(effects).map(({ name }) => name);
const answer = (session: ClientSession, transactionId: number, ...values: AmfValue[]) => session.receive(commandMessage(0, '_result', transactionId, ...values));
const status = (session: ClientSession, code: string, level = 'status', description = '') => session.receive(commandMessage(session.streamId, 'onStatus', 0, null, { level, code, description }));

/** A session that has its message stream and has asked for what it wants. */
function asking(role: ClientWish['role'] = 'publish', facts: AmfValue = {}): ClientSession {
  const session = new ClientSession({ ...WISH, role });
  session.begin();
  const [created] = commands(answer(session, 1, facts, {})).filter(({ name }) => name === NAMES[role][0]);
  answer(session, created!.transactionId, null, 5);
  return session;
}

function running(role: ClientWish['role'] = 'publish'): ClientSession {
  const session = asking(role);
  status(session, role === 'publish' ? 'NetStream.Publish.Start' : 'NetStream.Play.Start');
  return session;
}

test('a publisher connects, announces its stream, makes a message stream and publishes', (t) => {
  const session = new ClientSession(WISH);
  const begun = session.begin();
  t.is(begun[0]?.type === 'send' && begun[0].message.type, 1, 'the chunk size goes first');
  t.like(commands(begun)[0], { name: 'connect', transactionId: 1, object: { app: 'live?a=1', tcUrl: 'rtmp://host/live?a=1', flashVer: 'Test', type: 'nonprivate', objectEncoding: 0 } });
  const connected = answer(session, 1, { fourCcList: ['hvc1', 'av01', 'xxxx'] }, { code: 'NetConnection.Connect.Success' });
  t.is(connected[0]?.type, 'connected');
  t.deepEqual(names(connected), ['releaseStream', 'FCPublish', 'createStream']);
  t.deepEqual(session.fourCcs, ['av01', 'hvc1']);
  t.deepEqual(session.receive(commandMessage(0, '_error', 2, null, { code: 'NetConnection.Call.Failed', level: 'error' })), [], 'releaseStream may be refused');
  const publish = commands(answer(session, 4, null, 5));
  t.like(publish[0], { name: 'publish', args: ['name', 'live'] });
  t.deepEqual(status(session, 'NetStream.Publish.Start'), [{ type: 'started' }]);
  t.is(session.phase, 'running');
  t.deepEqual(status(session, 'NetStream.Publish.Start'), [], 'once');
});

test('a player plays, and its media passes on its message stream and on stream 0', (t) => {
  const session = asking('play');
  const media = (streamId: number) => session.receive({ type: 9, streamId, timestampMs: 7, payload: Uint8Array.of(1) });
  t.like(media(5)[0], { type: 'video', timestampMs: 7 }, 'some servers send before they say so');
  t.deepEqual(status(session, 'NetStream.Play.Reset'), []);
  t.deepEqual(status(session, 'NetStream.Play.Start'), [{ type: 'started' }]);
  t.is(media(0).length, 1);
  t.deepEqual(media(6), []);
  t.deepEqual(session.receive(dataMessage(5, 0, 'onMetaData', { width: 1 })), [{ type: 'data', values: ['onMetaData', { width: 1 }] }]);
  t.deepEqual(running('publish').receive({ type: 9, streamId: 5, timestampMs: 0, payload: Uint8Array.of(1) }), [], 'a publisher is sent nothing');
});

test('refusals fail the session with the server\'s sentence, at each step', (t) => {
  const refusal = { level: 'error', code: 'Some.Code', description: 'No.' };
  const failed = [{ type: 'failed', failure: { type: 'refused', reason: 'Some.Code: No.' } }];
  const connecting = new ClientSession(WISH);
  connecting.begin();
  t.deepEqual(connecting.receive(commandMessage(0, '_error', 1, null, refusal)), failed);
  t.deepEqual(asking().receive(commandMessage(5, 'onStatus', 0, null, refusal)), failed);
  t.deepEqual(running('play').receive(commandMessage(5, 'onStatus', 0, null, refusal)), failed);
  const creating = new ClientSession(WISH);
  creating.begin();
  answer(creating, 1, {}, {});
  t.deepEqual(creating.receive(commandMessage(0, '_error', 4, null, refusal)), failed);
});

test('a message stream that is no number is no message stream', (t) => {
  for (const id of [undefined, null, 'x', 0, -1, 1.5, NaN, 2 ** 40]) {
    const session = new ClientSession(WISH);
    session.begin();
    answer(session, 1, {}, {});
    t.like(answer(session, 4, null, id)[0], { type: 'failed', failure: { type: 'broken' } }, String(id));
  }
});

test('the end of the stream, in any of the ways of servers, ends the session', (t) => {
  for (const code of ['NetStream.Play.UnpublishNotify', 'NetStream.Play.Stop', 'NetStream.Play.Complete', 'NetConnection.Connect.Closed']) {
    t.like(status(running('play'), code)[0], { type: 'failed', failure: { type: 'ended' } }, code);
  }
  t.like(running('play').receive(userControlMessage(USER_EVENT.streamEof, 5))[0], { type: 'failed', failure: { type: 'ended' } });
  t.deepEqual(running('play').receive(userControlMessage(USER_EVENT.streamEof, 6)), []);
  t.like(running().receive(commandMessage(0, 'close', 0, null))[0], { type: 'failed', failure: { type: 'ended' } });
});

test('a challenge asks for another connection; the proof goes behind application and address', (t) => {
  const reject = (proof: string, description: string) => {
    const session = new ClientSession({ ...WISH, proof });
    const [connect] = commands(session.begin());
    return { connect, effects: session.receive(commandMessage(0, '_error', 1, null, { level: 'error', code: 'NetConnection.Connect.Rejected', description })) };
  };
  const first = reject('', '[ code=403 need auth; authmod=adobe ]');
  t.deepEqual(first.effects, [{ type: 'challenged', proof: 'authmod=adobe&user=u' }]);
  const second = reject('authmod=adobe&user=u', '[ authmod=adobe ] : ?reason=needauth&user=u&salt=s&challenge=c');
  t.like(second.connect?.object, { app: 'live?a=1&authmod=adobe&user=u', tcUrl: 'rtmp://host/live?a=1&authmod=adobe&user=u' });
  t.regex(JSON.stringify(second.effects), /response=/);
  t.like(reject('authmod=adobe&user=u', '[ code=403 need auth; authmod=adobe ]').effects[0], { type: 'failed', failure: { type: 'refused' } });
  t.notRegex(JSON.stringify(reject('authmod=adobe&user=u&response=x', '[ authmod=adobe ] : ?reason=authfailed').effects), /response/);
});

test('pings are answered, a cut command is an error of the protocol, and goodbye names the stream', (t) => {
  const session = running();
  const [pong] = session.receive(userControlMessage(USER_EVENT.pingRequest, 77));
  t.deepEqual(pong, { type: 'send', message: userControlMessage(USER_EVENT.pingResponse, 77) });
  t.throws(() => session.receive({ type: 20, streamId: 0, timestampMs: 0, payload: Uint8Array.of(2, 0, 9, 1) }), { instanceOf: ProtocolError });
  t.deepEqual(names(session.close()), ['FCUnpublish', 'deleteStream']);
  t.deepEqual(session.close(), []);
  t.deepEqual(status(session, 'NetStream.Publish.Start'), []);
  t.deepEqual(new ClientSession(WISH).close(), []);
});

test('a session goes on from its exported state at every step', (t) => {
  let session = new ClientSession(WISH);
  const handOver = () => (session = new ClientSession(WISH, structuredClone(session.exportState())));
  session.begin();
  handOver();
  t.deepEqual(names(answer(session, 1, { fourCcList: ['*'] }, {})).at(-1), 'createStream');
  handOver();
  t.is(session.fourCcs.length, 8);
  t.deepEqual(names(answer(session, 4, null, 3)), ['publish']);
  handOver();
  t.deepEqual(status(session, 'NetStream.Publish.Start'), [{ type: 'started' }]);
  handOver();
  t.like(session, { phase: 'running', streamId: 3 });
});

test('tries come later each time up to a limit, and at once again after one that went well', (t) => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1000 });
  t.deepEqual([1, 2, 3, 4, 5, 6].map(() => backoff.next(0)), [100, 200, 400, 800, 1000, 1000]);
  backoff.running(0);
  t.is(backoff.next(500), 1000, 'it ran for less than the last wait');
  const same = new Backoff({ minMs: 100, maxMs: 1000 }, structuredClone(backoff.exportState()));
  same.running(1000);
  t.is(same.next(9000), 100);
  t.is(same.next(9000), 200);
});
