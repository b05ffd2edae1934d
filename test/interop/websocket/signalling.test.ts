import test, { type ExecutionContext } from 'ava';
import { FakeOfferAnswer } from '../../support/fake-offer-answer.ts';
import { SignallingClient } from '../../support/signalling-client.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

interface Server {
  readonly kernel: TestKernel;
  readonly port: number;
  readonly tlsPort: number;
  readonly media: FakeOfferAnswer;
  readonly connect: (fields?: Readonly<Record<string, unknown>>) => Promise<SignallingClient>;
}

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Server> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort, ...settings } } });
  t.teardown(() => kernel.stop());
  const clients: SignallingClient[] = [];
  t.teardown(() => clients.forEach((client) => client.end()));
  return {
    kernel,
    port,
    tlsPort,
    media: new FakeOfferAnswer(kernel),
    connect: async (fields) => {
      const client = await SignallingClient.connect(port, fields);
      clients.push(client);
      return client;
    },
  };
}

const faults = (kernel: TestKernel): number => kernel.kernel.host.slot('websocket').faultsSeen;

test.serial('a client connects, is echoed what it said but its password, and gets a token', async (t) => {
  const { connect, tlsPort, kernel } = await start(t);
  const client = await connect({ custom: { a: 1 }, sipLogin: '1001', sipPassword: 'secret' });
  const [user] = client.all('getUserData');
  t.like(user, { appKey: 'defaultApp', custom: { a: 1 }, sipLogin: '1001', status: 'ESTABLISHED', useBase64BinaryEncoding: false });
  t.false('sipPassword' in user!);
  t.true(client.authToken.length >= 20);
  // The account that it asked for cannot be had.
  t.like(await client.next('fail'), { apiMethod: 'ConnectionStatusEvent', info: 'Telephone calls are not enabled on this server' });
  const secure = await SignallingClient.open(tlsPort, 'wss');
  secure.send('connection', { appKey: 'defaultApp' });
  await secure.next('getUserData');
  secure.end();
  t.is(faults(kernel), 0);
});

test.serial('publishing and playing go by the offer and answer of the media side, and each ends in a status', async (t) => {
  const { connect, media, kernel } = await start(t);
  const [publisher, player] = [await connect(), await connect()];
  const published = publisher.stream('publishStream', 'cam', { transport: 'TCP', minBitrate: 300, maxBitrate: 900, custom: { token: 't1' } });
  await publisher.status(published, 'PUBLISHING');
  t.deepEqual(publisher.names, ['getUserData', 'setRemoteSDP', 'notifyStreamStatusEvent']);
  t.deepEqual(publisher.received.find(({ message }) => message === 'setRemoteSDP')?.data, [published, `v=0\r\na=answer-to:${published}\r\n`]);
  t.like(media.offers[0], { id: published, name: 'cam', direction: 'publish', transport: 'tcp', minBitrateBps: 300_000, maxBitrateBps: 900_000, meta: { params: { token: 't1' } } });

  const played = player.stream('playStream', 'cam');
  await player.status(played, 'PLAYING');
  media.tell(played, { type: 'resize', width: 320, height: 240 });
  media.tell(played, { type: 'rate', videoBps: 1000 });
  media.tell(published, { type: 'rate', videoBps: 2000 });
  t.like(await player.next('notifyStreamEvent'), { mediaSessionId: played, type: 'resize', payload: { streamerVideoWidth: 320, streamerVideoHeight: 240 } });
  t.like(await player.next('outboundVideoRate'), { mediaSessionId: played, videoRate: 1000 });
  t.like(await publisher.next('inboundVideoRate'), { mediaSessionId: published, videoRate: 2000 });

  media.tell(played, { type: 'missing', kind: 'audio', codec: 'aac', remedy: 'Enable a transcoder to opus.' });
  await until(() => player.all('notifyStreamStatusEvent').length === 2);
  t.like(player.all('notifyStreamStatusEvent')[1], { status: 'PLAYING', info: 'No audio: the stream has aac. Enable a transcoder to opus.' });

  player.send('stopStream', { mediaSessionId: played, name: 'cam', published: false, status: 'PLAYING', record: false });
  t.like(await player.status(played, 'STOPPED'), { info: 'Stopped by user', name: 'cam', published: false });
  publisher.send('unPublishStream', { mediaSessionId: published, name: 'cam', published: true, status: 'PUBLISHING', record: false });
  t.like(await publisher.status(published, 'UNPUBLISHED'), { info: 'Stopped by user', record: false });
  t.deepEqual(media.closed, [{ id: played, reason: 'Stopped by user' }, { id: published, reason: 'Stopped by user' }]);
  // A stop of what is over must get a final status as well, or the SDK asks for ever.
  publisher.send('stopStream', { mediaSessionId: played, name: 'cam' });
  await publisher.status(played, 'STOPPED');
  t.is(faults(kernel), 0);
});

