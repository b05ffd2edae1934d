import test, { type ExecutionContext } from 'ava';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { NumberedPlayer, NumberedPublisher } from '../../support/webrtc/numbered-media.ts';
import { byWebSocket } from '../../support/webrtc/websocket-signalling.ts';
import { startWhipServer, type WhipServer } from '../../support/whip-server.ts';

const PICTURE_MS = 20;
/** Below what requests in flight would get. */
const STOP_LIMIT_MS = 4000;

async function start(t: ExecutionContext, webrtc: object = {}): Promise<{ readonly server: WhipServer; readonly port: number }> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  return { server: await startWhipServer(t, { webrtc, plugins: { websocket: { port, tlsPort } } }), port };
}

test.serial('publisher and viewer are told the bitrate of the video once a second', async (t) => {
  const { server, port } = await start(t);
  const publishing = await byWebSocket(t, port, { message: 'publishStream', name: 'cam' });
  const publisher = await NumberedPublisher.start(t, { url: publishing.url });
  const timer = setInterval(() => publisher.write(), PICTURE_MS);
  t.teardown(() => clearInterval(timer));
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  const playing = await byWebSocket(t, port, { message: 'playStream', name: 'cam' });
  const player = await NumberedPlayer.start(t, { url: playing.url });
  await until(() => player.video.numbers.length > 0, 'a picture');
  const startedAtMs = performance.now();
  const inbound = (): readonly number[] => publishing.client.all('inboundVideoRate').map(({ videoRate }) => Number(videoRate));
  const outbound = (): readonly number[] => playing.client.all('outboundVideoRate').map(({ videoRate }) => Number(videoRate));
  await until(() => inbound().length >= 4 && outbound().length >= 4, 'four rates');
  const elapsedS = (performance.now() - startedAtMs) / 1000;
  for (const rates of [inbound(), outbound()]) {
    t.true(rates.length <= elapsedS + 3, `${rates.length} rates within ${elapsedS} s`);
    // A picture is 6 bytes, every tenth one with its parameter sets.
    for (const rate of rates.slice(1)) t.true(rate > 500 && rate < 50_000, `${rate} bit/s`);
  }
});

test.serial('a publisher that falls silent fails by RTP activity', async (t) => {
  const { server, port } = await start(t, { rtpActivityTimeoutMs: 1000 });
  const { url, client } = await byWebSocket(t, port, { message: 'publishStream', name: 'cam' });
  const publisher = await NumberedPublisher.start(t, { url });
  const startedAtMs = performance.now();
  await until(() => {
    publisher.write();
    return performance.now() - startedAtMs > 1500;
  }, 'a while');
  t.deepEqual(client.all('notifyStreamStatusEvent').map(({ status }) => status), ['PUBLISHING'], 'not while something comes');
  const failed = await client.next('notifyStreamStatusEvent', ({ status }) => status === 'FAILED');
  t.is(failed.info, 'Failed by RTP activity');
  await until(() => server.kernel.parts.sessions.count('webrtc') === 0, 'the end of the session');
});

test.serial('a publisher that never sends anything fails by RTP activity too', async (t) => {
  const { port } = await start(t, { rtpActivityTimeoutMs: 500 });
  const { url, client } = await byWebSocket(t, port, { message: 'publishStream', name: 'cam' });
  await NumberedPublisher.start(t, { url });
  const failed = await client.next('notifyStreamStatusEvent', ({ status }) => status === 'FAILED');
  t.is(failed.info, 'Failed by RTP activity');
});

test.serial('peers and signalling hear at once that the server stops', async (t) => {
  const { server, port } = await start(t);
  const { url, client } = await byWebSocket(t, port, { message: 'publishStream', name: 'cam' });
  const publisher = await NumberedPublisher.start(t, { url });
  publisher.write();
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  const player = await NumberedPlayer.start(t, { url: server.whep('cam') });
  const startedAtMs = performance.now();
  await server.kernel.stop();
  const tookMs = performance.now() - startedAtMs;
  t.true(tookMs < STOP_LIMIT_MS, `${tookMs} ms`);
  await until(() => client.close, 'the close of the WebSocket');
  await until(() => [publisher, player].every(({ client: { transport } }) => transport.alerts > 0), 'the alerts of both peers');
});

test.serial('a player without signalling hears the end of its stream by DTLS', async (t) => {
  const { server } = await start(t);
  const publisher = await NumberedPublisher.start(t, { url: server.whip('cam') });
  publisher.write();
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  const player = await NumberedPlayer.start(t, { url: server.whep('cam') });
  t.is(await publisher.client.session.end(), 200);
  await until(() => player.client.transport.alerts > 0, 'the alert');
  await until(() => server.kernel.parts.sessions.count('webrtc') === 0, 'the end of both sessions');
});
