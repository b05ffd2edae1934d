import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeOfferAnswer } from '../support/fake-offer-answer.ts';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { numbersOf, NumberedPublisher, unitsOf } from '../support/mse.ts';
import { SignallingClient } from '../support/signalling-client.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';

interface Setup {
  readonly kernel: TestKernel;
  readonly port: number;
  readonly media: FakeOfferAnswer;
  readonly swap: () => Promise<{ readonly moved: number; readonly draining: number }>;
}

async function start(t: ExecutionContext): Promise<Setup> {
  const plugin = new PluginUnderTest('websocket', join(checkout, 'plugins', 'websocket', 'websocket.plugin.ts'));
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort, path: plugin.folder, drainMs: 5000 } } });
  t.teardown(async () => {
    await kernel.stop();
    plugin.remove();
  });
  return {
    kernel,
    port,
    media: new FakeOfferAnswer(kernel),
    swap: async () => {
      plugin.writeGood();
      await kernel.call('plugin.reload', { name: 'websocket' });
      return kernel.kernel.host.slot('websocket').lastSwap!;
    },
  };
}

/** Plays a stream by MSE; the client of its media socket. */
async function playMse(port: number, player: SignallingClient, name: string): Promise<{ readonly id: string; readonly media: SignallingClient }> {
  const id = player.stream('playStream', name, { mediaProvider: 'MSE' });
  await player.status(id, 'PLAYING');
  const media = await SignallingClient.open(port);
  media.send('connectMediaTransport', { authToken: player.authToken });
  await until(() => media.binary.length >= 2, 'the configurations');
  return { id, media };
}

test.serial('streams, rooms, mute states and MSE playbacks go on through swaps without a frame lost or repeated', async (t) => {
  t.timeout(60_000);
  const { kernel, port, media, swap } = await start(t);
  const source = new NumberedPublisher(kernel.kernel.parts.media, 'source');
  for (let count = 0; count < 5; count++) source.write();
  const connect = (login: string): Promise<SignallingClient> => SignallingClient.connect(port, { appKey: 'roomApp', custom: { login } });
  const [publisher, player, viewer] = [await connect('Alice'), await connect('Bob'), await connect('Carol')];
  for (const client of [publisher, player]) await client.data({ command: 'join', options: { name: 'r' } });
  const published = publisher.stream('publishStream', 'r-Alice', { custom: { name: 'r' } });
  await publisher.status(published, 'PUBLISHING');
  publisher.send('sendStreamEvent', { mediaSessionId: published, type: 'audioMuted' });
  const playbacks = [await playMse(port, viewer, 'source'), await playMse(port, viewer, 'source')];
  const others = await Promise.all(Array.from({ length: 60 }, () => SignallingClient.connect(port)));
  const lobby = await SignallingClient.open(port);

  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 7; count++) source.write({ length: 30_000 });
    const { moved, draining } = await swap();
    t.deepEqual({ moved, draining }, { moved: 64, draining: 0 });
    source.write();
  }
  const expected = Array.from({ length: source.next }, (_, index) => index);
  for (const { media: socket } of playbacks) {
    await until(() => numbersOf(socket.binary, 'audio').at(-1) === expected.at(-1), 'the last sound');
    t.deepEqual(numbersOf(socket.binary, 'video'), expected);
    t.deepEqual(numbersOf(socket.binary, 'audio'), expected);
    t.is(unitsOf(socket.binary).filter(({ config }) => config).length, 2, 'configurations once');
  }
  // Rooms, subscriptions and mute states are those of before.
  const played = player.stream('playStream', 'r-Alice');
  t.deepEqual(await player.next('notifyStreamEvent'), { mediaSessionId: played, type: 'audioMuted' });
  media.tell(published, { type: 'ended', failed: true, info: 'Failed by ICE keep alive' });
  t.like(await publisher.status(published, 'FAILED'), { info: 'Failed by ICE keep alive' });
  await until(() => player.roomEvents.at(-1)?.name === 'FAILED');
  viewer.send('stopStream', { mediaSessionId: playbacks[0]!.id, name: 'source' });
  await viewer.status(playbacks[0]!.id, 'STOPPED');
  await until(() => playbacks[0]!.media.close, 'the end of its media socket');
  source.write();
  await until(() => numbersOf(playbacks[1]!.media.binary, 'video').at(-1) === source.next - 1);
  source.publication.end('over');
  t.is((await viewer.status(playbacks[1]!.id, 'FAILED')).info, 'Stopped by publisher stop');
  lobby.send('connection', { appKey: 'defaultApp' });
  await lobby.next('getUserData');
  t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
  for (const client of [publisher, player, viewer, lobby, ...others]) client.end();
});

test.serial('a client whose offer is being answered follows later, and hears what happened to its stream and its room meanwhile', async (t) => {
  t.timeout(60_000);
  const { kernel, port, media, swap } = await start(t);
  const connect = (login: string): Promise<SignallingClient> => SignallingClient.connect(port, { appKey: 'roomApp', custom: { login } });
  const [late, other] = [await connect('Alice'), await connect('Bob')];
  for (const client of [late, other]) await client.data({ command: 'join', options: { name: 'r' } });
  let open = (): void => undefined;
  media.gate = new Promise((resolve) => (open = resolve));
  const stream = late.stream('publishStream', 'r-Alice', { custom: { name: 'r' } });
  await until(() => media.asked === 1);
  t.deepEqual(await swap().then(({ moved, draining }) => ({ moved, draining })), { moved: 1, draining: 1 });
  // Said to a member that the new version does not have yet.
  t.is((await other.data({ command: 'sendMessage', options: { roomConfig: { name: 'r' }, to: 'Alice', text: 'hi' } })).status, 'ACCEPTED');
  open();
  await late.status(stream, 'PUBLISHING');
  await until(() => other.roomEvents.at(-1)?.name === 'PUBLISHED');
  await until(() => late.roomEvents.at(-1)?.name === 'MESSAGE');
  await until(() => kernel.kernel.host.slot('websocket').draining.size === 0, 'the old version to be gone', 8000);
  t.is(late.close, undefined);
  t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
  for (const client of [late, other]) client.end();
});

test.serial('a client that is away comes back to the new version, and a media socket finds its session there', async (t) => {
  const { kernel, port, swap } = await start(t);
  const source = new NumberedPublisher(kernel.kernel.parts.media, 'source');
  source.write();
  const first = await SignallingClient.connect(port, { keepAlive: true });
  const token = first.authToken;
  const viewer = await SignallingClient.connect(port);
  const id = viewer.stream('playStream', 'source', { mediaProvider: 'MSE' });
  await viewer.status(id, 'PLAYING');
  first.end();
  await until(() => kernel.kernel.parts.sessions.list({ state: 'AWAY' }).length === 1);
  t.like(await swap(), { moved: 2, draining: 0 });
  const back = await SignallingClient.connect(port, { keepAlive: true, authToken: token });
  t.is(back.authToken, token);
  const media = await SignallingClient.open(port);
  media.send('connectMediaTransport', { authToken: viewer.authToken });
  await until(() => numbersOf(media.binary, 'video').includes(0));
  for (const client of [back, viewer, media]) client.end();
});