test.serial('what cannot be published or played fails with the documented text and no answer before it', async (t) => {
  const { connect, media, kernel } = await start(t, { maxStreamsPerSession: 4 });
  const [first, second] = [await connect(), await connect()];
  const published = first.stream('publishStream', 'cam');
  await first.status(published, 'PUBLISHING');
  const failed = async (client: SignallingClient, id: string): Promise<unknown> => (await client.status(id, 'FAILED')).info;
  t.is(await failed(second, second.stream('playStream', 'nosuch')), 'Stream not found');
  t.is(await failed(second, second.stream('publishStream', 'cam')), 'Stream name is already in use');
  t.is(await failed(first, first.stream('publishStream', 'cam')), 'Stream name is already in use');
  t.regex(String(await failed(second, second.stream('publishStream', 'a/../b'))), /segment/);
  t.regex(String(await failed(second, second.stream('playStream', 'cam', { mediaProvider: 'WSPlayer' }))), /WSPlayer/);
  t.regex(String(await failed(second, second.stream('publishStream', 'x', { mediaProvider: 'MSE' }))), /only play/);
  t.is(await failed(second, second.stream('playStream', 'nosuch', { mediaProvider: 'MSE' })), 'Stream not found');
  second.stream('playStream', 'cam', { mediaSessionId: published });
  t.is(await failed(second, published), 'MediaSessionId is already in use');
  first.stream('playStream', 'cam', { mediaSessionId: published });
  t.like(await first.next('fail'), { id: published, info: 'MediaSessionId is already in use' });
  second.stream('playStream', 'cam', { mediaSessionId: '' });
  t.like(await second.next('fail'), { apiMethod: 'StreamStatusEvent', info: 'MediaSessionId is null' });
  t.deepEqual(second.names.filter((name) => name === 'setRemoteSDP'), []);

  const played = second.stream('playStream', 'cam');
  await second.status(played, 'PLAYING');
  media.tell(played, { type: 'ended', failed: true, info: 'Failed by ICE timeout' });
  t.is(await failed(second, played), 'Failed by ICE timeout');
  for (let count = 0; count < 4; count++) second.stream('playStream', 'cam');
  await until(() => second.all('notifyStreamStatusEvent').filter(({ status }) => status === 'PLAYING').length === 5);
  t.regex(String(await failed(second, second.stream('playStream', 'cam'))), /Too many/);
  t.is(faults(kernel), 0);
});

test.serial('without a media side publishing fails and says so', async (t) => {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort } } });
  t.teardown(() => kernel.stop());
  const client = await SignallingClient.connect(port);
  const id = client.stream('publishStream', 'cam');
  t.is((await client.status(id, 'FAILED')).info, 'WebRTC is not enabled on this server');
  client.end();
});

test.serial('a stop while the offer is being answered is answered at once, and the media side told when it has answered', async (t) => {
  const { connect, media } = await start(t);
  const client = await connect();
  let open = (): void => undefined;
  media.gate = new Promise((resolve) => (open = resolve));
  const id = client.stream('publishStream', 'cam');
  await until(() => media.asked === 1);
  client.send('unPublishStream', { mediaSessionId: id, name: 'cam' });
  await client.status(id, 'UNPUBLISHED');
  open();
  await until(() => media.closed.length > 0 && media.offers.length === 1);
  await until(() => media.closed.length === 2);
  t.deepEqual(client.names, ['getUserData', 'notifyStreamStatusEvent']);
});

