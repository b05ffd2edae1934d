import test, { type ExecutionContext } from 'ava';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { NumberedPlayer, NumberedPublisher } from '../../support/webrtc/numbered-media.ts';
import { byWebSocket } from '../../support/webrtc/websocket-signalling.ts';
import { startWhipServer, type WhipServer } from '../../support/whip-server.ts';

const PUBLISHER_ID = 5;
const VIEWER_ID = 9;
/** Turned by 90 degrees, by a camera at the back. */
const TURNED = 0b1001;

async function start(t: ExecutionContext): Promise<{ readonly server: WhipServer; readonly port: number }> {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  return { server: await startWhipServer(t, { plugins: { websocket: { port, tlsPort } } }), port };
}

async function publish(t: ExecutionContext, { server, port }: Awaited<ReturnType<typeof start>>, cvoExtension: boolean): Promise<NumberedPublisher> {
  const { url } = await byWebSocket(t, port, { message: 'publishStream', name: 'cam', fields: { cvoExtension } });
  const publisher = await NumberedPublisher.start(t, { url, orientationId: PUBLISHER_ID });
  publisher.write(TURNED);
  await until(() => server.kernel.parts.media.find('cam')?.tracks.length === 2, 'the tracks');
  return publisher;
}

test("the orientation of pictures reaches each viewer under the viewer's own id, and no viewer that did not ask", async (t) => {
  const setup = await start(t);
  const publisher = await publish(t, setup, true);
  t.regex(publisher.client.session.answer, /^a=extmap:5 urn:3gpp:video-orientation\r$/m);
  const { url } = await byWebSocket(t, setup.port, { message: 'playStream', name: 'cam' });
  const viewers = [await NumberedPlayer.start(t, { url, orientationId: VIEWER_ID }), await NumberedPlayer.start(t, { url: setup.server.whep('cam'), orientationId: 2 })];
  const other = await NumberedPlayer.start(t, { url: setup.server.whep('cam') });
  await until(() => {
    publisher.write(TURNED);
    return [...viewers, other].every(({ video }) => video.numbers.length > 10);
  }, 'pictures');
  for (const [index, id] of [VIEWER_ID, 2].entries()) {
    const viewer = viewers[index]!;
    t.is(viewer.extensions.length, viewer.video.numbers.length);
    for (const extension of viewer.extensions) t.deepEqual(extension, Buffer.of(0xbe, 0xde, 0, 1, id << 4, TURNED, 0, 0));
  }
  t.deepEqual(other.extensions, []);
  for (const player of [...viewers, other]) t.deepEqual(player.faults(), []);
});

test('a publisher that turns its pictures itself is not asked to tell how they are turned', async (t) => {
  const publisher = await publish(t, await start(t), false);
  t.notRegex(publisher.client.session.answer, /urn:3gpp:video-orientation/);
});
