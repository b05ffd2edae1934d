import test, { type ExecutionContext } from 'ava';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { numbersOf, NumberedPublisher, unitsOf } from '../../support/mse.ts';
import { SignallingClient } from '../../support/signalling-client.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

interface Setup {
  readonly kernel: TestKernel;
  readonly port: number;
  readonly publish: (name: string, tracks?: readonly Partial<TrackDescriptor>[]) => NumberedPublisher;
}

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Setup> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort, ...settings } } });
  t.teardown(() => kernel.stop());
  return { kernel, port, publish: (name, tracks) => new NumberedPublisher(kernel.kernel.parts.media, name, tracks) };
}

async function playing(port: number, client: SignallingClient, name: string): Promise<{ readonly id: string; readonly media: SignallingClient }> {
  const id = client.stream('playStream', name, { mediaProvider: 'MSE' });
  await client.status(id, 'PLAYING');
  const media = await SignallingClient.open(port);
  media.send('connectMediaTransport', { authToken: client.authToken });
  return { id, media };
}

const failure = async (client: SignallingClient, name: string): Promise<unknown> => (await client.status(client.stream('playStream', name, { mediaProvider: 'MSE' }), 'FAILED')).info;
const sdpOf = (client: SignallingClient, id: string): unknown => client.received.find(({ message, data }) => message === 'setRemoteSDP' && data[0] === id)?.data[1];

test.serial('a player gets the configurations, then everything from the last key frame on, one unit a message', async (t) => {
  const { port, publish } = await start(t);
  const source = publish('cam');
  for (let count = 0; count < 14; count++) source.write();
  const client = await SignallingClient.connect(port);
  const { id, media } = await playing(port, client, 'cam');
  t.deepEqual(client.names, ['getUserData', 'setRemoteSDP', 'notifyStreamStatusEvent', 'notifyStreamEvent']);
  t.regex(String(sdpOf(client, id)), /m=video 1 [^]*m=audio 1 RTP\/AVP 103/);
  t.deepEqual(client.all('notifyStreamEvent'), [{ mediaSessionId: id, type: 'resize', payload: { streamerVideoWidth: 64, streamerVideoHeight: 48 } }]);
  await until(() => media.binary.length >= 2);
  for (let count = 0; count < 10; count++) source.write({ length: 70_000 });
  await until(() => numbersOf(media.binary, 'audio').at(-1) === 23);
  t.deepEqual(unitsOf(media.binary).slice(0, 3).map(({ kind, config, key }) => ({ kind, config, key })), [
    { kind: 'video', config: true, key: true },
    { kind: 'audio', config: true, key: true },
    { kind: 'video', config: false, key: true },
  ]);
  t.deepEqual(numbersOf(media.binary, 'video'), Array.from({ length: 14 }, (_, index) => 10 + index));
  t.true(media.binary.every((message) => unitsOf([message]).length === 1));
  const times = unitsOf(media.binary).filter(({ kind }) => kind === 'video').map(({ timestampMs }) => timestampMs);
  t.deepEqual(times, [...times].sort((a, b) => a - b));
  for (const one of [client, media]) one.end();
});

test.serial('what MSE cannot show is refused by name, and a sound that it cannot play is left out and named', async (t) => {
  const { port, publish } = await start(t);
  const client = await SignallingClient.connect(port);
  publish('vp8', [{ kind: 'video', codec: 'vp8' }, { kind: 'audio' }]);
  publish('opus', [{ kind: 'audio', codec: 'opus' }]);
  publish('flagged', [{ kind: 'video', hasBFrames: true }]);
  const mixed = publish('mixed', [{ kind: 'video' }, { kind: 'audio', codec: 'opus' }]);
  mixed.write();
  t.is(await failure(client, 'vp8'), 'Transcoding required, but disabled');
  t.is(await failure(client, 'opus'), 'No common codecs');
  t.is(await failure(client, 'flagged'), 'Transcoding required, but disabled: the stream has B-frames');
  const { id, media } = await playing(port, client, 'mixed');
  t.regex(String((await client.status(id, 'PLAYING')).info), /^No audio: the stream has opus/);
  t.regex(String(sdpOf(client, id)), /m=video 1 [^]*m=audio 0 /);
  await until(() => numbersOf(media.binary, 'video').length === 1);
  for (const one of [client, media]) one.end();
});

test.serial('a stream that turns out to have B-frames ends its players', async (t) => {
  const { port, publish } = await start(t);
  const source = publish('cam');
  source.write();
  const client = await SignallingClient.connect(port);
  const { id, media } = await playing(port, client, 'cam');
  await until(() => media.binary.length >= 3);
  source.write({ shiftMs: 120 });
  source.write({ shiftMs: 0 });
  t.regex(String((await client.status(id, 'FAILED')).info), /B-frames/);
  await until(() => media.close);
  t.regex(String(await failure(client, 'cam')), /B-frames/, 'known by the cached pictures');
  client.end();
});