test.serial('mute states and data reach every player, and late ones hear what is muted', async (t) => {
  const { connect } = await start(t);
  const [publisher, early, late] = [await connect(), await connect(), await connect()];
  const published = publisher.stream('publishStream', 'cam');
  await publisher.status(published, 'PUBLISHING');
  const played = early.stream('playStream', 'cam');
  await early.status(played, 'PLAYING');
  for (const type of ['audioMuted', 'videoMuted', 'videoUnmuted']) publisher.send('sendStreamEvent', { mediaSessionId: published, type });
  publisher.send('sendStreamEvent', { mediaSessionId: published, type: 'data', payload: { number: 33, text: 'hello' } });
  publisher.send('sendStreamEvent', { mediaSessionId: published, type: 'nonsense' });
  early.send('sendStreamEvent', { mediaSessionId: played, type: 'data', payload: 'of a player' });
  await early.next('notifyStreamEvent', ({ type }) => type === 'data');
  t.deepEqual(early.all('notifyStreamEvent'), [
    { mediaSessionId: played, type: 'audioMuted' },
    { mediaSessionId: played, type: 'videoMuted' },
    { mediaSessionId: played, type: 'videoUnmuted' },
    { mediaSessionId: played, type: 'data', payload: { number: 33, text: 'hello' } },
  ]);
  const latePlayed = late.stream('playStream', 'cam');
  t.deepEqual(await late.next('notifyStreamEvent'), { mediaSessionId: latePlayed, type: 'audioMuted' });
  t.deepEqual(late.names.slice(-2), ['notifyStreamStatusEvent', 'notifyStreamEvent'], 'after the status');
});

test.serial('availability is the text "true" or "false"; snapshots, calls and unknown messages are answered clearly', async (t) => {
  const { connect, kernel } = await start(t);
  const client = await connect();
  await client.status(client.stream('publishStream', 'cam'), 'PUBLISHING');
  client.send('availableStream', { mediaSessionId: 'a', name: 'cam' });
  client.send('availableStream', { mediaSessionId: 'b', name: 'absent' });
  t.deepEqual(await client.next('availableStream', ({ id }) => id === 'a'), { id: 'a', status: 'true', info: '' });
  t.deepEqual(await client.next('availableStream', ({ id }) => id === 'b'), { id: 'b', status: 'false', info: 'Stream not found' });
  client.send('snapshot', { mediaSessionId: 's', name: 'cam' });
  t.like(await client.next('notifyStreamEvent'), { mediaSessionId: 's', type: 'snapshotFailed', payload: { info: 'Snapshots are not enabled on this server' } });
  kernel.kernel.parts.capabilities.provide('snapshot', { take: (name: string) => Promise.resolve(Buffer.from(`picture of ${name}`)) });
  client.send('snapshot', { mediaSessionId: 's2', name: 'cam' });
  t.like(await client.next('notifyStreamEvent', ({ mediaSessionId }) => mediaSessionId === 's2'), { type: 'snapshotCompleted', payload: { snapshot: Buffer.from('picture of cam').toString('base64') } });
  client.send('call', { callId: 'c1', callee: '1002', sdp: 'v=0' });
  t.like(await client.next('finish'), { callId: 'c1', status: 'FAILED' });
  client.send('hold', { callId: 'c1' });
  t.like(await client.next('fail', ({ apiMethod }) => apiMethod === 'hold'), { id: 'c1' });
  client.send('somethingNew', { a: 1 });
  t.like(await client.next('fail', ({ apiMethod }) => apiMethod === 'somethingNew'), { status: 'FAILED' });
  for (const message of ['webRTCMetricsClientDescription', 'webRTCMetricsBatch']) client.send(message, { mediaSessionId: 's', metrics: '[]' });
  client.send('ping', null);
  await until(() => client.names.includes('pong'));
  client.send('sessionDebug', { command: 'start' });
  const { file } = await client.next('notifySessionDebugEvent', ({ status }) => status === 'STARTED');
  client.send('pushLogs', { logs: 'a line\n' });
  client.send('submitBugReport', { text: 'no audio', type: 'no_media' });
  client.send('sessionDebug', { command: 'stop' });
  await client.next('notifySessionDebugEvent', ({ status }) => status === 'STOPPED');
  const { readFile } = await import('node:fs/promises');
  const folder = `${kernel.folder}/state/plugins/websocket/client-logs/`;
  t.is(await until(() => readFile(folder + String(file), 'utf8').catch(() => ''), 'the log'), 'a line\n');
  t.deepEqual(JSON.parse(await until(() => readFile(folder + String(file).replace('.log', '.report-1.json'), 'utf8').catch(() => ''), 'the report')), { text: 'no audio', type: 'no_media' });
  t.is(faults(kernel), 0);
});

test.serial('three members of a room hear of each other in the order that the SDK needs', async (t) => {
  const { connect, media } = await start(t);
  const member = (login: string): Promise<SignallingClient> => connect({ appKey: 'roomApp', custom: { login, token: 'x' } });
  const [alice, bob, carol] = [await member('Alice'), await member('Bob'), await member('Carol')];
  const join = { command: 'join', options: { name: 'r' } };
  t.is((await alice.data(join)).status, 'ACCEPTED');
  t.deepEqual(alice.names.slice(-2), ['DataStatusEvent', 'OnDataEvent']);
  t.deepEqual(alice.roomEvents, [{ name: 'STATE', info: [] }]);
  media.connects = false;
  const camera = alice.stream('publishStream', 'r-Alice-1', { custom: { name: 'r' } });
  await alice.next('setRemoteSDP');
  t.is((await bob.data(join)).status, 'ACCEPTED');
  t.deepEqual(bob.roomEvents, [{ name: 'STATE', info: ['Alice'] }]);
  media.tell(camera, { type: 'connected' });
  await until(() => bob.roomEvents.length === 2);
  t.deepEqual(bob.roomEvents[1], { name: 'PUBLISHED', info: { login: 'Alice', name: 'r-Alice-1' } });
  t.is((await carol.data(join)).status, 'ACCEPTED');
  t.deepEqual(carol.roomEvents, [{ name: 'STATE', info: [{ login: 'Alice', name: 'r-Alice-1' }, 'Bob'] }]);

  t.is((await bob.data({ command: 'sendMessage', options: { roomConfig: { name: 'r' }, to: 'Carol', text: 'hi' } })).status, 'ACCEPTED');
  t.is((await bob.data({ command: 'sendMessage', options: { roomConfig: { name: 'r' }, to: 'Nobody', text: 'hi' } })).status, 'FAILED');
  await until(() => carol.roomEvents.length === 2);
  t.deepEqual(carol.roomEvents[1], { name: 'MESSAGE', info: { from: 'Bob', text: 'hi' } });
  const impostor = await member('Alice');
  t.like(await impostor.data(join), { status: 'FAILED', info: 'Login is already in use' });

  alice.end();
  await until(() => bob.roomEvents.some(({ name }) => name === 'LEFT'));
  t.deepEqual(bob.roomEvents.slice(2), [
    { name: 'JOINED', info: 'Carol' },
    { name: 'UNPUBLISHED', info: { login: 'Alice', name: 'r-Alice-1' } },
    { name: 'LEFT', info: 'Alice' },
  ]);
  t.deepEqual(media.closed, [{ id: camera, reason: 'Stopped by session disconnect' }]);
  t.is((await carol.data({ command: 'leave', options: { name: 'r' } })).status, 'ACCEPTED');
  await until(() => bob.roomEvents.at(-1)?.info === 'Carol');
  t.is(bob.roomEvents.at(-1)?.name, 'LEFT');
});

test.serial('silent clients are pinged and ended after the missed answers; others stay', async (t) => {
  const { connect } = await start(t, { pingIntervalMs: 100, pingProbes: 3 });
  const [alive, dead] = [await connect(), await connect()];
  dead.answersPings = false;
  await until(() => dead.close, 'the end of the silent client');
  t.true(dead.all('ping').length >= 3 || dead.received.filter(({ message }) => message === 'ping').length >= 3);
  t.deepEqual(dead.received.find(({ message }) => message === 'ping')?.data, [null]);
  t.is(alive.close, undefined);
});

test.serial('sockets that do not connect, say nonsense or are too many are closed with a reason', async (t) => {
  const { port, connect, kernel } = await start(t, { connectTimeoutMs: 300, maxConnectionsPerAddress: 3 });
  const closeOf = async (use: (client: SignallingClient) => void): Promise<SignallingClient['close']> => {
    const client = await SignallingClient.open(port);
    use(client);
    return until(() => client.close);
  };
  t.deepEqual(await closeOf(() => undefined), { code: 1008, reason: 'No connection in time' });
  t.deepEqual(await closeOf((client) => client.socket.send('{nonsense')), { code: 1007, reason: 'The message is not JSON' });
  t.deepEqual(await closeOf((client) => client.socket.send('['.repeat(1000))), { code: 1007, reason: 'The message is nested deeper than 64' });
  t.deepEqual(await closeOf((client) => client.socket.send('[]')), { code: 1007, reason: 'The message has no name' });
  t.is((await closeOf((client) => client.socket.send(Buffer.alloc(3))))?.code, 1003);
  t.deepEqual(await closeOf((client) => client.stream('playStream', 'x')), { code: 1008, reason: 'playStream before connection' });
  t.is((await closeOf((client) => client.send('connection', { custom: 'x'.repeat(40_000) })))?.code, 1009);
  t.is((await closeOf((client) => client.send('connection', { custom: 'x'.repeat(300_000) })))?.code, 1009);
  for (let count = 0; count < 3; count++) await connect();
  t.is((await closeOf(() => undefined))?.code, 1013);
  t.is(faults(kernel), 0);
});