test.serial('media sockets go to the playbacks in their order; one too many, or of an unknown session, is closed', async (t) => {
  const { port, publish, kernel } = await start(t, { connectTimeoutMs: 500 });
  for (const name of ['a', 'b']) publish(name, [{ kind: 'audio' }]).write();
  const second = kernel.kernel.parts.media.find('b')!;
  const client = await SignallingClient.connect(port);
  const ids = ['a', 'b'].map((name) => client.stream('playStream', name, { mediaProvider: 'MSE' }));
  for (const id of ids) await client.status(id, 'PLAYING');
  const sockets: SignallingClient[] = [];
  for (let count = 0; count < 3; count++) {
    const media = await SignallingClient.open(port);
    media.send('connectMediaTransport', { authToken: client.authToken });
    sockets.push(media);
    await until(() => media.binary.length > 0 || media.close);
  }
  t.deepEqual(await until(() => sockets[2]!.close), { code: 1008, reason: 'Session does not exist' });
  second.terminate('over');
  await client.status(ids[1]!, 'FAILED');
  await until(() => sockets[1]!.close);
  t.is(sockets[0]!.close, undefined);
  const stranger = await SignallingClient.open(port);
  stranger.send('connectMediaTransport', { authToken: 'nobody' });
  t.deepEqual(await until(() => stranger.close), { code: 1008, reason: 'No connection in time' });
  t.is(kernel.kernel.parts.sessions.count('websocket'), 1);
  client.end();
});

test.serial('a media socket that breaks off ends its playback after a moment', async (t) => {
  const { port, publish } = await start(t);
  publish('cam').write();
  const client = await SignallingClient.connect(port);
  const { id, media } = await playing(port, client, 'cam');
  await until(() => media.binary.length > 0);
  media.socket.terminate();
  t.is((await client.status(id, 'FAILED')).info, 'Failed by error');
  client.end();
});

test.serial('a player that does not read is put out, and others go on', async (t) => {
  t.timeout(60_000);
  const { port, publish, kernel } = await start(t);
  const source = publish('cam');
  source.write();
  const [slow, fast] = [await SignallingClient.connect(port), await SignallingClient.connect(port)];
  const stuck = await playing(port, slow, 'cam');
  const live = await playing(port, fast, 'cam');
  await until(() => stuck.media.binary.length > 0);
  stuck.media.socket.pause();
  const timer = setInterval(() => source.write({ length: 400_000, key: true }), 20);
  t.teardown(() => clearInterval(timer));
  const failed = await until(() => slow.all('notifyStreamStatusEvent').find(({ status }) => status === 'FAILED'), 'the slow player to be put out', 30_000);
  t.is(failed.info, 'Reader is too slow');
  clearInterval(timer);
  const last = source.next - 1;
  await until(() => numbersOf(live.media.binary, 'audio').at(-1) === last);
  t.is(fast.all('notifyStreamStatusEvent').length, 1);
  t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
  for (const one of [slow, fast, live.media]) one.end();
  stuck.media.socket.terminate();
});

test.serial('a file that plays to one client alone is paused and goes on with the next picture; what others watch as well is not', async (t) => {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort }, vod: { folder: mediaFolder } } });
  t.teardown(() => kernel.stop());
  const client = await SignallingClient.connect(port);
  const { id, media } = await playing(port, client, 'vod://small.mp4');
  const pictures = (): number[] => unitsOf(media.binary).filter(({ kind, config }) => kind === 'video' && !config).map(({ timestampMs }) => timestampMs);
  await until(() => pictures().length > 10, 'pictures');
  const stream = (): unknown => ({ mediaSessionId: id, name: 'vod://small.mp4' });
  client.send('pauseStream', stream());
  await client.status(id, 'PAUSED');
  const shared = await playing(port, client, 'vod-live://small.mp4');
  const sharedGoesOn = async (): Promise<void> => {
    const before = shared.media.binary.length;
    await until(() => shared.media.binary.length > before + 30, 'half a second of the shared one');
  };
  // What was batched when it was told to stand has come by then.
  await sharedGoesOn();
  const standing = pictures().length;
  await sharedGoesOn();
  t.is(pictures().length, standing, 'nothing comes while it stands');
  client.send('pauseStream', { mediaSessionId: shared.id, name: 'vod-live://small.mp4' });
  t.like(await client.next('fail', ({ apiMethod }) => apiMethod === 'pauseStream'), { id: shared.id });
  client.send('playStream', { ...(stream() as object), mediaProvider: 'MSE', sdp: 'v=0\r\n' });
  await until(() => pictures().length > standing + 10, 'pictures again');
  const times = pictures();
  t.true(times.slice(1).every((time, index) => time - times[index]! >= 20 && time - times[index]! <= 60), times.join());
  for (const one of [client, media, shared.media]) one.end();
});