test.serial('a client that asked for it comes back with its token; its streams and rooms are over', async (t) => {
  const { connect, kernel, media } = await start(t, { resumeMs: 400 });
  const custom = { login: 'Alice' };
  const first = await connect({ appKey: 'roomApp', keepAlive: true, custom });
  const other = await connect({ appKey: 'roomApp', custom: { login: 'Bob' } });
  for (const client of [first, other]) await client.data({ command: 'join', options: { name: 'r' } });
  const stream = first.stream('publishStream', 'r-Alice-1', { custom: { name: 'r' } });
  await first.status(stream, 'PUBLISHING');
  const token = first.authToken;
  const { id } = kernel.kernel.parts.sessions.list({ role: 'publish' })[0]!;
  first.end();
  await until(() => other.roomEvents.at(-1)?.name === 'LEFT');
  t.is(kernel.kernel.parts.sessions.get(id)?.state, 'AWAY');
  t.deepEqual(media.closed, [{ id: stream, reason: 'Stopped by session disconnect' }]);

  const second = await connect({ appKey: 'roomApp', keepAlive: true, custom, authToken: token });
  t.is(second.authToken, token);
  t.is(kernel.kernel.parts.sessions.get(id)?.state, 'ESTABLISHED');
  t.is(kernel.kernel.parts.sessions.count('websocket'), 2);
  // The old socket may still look alive when the client is back.
  const third = await connect({ appKey: 'roomApp', keepAlive: true, custom, authToken: token });
  t.is(third.authToken, token);
  await until(() => second.close);
  t.is((await third.data({ command: 'join', options: { name: 'r' } })).status, 'ACCEPTED');
  third.end();
  await until(() => kernel.kernel.parts.sessions.get(id) === undefined, 'the end of the session that nobody resumes');
  const fourth = await connect({ appKey: 'roomApp', keepAlive: true, custom, authToken: token });
  t.not(fourth.authToken, token);
  t.is(faults(kernel), 0);
});

test.serial('the access chain decides on connecting, streams and data, and may give another name', async (t) => {
  const { connect, port, kernel, media } = await start(t);
  const asked: unknown[] = [];
  kernel.kernel.parts.access.use({
    name: 'test',
    order: 0,
    authorise: ({ action, streamName, app, params }) => {
      asked.push({ action, streamName, app, params });
      if (params['deny'] === 'true' || action === 'data') return { allowed: false, reason: `no ${action}` };
      return action === 'publish' ? { allowed: true, streamName: 'renamed', params: { by: 'test' } } : undefined;
    },
  });
  const refused = await SignallingClient.open(port);
  refused.send('connection', { appKey: 'a', custom: { deny: true } });
  t.like(await refused.next('fail'), { apiMethod: 'ConnectionStatusEvent', info: 'no connect' });
  t.deepEqual(await until(() => refused.close), { code: 1008, reason: 'no connect' });
  const client = await connect({ appKey: 'b', custom: { token: 't' } });
  const id = client.stream('publishStream', 'mine');
  t.like(await client.status(id, 'PUBLISHING'), { name: 'mine' });
  t.like(media.offers[0], { name: 'renamed', meta: { params: { by: 'test' } } });
  t.is((await client.status(client.stream('playStream', 'renamed', { custom: { deny: true } }), 'FAILED')).info, 'no play');
  t.like(await client.data({ x: 1 }), { status: 'FAILED', info: 'no data' });
  t.deepEqual(asked[1], { action: 'connect', streamName: undefined, app: 'b', params: { token: 't' } });
});

test.serial('an operator ends a session; its client is told by the close', async (t) => {
  const { connect, kernel, media } = await start(t);
  const client = await connect();
  const id = client.stream('publishStream', 'cam');
  await client.status(id, 'PUBLISHING');
  kernel.kernel.parts.sessions.kill(kernel.kernel.parts.sessions.list({ protocol: 'websocket' })[0]!.id, 'Stopped by rest /terminate');
  t.deepEqual(await until(() => client.close), { code: 1001, reason: 'Stopped by rest /terminate' });
  t.is(media.closed.length, 1);
});
